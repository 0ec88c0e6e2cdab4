//! Stars on messages.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::default_session;
use crate::api::document::{Done, Failures};
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::naming;
use crate::api::state::Api;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(star))
}

/// A message to put a star on.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessageStarRequest)]
struct StarRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// The chat of the message.
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// Id of the message; the part that its sender chose is enough.
    #[schema(example = "false_628111222333@c.us_3EB0C767D097B7C7C045")]
    message_id: String,
    /// On, or off.
    star: bool,
}

/// Star a message
///
/// Only the devices of this account show it.
#[utoipa::path(put, path = "/api/star", tag = "sending", request_body = StarRequest,
    responses((status = 200, description = "Done", body = Done), Failures))]
async fn star(State(api): State<Api>, Body(request): Body<StarRequest>) -> Result<Json<Done>, ApiError> {
    let StarRequest { session, chat_id, message_id, star } = request;
    let (name, _) = api.session(&session).await?;
    let message = naming::in_path(&api, &session, &chat_id, &message_id).await?;
    if api.sessions.star(&name, &message, star).await? {
        Ok(Json(Done::DONE))
    } else {
        Err(ApiError::message_not_found())
    }
}
