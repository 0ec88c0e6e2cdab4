//! One stored message; edits and deletes.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::{Delete, Edit, Outgoing};
use wakeeper_model::{ChatId, MessageId};
use wakeeper_waha::{Message, MessageEdited, MessageRevoked};

use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, Parameters};
use super::sending;
use super::state::{Api, field};
use super::strict::NotBuilt;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(message, edit, delete))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OneMessageParameters {
    /// Fetch the file too, so that its `media.url` serves at once.
    #[serde(default, rename = "downloadMedia")]
    download_media: bool,
}

/// A new text for an own message.
#[derive(Deserialize, ToSchema)]
struct EditRequest {
    /// The new text or caption.
    text: String,
    /// People to mention, by chat id.
    mentions: Option<Vec<String>>,
    /// Accepted, because WAHA's clients send `true` by default; no preview is added to the message.
    #[serde(rename = "linkPreview")]
    _link_preview: Option<bool>,
    #[serde(default, rename = "linkPreviewHighQuality")]
    _link_preview_high_quality: NotBuilt,
}

/// Read one stored message
#[utoipa::path(get, path = "/api/{session}/chats/{chatId}/messages/{messageId}", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat"),
        ("messageId" = String, Path, description = "The message"), OneMessageParameters),
    responses((status = 200, description = "The message", body = Message), Failures))]
async fn message(
    State(api): State<Api>,
    Path((session, chat, message)): Path<(String, String, String)>,
    Parameters(parameters): Parameters<OneMessageParameters>,
) -> Result<Json<Message>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let id = message_in(&chat, &message)?;
    let message = api.sessions.message(&name, &id, parameters.download_media).await?;
    message.map(Json).ok_or_else(ApiError::message_not_found)
}

/// Edit an own message
#[utoipa::path(put, path = "/api/{session}/chats/{chatId}/messages/{messageId}", tag = "chats",
    request_body = EditRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat"),
        ("messageId" = String, Path, description = "The message")),
    responses((status = 200, description = "The edit", body = MessageEdited), Failures))]
async fn edit(
    State(api): State<Api>,
    Path((session, chat, message)): Path<(String, String, String)>,
    headers: HeaderMap,
    Body(request): Body<EditRequest>,
) -> Result<Response, ApiError> {
    let edit = Edit {
        message: message_in(&chat, &message)?,
        text: sending::text("text", request.text)?,
        mentions: sending::mentions(request.mentions)?,
    };
    sending::send(&api, &headers, &session, Outgoing::Edit(edit), StatusCode::OK).await
}

/// Delete a message for everyone
#[utoipa::path(delete, path = "/api/{session}/chats/{chatId}/messages/{messageId}", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat"),
        ("messageId" = String, Path, description = "The message")),
    responses((status = 200, description = "The deletion", body = MessageRevoked), Failures))]
async fn delete(
    State(api): State<Api>,
    Path((session, chat, message)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let outgoing = Outgoing::Delete(Delete { message: message_in(&chat, &message)? });
    sending::send(&api, &headers, &session, outgoing, StatusCode::OK).await
}

/// The message id of a path, which must lie in the path's chat.
fn message_in(chat: &str, message: &str) -> Result<MessageId, ApiError> {
    let chat: ChatId = field("chatId", chat)?;
    let message: MessageId = field("messageId", message)?;
    if message.chat == chat {
        Ok(message)
    } else {
        Err(ApiError::invalid("messageId: not in the chat chatId"))
    }
}
