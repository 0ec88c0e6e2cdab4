//! How WhatsApp limits what an account may write to people who never wrote to it.

use axum::Json;
use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{MessageCapping, ReachoutTimelock};

use super::document::Failures;
use super::error::ApiError;
use super::state::Api;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(capping)).routes(routes!(timelock))
}

/// Read how many new chats the account may begin
#[utoipa::path(get, path = "/api/sessions/{session}/capping", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The limit", body = MessageCapping), Failures))]
async fn capping(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<Json<MessageCapping>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.capping(&name).await?))
}

/// Read whether WhatsApp keeps the account from writing to new people
#[utoipa::path(get, path = "/api/sessions/{session}/timelock", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The time lock", body = ReachoutTimelock), Failures))]
async fn timelock(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<Json<ReachoutTimelock>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.timelock(&name).await?))
}
