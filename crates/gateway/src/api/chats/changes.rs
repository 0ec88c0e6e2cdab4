//! Chats changed as a whole, which the account's other devices see.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_model::ChatId;
use wakeeper_waha::{ChatPictureResponse, ReadChatMessagesResponse, Succeeded};

use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::{NoFields, OptionalBody, Parameters};
use crate::api::state::{Api, field};

/// It was done, and there is nothing to tell of it.
const DONE: Json<Succeeded> = Json(Succeeded { success: true });
/// Most messages that one call marks as read.
const MOST_READ: u32 = 1_000;

/// The routes of this part of the resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(delete))
        .routes(routes!(picture))
        .routes(routes!(clear))
        .routes(routes!(read))
        .routes(routes!(archive))
        .routes(routes!(unarchive))
        .routes(routes!(unread))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PictureParameters {
    /// Ask WhatsApp anew. Without it, an answer of the last day is good, unless the picture changed.
    #[serde(default)]
    #[param(default = false)]
    refresh: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReadParameters {
    /// At most so many, the newest ones, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    messages: Option<u32>,
    /// Only those of the last so many days.
    #[serde(default = "a_week")]
    #[param(default = 7, required = false)]
    days: u32,
}

fn a_week() -> u32 {
    7
}

fn chat_id(text: &str) -> Result<ChatId, ApiError> {
    field("chatId", text)
}

/// Delete a chat
///
/// With its messages, on all devices of the account. Nobody else sees that.
#[utoipa::path(delete, path = "/api/{session}/chats/{chatId}", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn delete(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
) -> Result<Json<Succeeded>, ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.delete_chat(&name, &chat_id(&chat)?).await?;
    Ok(DONE)
}

/// Read where a chat's picture can be fetched
#[utoipa::path(get, path = "/api/{session}/chats/{chatId}/picture", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat"), PictureParameters),
    responses((status = 200, description = "The address", body = ChatPictureResponse), Failures))]
async fn picture(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
    Parameters(parameters): Parameters<PictureParameters>,
) -> Result<Json<ChatPictureResponse>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let url = api.sessions.chat_picture(&name, &chat_id(&chat)?, parameters.refresh).await?;
    Ok(Json(ChatPictureResponse { url }))
}

/// Delete the messages of a chat
///
/// On all devices of the account; the chat stays. Nobody else sees that.
#[utoipa::path(delete, path = "/api/{session}/chats/{chatId}/messages", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn clear(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
) -> Result<Json<Succeeded>, ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.clear_chat(&name, &chat_id(&chat)?).await?;
    Ok(DONE)
}

/// Mark the messages of a chat as read
///
/// Their senders are told. When none is left unread, the account's other devices are told, too.
#[utoipa::path(post, path = "/api/{session}/chats/{chatId}/messages/read", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat"), ReadParameters),
    responses((status = 201, description = "Which", body = ReadChatMessagesResponse), Failures))]
async fn read(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
    Parameters(parameters): Parameters<ReadParameters>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<ReadChatMessagesResponse>), ApiError> {
    let (name, _) = api.session(&session).await?;
    let ReadParameters { messages, days } = parameters;
    if messages.is_some_and(|messages| !(1..=MOST_READ).contains(&messages)) {
        return Err(ApiError::invalid(format!("messages: a number from 1 to {MOST_READ}")));
    }
    let ids = api.sessions.read_chat(&name, &chat_id(&chat)?, messages, days).await?;
    Ok((StatusCode::CREATED, Json(ReadChatMessagesResponse { ids })))
}

/// Put a chat into the archive
#[utoipa::path(post, path = "/api/{session}/chats/{chatId}/archive", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat")),
    responses((status = 201, description = "Done", body = Succeeded), Failures))]
async fn archive(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<Succeeded>), ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.archive_chat(&name, &chat_id(&chat)?, true).await?;
    Ok((StatusCode::CREATED, DONE))
}

/// Take a chat out of the archive
#[utoipa::path(post, path = "/api/{session}/chats/{chatId}/unarchive", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat")),
    responses((status = 201, description = "Done", body = Succeeded), Failures))]
async fn unarchive(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<Succeeded>), ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.archive_chat(&name, &chat_id(&chat)?, false).await?;
    Ok((StatusCode::CREATED, DONE))
}

/// Mark a chat as unread
#[utoipa::path(post, path = "/api/{session}/chats/{chatId}/unread", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat")),
    responses((status = 201, description = "Done", body = Succeeded), Failures))]
async fn unread(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<Succeeded>), ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.mark_chat_unread(&name, &chat_id(&chat)?).await?;
    Ok((StatusCode::CREATED, DONE))
}
