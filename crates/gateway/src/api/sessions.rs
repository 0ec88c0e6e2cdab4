//! Sessions: create, read, change, delete, start, stop.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::{Me, SessionConfig, SessionInfo, SessionName};
use crate::webhook::check_webhooks;

use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, OptionalBody, Parameters};
use super::state::{Api, field};

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .routes(routes!(me))
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(restart))
        .routes(routes!(logout))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Stopped sessions too.
    #[serde(default)]
    all: bool,
}

/// A session to create.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct NewSession {
    /// Its name, `^[A-Za-z0-9_-]{1,54}$`; one is made up when it is missing.
    name: Option<String>,
    /// Start it at once; so it is when missing.
    start: Option<bool>,
    /// Its settings.
    #[schema(value_type = Option<SessionConfig>)]
    config: Value,
}

/// New settings of a session.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct SessionChange {
    /// Replace the old ones.
    #[schema(value_type = Option<SessionConfig>)]
    config: Value,
}

/// WAHA's clients write `null` for what they leave out.
fn config(mut value: Value) -> Result<SessionConfig, ApiError> {
    drop_nulls(&mut value);
    if value.is_null() {
        return Ok(SessionConfig::default());
    }
    let config: SessionConfig = serde_path_to_error::deserialize(value).map_err(|error| {
        ApiError::invalid(format!("config.{}: missing, or of a wrong type", error.path()))
    })?;
    check_webhooks(&config.webhooks).map_err(|error| ApiError::invalid(error.to_string()))?;
    Ok(config)
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// List sessions
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", params(ListParameters),
    responses((status = 200, description = "The sessions", body = Vec<SessionInfo>), Failures))]
async fn list(
    State(api): State<Api>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Json<Vec<SessionInfo>> {
    Json(api.sessions.list(parameters.all))
}

/// Create a session
#[utoipa::path(post, path = "/api/sessions", tag = "sessions", request_body = NewSession,
    responses((status = 201, description = "The new session", body = SessionInfo), Failures))]
async fn create(
    State(api): State<Api>,
    OptionalBody(new): OptionalBody<NewSession>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let name = new.name.unwrap_or_else(|| format!("session_{}", uuid::Uuid::now_v7().simple()));
    let name: SessionName = field("name", &name)?;
    let config = config(new.config)?;
    let info = api.sessions.create(name, config, new.start.unwrap_or(true)).await?;
    Ok((StatusCode::CREATED, Json(info)))
}

/// Read a session
#[utoipa::path(get, path = "/api/sessions/{session}", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The session", body = SessionInfo), Failures))]
async fn read(State(api): State<Api>, Path(session): Path<String>) -> Result<Json<SessionInfo>, ApiError> {
    api.session(&session).map(|(_, info)| Json(info))
}

/// Change a session's settings
#[utoipa::path(put, path = "/api/sessions/{session}", tag = "sessions", request_body = SessionChange,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The session", body = SessionInfo), Failures))]
async fn update(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(change): Body<SessionChange>,
) -> Result<Json<SessionInfo>, ApiError> {
    let (name, _) = api.session(&session)?;
    let config = config(change.config)?;
    Ok(Json(api.sessions.update(&name, config).await?))
}

/// Delete a session and its login
#[utoipa::path(delete, path = "/api/sessions/{session}", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "It is gone"), Failures))]
async fn delete(State(api): State<Api>, Path(session): Path<String>) -> Result<(), ApiError> {
    let (name, _) = api.session(&session)?;
    Ok(api.sessions.delete(&name).await?)
}

/// Read the account of a session
///
/// `null` until the session is linked.
#[utoipa::path(get, path = "/api/sessions/{session}/me", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The account", body = Option<Me>), Failures))]
async fn me(State(api): State<Api>, Path(session): Path<String>) -> Result<Json<Option<Me>>, ApiError> {
    api.session(&session).map(|(_, info)| Json(info.me))
}

/// Start a session
///
/// Answers the session as it is when it is running already.
#[utoipa::path(post, path = "/api/sessions/{session}/start", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The session", body = SessionInfo), Failures))]
async fn start(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let (name, _) = api.session(&session)?;
    Ok((StatusCode::CREATED, Json(api.sessions.start(&name).await?)))
}

/// Stop a session; the login stays
#[utoipa::path(post, path = "/api/sessions/{session}/stop", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The session", body = SessionInfo), Failures))]
async fn stop(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let (name, _) = api.session(&session)?;
    Ok((StatusCode::CREATED, Json(api.sessions.stop(&name).await?)))
}

/// Stop a session and start it again; the login stays
#[utoipa::path(post, path = "/api/sessions/{session}/restart", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The session", body = SessionInfo), Failures))]
async fn restart(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let (name, _) = api.session(&session)?;
    Ok((StatusCode::CREATED, Json(api.sessions.restart(&name).await?)))
}

/// Log a session out
///
/// Unlinks the device from the phone. Linking again needs a new QR code.
#[utoipa::path(post, path = "/api/sessions/{session}/logout", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The session", body = SessionInfo), Failures))]
async fn logout(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let (name, _) = api.session(&session)?;
    Ok((StatusCode::CREATED, Json(api.sessions.logout(&name).await?)))
}
