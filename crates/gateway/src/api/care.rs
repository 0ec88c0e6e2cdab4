//! What is done about a session's stored state: repairs and restores. Nothing is changed unless the request says
//! `"dry_run": false`.

use axum::Json;
use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{RepairReport, RepairRequest, RestoreReport, RestoreRequest, RestoreWhat};

use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, OptionalBody};
use super::state::Api;

/// Longest reason that is taken.
const LONGEST_REASON: usize = 500;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(repair)).routes(routes!(restore))
}

/// Repair a session's stored state
///
/// Answers what would be done, unless `dry_run` is `false`. Then, when there is something to be done, the session's client is
/// given up, a backup is made and verified, the plan is carried out, and the session starts again. It is carried through also
/// when the caller hangs up. A login that is damaged is taken from the newest backup of it.
#[utoipa::path(post, path = "/api/sessions/{session}/repair", tag = "care",
    request_body(content = Option<RepairRequest>),
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "What was, or would be, done", body = RepairReport), Failures))]
async fn repair(
    State(api): State<Api>,
    Path(session): Path<String>,
    OptionalBody(request): OptionalBody<RepairRequest>,
) -> Result<Json<RepairReport>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.repair(&name, request).await?))
}

/// Give a backup's content back to a session
///
/// Answers what would be changed, unless `dry_run` is `false`. With `what: credentials` the login comes back where it is damaged
/// or lost, and each contact needs one automatic retry. `what: all` is refused when encryption state with contacts would go
/// back, unless `force_reason` says why it may; all sending chains are negotiated anew then. The state before is backed up, and
/// moved aside. It is carried through also when the caller hangs up.
#[utoipa::path(post, path = "/api/sessions/{session}/restore", tag = "care", request_body = RestoreRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "What was, or would be, changed", body = RestoreReport), Failures))]
async fn restore(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<RestoreRequest>,
) -> Result<Json<RestoreReport>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let reason = request.force_reason.as_deref().map(str::trim);
    if reason.is_some_and(|reason| reason.is_empty() || reason.chars().count() > LONGEST_REASON) {
        return Err(ApiError::invalid(format!("force_reason: 1 to {LONGEST_REASON} characters")));
    }
    if reason.is_some() && request.what == RestoreWhat::Credentials {
        return Err(ApiError::invalid("force_reason: only with `what: all`; the login alone needs none"));
    }
    Ok(Json(api.sessions.restore(&name, request).await?))
}
