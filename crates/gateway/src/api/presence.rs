//! Who is there, and who is writing.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{ChatPresences, Presence};

use super::document::{Done, Failures};
use super::error::ApiError;
use super::extract::{Body, NoFields, OptionalBody};
use super::state::{Api, field};

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(all, show)).routes(routes!(one)).routes(routes!(subscribe))
}

/// What others are to see of this account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WAHASessionPresence)]
struct ShownPresence {
    /// `online` and `offline` are shown to everybody, the others in the chat.
    presence: Presence,
    /// In which chat: for `typing`, `recording` and `paused`.
    #[schema(example = "628111222333@c.us")]
    chat_id: Option<String>,
}

/// Show this account as online, offline, or writing
///
/// While it is online, the account's phone gets no notifications.
#[utoipa::path(post, path = "/api/{session}/presence", tag = "presence", request_body = ShownPresence,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn show(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<ShownPresence>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    let (name, _) = api.session(&session).await?;
    let chat = request.chat_id.map(|chat| field("chatId", &chat)).transpose()?;
    api.sessions.show_presence(&name, request.presence, chat.as_ref()).await?;
    Ok((StatusCode::CREATED, Json(Done::DONE)))
}

/// Read what was seen of others
///
/// Of those who were subscribed to, and in chats in which somebody wrote, since the gateway started.
#[utoipa::path(get, path = "/api/{session}/presence", tag = "presence",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "What was seen", body = Vec<ChatPresences>), Failures))]
async fn all(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<Json<Vec<ChatPresences>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.presences(&name).await?))
}

/// Read what is seen in one chat
///
/// Subscribes to a person first, and waits for the first sight of them, at most two seconds.
#[utoipa::path(get, path = "/api/{session}/presence/{chatId}", tag = "presence",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat")),
    responses((status = 200, description = "What is seen", body = ChatPresences), Failures))]
async fn one(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
) -> Result<Json<ChatPresences>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.presence_in(&name, &field("chatId", &chat)?).await?))
}

/// Be told whether a person is there
#[utoipa::path(post, path = "/api/{session}/presence/{chatId}/subscribe", tag = "presence",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The person's chat")),
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn subscribe(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.watch_presence(&name, &field("chatId", &chat)?).await?;
    Ok((StatusCode::CREATED, Json(Done::DONE)))
}
