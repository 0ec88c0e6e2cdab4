//! The backups of a session: listed, made, read back.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{Backup, BackupCheck};

use super::document::Failures;
use super::error::ApiError;
use super::extract::{NoFields, OptionalBody};
use super::state::Api;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(check))
}

/// List a session's backups, newest first
#[utoipa::path(get, path = "/api/sessions/{session}/backups", tag = "care",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The backups", body = Vec<Backup>), Failures))]
async fn list(State(api): State<Api>, Path(session): Path<String>) -> Result<Json<Vec<Backup>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.backups(&name).await?))
}

/// Make a backup of a session now
///
/// The session goes on. The backup is read back to its end before the answer. It holds the login, Signal sessions and keys;
/// messages and chats are not in it. Old backups go as the settings say, as they do after a scheduled one.
#[utoipa::path(post, path = "/api/sessions/{session}/backups", tag = "care",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The backup", body = Backup), Failures))]
async fn make(
    State(api): State<Api>,
    Path(session): Path<String>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<Backup>), ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok((StatusCode::CREATED, Json(api.sessions.back_up(&name).await?)))
}

/// Read a backup back to its end
///
/// Every hash is compared, and what it would give back is examined, all in memory.
#[utoipa::path(post, path = "/api/sessions/{session}/backups/{id}/verify", tag = "care",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The backup's `id`")),
    responses((status = 200, description = "What it came to", body = BackupCheck), Failures))]
async fn check(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<Json<BackupCheck>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.check_backup(&name, &id).await?))
}
