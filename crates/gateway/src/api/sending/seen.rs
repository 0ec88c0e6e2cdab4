//! Read marks, and typing shown to the other side.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::{Outgoing, Seen, Typing};
use wakeeper_model::NamedMessage;

use super::{default_session, send};
use crate::api::document::{Done, Failures};
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::naming;
use crate::api::state::{Api, field};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_seen)).routes(routes!(start_typing)).routes(routes!(stop_typing))
}

/// Messages to mark as read.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SeenRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// In which chat.
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// Ids of the messages, or the parts of them that their senders chose; without any, all that are unread.
    message_ids: Option<Vec<String>>,
    /// One id, as older clients of WAHA send it.
    message_id: Option<String>,
    /// In groups: whose messages, when the ids do not tell.
    participant: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TypingRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// In which chat.
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
}

/// Mark messages as read
#[utoipa::path(post, path = "/api/sendSeen", tag = "sending", request_body = SeenRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn send_seen(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<SeenRequest>,
) -> Result<Response, ApiError> {
    let ids = request.message_ids.unwrap_or_default().into_iter().chain(request.message_id);
    let chat = field("chatId", &request.chat_id)?;
    let participant = request.participant.map(|id| field("participant", &id)).transpose()?;
    let named = ids.map(|id| field("messageIds", &id)).collect::<Result<Vec<NamedMessage>, _>>()?;
    let mut messages = Vec::with_capacity(named.len());
    for named in named {
        messages.push(naming::message(&api, &request.session, Some(&chat), named).await?);
    }
    let seen = Seen { chat, messages, participant };
    send(&api, &headers, &request.session, Outgoing::Seen(seen), StatusCode::CREATED).await
}

/// Show "typing"
#[utoipa::path(post, path = "/api/startTyping", tag = "sending", request_body = TypingRequest,
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn start_typing(
    State(api): State<Api>,
    Body(request): Body<TypingRequest>,
) -> Result<Response, ApiError> {
    show_typing(&api, &request, true).await
}

/// Stop showing "typing"
#[utoipa::path(post, path = "/api/stopTyping", tag = "sending", request_body = TypingRequest,
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn stop_typing(
    State(api): State<Api>,
    Body(request): Body<TypingRequest>,
) -> Result<Response, ApiError> {
    show_typing(&api, &request, false).await
}

async fn show_typing(api: &Api, request: &TypingRequest, typing: bool) -> Result<Response, ApiError> {
    let outgoing = Outgoing::Typing(Typing { chat: field("chatId", &request.chat_id)?, typing });
    send(api, &HeaderMap::new(), &request.session, outgoing, StatusCode::CREATED).await
}
