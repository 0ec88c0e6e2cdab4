//! Messages that are pinned in their chat.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::structured::{Pin, Structure};

use super::addressed::Addressed;
use crate::api::document::{Done, Failures};
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::naming;
use crate::api::state::Api;

/// How long WhatsApp's apps pin a message, in seconds: a day, a week, 30 days.
const DURATIONS: [u32; 3] = [86_400, 604_800, 2_592_000];

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(pin)).routes(routes!(unpin))
}

/// How long a message is pinned.
#[derive(Deserialize, ToSchema)]
#[schema(as = PinMessageRequest)]
struct PinRequest {
    /// In seconds: 86400 (a day), 604800 (a week) or 2592000 (30 days).
    #[schema(example = 86400)]
    duration: u32,
}

/// Pin a message for everybody
#[utoipa::path(post, path = "/api/{session}/chats/{chatId}/messages/{messageId}/pin", tag = "chats",
    request_body = PinRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat"),
        ("messageId" = String, Path, description = "The message"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn pin(
    State(api): State<Api>,
    Path((session, chat, message)): Path<(String, String, String)>,
    headers: HeaderMap,
    Body(request): Body<PinRequest>,
) -> Result<Response, ApiError> {
    if !DURATIONS.contains(&request.duration) {
        return Err(ApiError::invalid("duration: 86400 (a day), 604800 (a week) or 2592000 (30 days)"));
    }
    send(&api, &headers, session, (&chat, &message), Some(request.duration)).await
}

/// Unpin a message
#[utoipa::path(post, path = "/api/{session}/chats/{chatId}/messages/{messageId}/unpin", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat"),
        ("messageId" = String, Path, description = "The message"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn unpin(
    State(api): State<Api>,
    Path((session, chat, message)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    send(&api, &headers, session, (&chat, &message), None).await
}

async fn send(
    api: &Api,
    headers: &HeaderMap,
    session: String,
    (chat, message): (&str, &str),
    seconds: Option<u32>,
) -> Result<Response, ApiError> {
    let message = naming::in_path(api, &session, chat, message).await?;
    let chat_id = message.chat.to_string();
    let pin = Structure::Pin(Pin { message, seconds });
    Addressed { session, chat_id, ..Addressed::default() }.send(api, headers, pin).await
}
