//! Calls.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::{Done, Failures};
use super::error::ApiError;
use super::extract::Body;
use super::state::{Api, field};

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(reject))
}

/// A call to decline.
#[derive(Deserialize, ToSchema)]
struct RejectCallRequest {
    /// Who calls.
    #[schema(example = "628111222333@c.us")]
    from: String,
    /// The call's id, as `call.received` told it.
    #[schema(example = "A1B2C3D4E5F60718293A4B5C6D7E8F90")]
    id: String,
}

/// Decline a call
///
/// It rings no more on any device of the account.
#[utoipa::path(post, path = "/api/{session}/calls/reject", tag = "calls", request_body = RejectCallRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn reject(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<RejectCallRequest>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.reject_call(&name, &field("from", &request.from)?, &request.id).await?;
    Ok((StatusCode::CREATED, Json(Done::DONE)))
}
