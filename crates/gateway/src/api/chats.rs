//! Chats; in them one stored message, edits and deletes.

mod changes;
mod list;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::{Delete, Download, Edit, Outgoing};
use wakeeper_waha::{Message, MessageEdited, MessageRevoked};

use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, Parameters};
use super::state::Api;
use super::{naming, sending};

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(message, edit, delete)).merge(list::router()).merge(changes::router())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", default)]
struct OneMessageParameters {
    /// Fetch the file too, so that its `media.url` serves at once.
    download_media: bool,
    /// With `downloadMedia`: only files of these types, told by their beginnings (`image/png`, or `image/`).
    download_media_mimetypes: Vec<String>,
    /// A person's chats under phone number and LID count as one. Without it, only the chat that the id names.
    #[param(default = true)]
    merge: bool,
}

impl Default for OneMessageParameters {
    fn default() -> Self {
        Self { download_media: false, download_media_mimetypes: Vec::new(), merge: true }
    }
}

/// Which files to fetch.
pub(super) fn download(wanted: bool, mimetypes: Vec<String>) -> Download {
    match (wanted, mimetypes.is_empty()) {
        (false, _) => Download::Nothing,
        (true, true) => Download::All,
        (true, false) => Download::Of(mimetypes),
    }
}

/// A new text for an own message.
#[derive(Deserialize, ToSchema)]
struct EditRequest {
    /// The new text or caption.
    text: String,
    /// People to mention, by chat id. In groups also `["all"]`: everybody.
    mentions: Option<Vec<String>>,
    /// Show title, description and picture of the page that the text links to, as when nothing is said. The gateway fetches the page
    /// then, which takes 5 seconds at most.
    #[serde(rename = "linkPreview")]
    link_preview: Option<bool>,
    /// Upload the picture of the preview and show it large.
    #[serde(rename = "linkPreviewHighQuality")]
    link_preview_high_quality: Option<bool>,
}

/// Read one stored message
#[utoipa::path(get, path = "/api/{session}/chats/{chatId}/messages/{messageId}", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat, or `all` when the message's id says enough"),
        ("messageId" = String, Path, description = "The message's id, or the part of it that its sender chose"), OneMessageParameters),
    responses((status = 200, description = "The message", body = Message), Failures))]
async fn message(
    State(api): State<Api>,
    Path((session, chat, message)): Path<(String, String, String)>,
    Parameters(parameters): Parameters<OneMessageParameters>,
) -> Result<Json<Message>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let id = naming::in_path(&api, &session, &chat, &message).await?;
    let download = download(parameters.download_media, parameters.download_media_mimetypes);
    let message = api.sessions.message(&name, &id, &download, parameters.merge).await?;
    message.map(Json).ok_or_else(ApiError::message_not_found)
}

/// Edit an own message
#[utoipa::path(put, path = "/api/{session}/chats/{chatId}/messages/{messageId}", tag = "chats",
    request_body = EditRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat, or `all` when the message's id says enough"),
        ("messageId" = String, Path, description = "The message's id, or the part of it that its sender chose")),
    responses((status = 200, description = "The edit", body = MessageEdited), Failures))]
async fn edit(
    State(api): State<Api>,
    Path((session, chat, message)): Path<(String, String, String)>,
    headers: HeaderMap,
    Body(request): Body<EditRequest>,
) -> Result<Response, ApiError> {
    let edit = Edit {
        text: sending::text("text", request.text)?,
        link_preview: sending::link_preview(request.link_preview, request.link_preview_high_quality),
        message: naming::in_path(&api, &session, &chat, &message).await?,
        mentions: sending::mentions(request.mentions)?,
    };
    sending::send(&api, &headers, &session, Outgoing::Edit(edit), StatusCode::OK).await
}

/// Delete a message for everyone
#[utoipa::path(delete, path = "/api/{session}/chats/{chatId}/messages/{messageId}", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat, or `all` when the message's id says enough"),
        ("messageId" = String, Path, description = "The message's id, or the part of it that its sender chose")),
    responses((status = 200, description = "The deletion", body = MessageRevoked), Failures))]
async fn delete(
    State(api): State<Api>,
    Path((session, chat, message)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let message = naming::in_path(&api, &session, &chat, &message).await?;
    let outgoing = Outgoing::Delete(Delete { message });
    sending::send(&api, &headers, &session, outgoing, StatusCode::OK).await
}
