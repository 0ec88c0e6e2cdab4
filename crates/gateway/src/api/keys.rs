//! Keys of the API, and what was done with which. For administrators alone.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_access::{Audited, KeyError};
use wakeeper_model::SessionName;
use wakeeper_waha::{ApiKey, ApiKeyRequest, ScopedApiKeyRequest, SessionActions};

use super::document::{Done, Failures};
use super::error::{ApiError, ErrorCode};
use super::extract::{Body, Parameters};
use super::state::{Api, field};

/// Most notes in one answer.
const MOST_NOTES: u32 = 1_000;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(make_media))
        .routes(routes!(make_control))
        .routes(routes!(change, revoke))
        .routes(routes!(audit))
}

/// List the API keys, the oldest first
///
/// The administrator's key, which is a setting, is not among them. Of the others only the beginning is shown.
#[utoipa::path(get, path = "/api/keys", tag = "keys",
    responses((status = 200, description = "The keys", body = Vec<ApiKey>), Failures))]
async fn list(State(api): State<Api>) -> Json<Vec<ApiKey>> {
    Json(api.access.list())
}

/// Make an API key
///
/// The answer is the only one that shows it: no more than a digest is kept.
#[utoipa::path(post, path = "/api/keys", tag = "keys", request_body = ApiKeyRequest,
    responses((status = 201, description = "The key", body = ApiKey), Failures))]
async fn make(
    State(api): State<Api>,
    Body(wanted): Body<ApiKeyRequest>,
) -> Result<(StatusCode, Json<ApiKey>), ApiError> {
    made(&api, wanted).await
}

/// Make an API key that reads files of a session's messages
///
/// For whoever shows them: it may stand in an address, as `?x-api-key=`, where another key should not.
#[utoipa::path(post, path = "/api/keys/media", tag = "keys", request_body = ScopedApiKeyRequest,
    responses((status = 201, description = "The key", body = ApiKey), Failures))]
async fn make_media(
    State(api): State<Api>,
    Body(request): Body<ScopedApiKeyRequest>,
) -> Result<(StatusCode, Json<ApiKey>), ApiError> {
    made(&api, of_session(request, SessionActions { media: true, ..SessionActions::default() })).await
}

/// Make an API key that links, starts and stops a session
///
/// It reads the session's status and its QR code, and nothing that was written.
#[utoipa::path(post, path = "/api/keys/control", tag = "keys", request_body = ScopedApiKeyRequest,
    responses((status = 201, description = "The key", body = ApiKey), Failures))]
async fn make_control(
    State(api): State<Api>,
    Body(request): Body<ScopedApiKeyRequest>,
) -> Result<(StatusCode, Json<ApiKey>), ApiError> {
    made(&api, of_session(request, SessionActions { control: true, ..SessionActions::default() })).await
}

/// Change what an API key is good for
///
/// The key itself stays. Live streams that it opened end.
#[utoipa::path(put, path = "/api/keys/{id}", tag = "keys", request_body = ApiKeyRequest,
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key", body = ApiKey), Failures))]
async fn change(
    State(api): State<Api>,
    Path(id): Path<String>,
    Body(wanted): Body<ApiKeyRequest>,
) -> Result<Json<ApiKey>, ApiError> {
    known(&api, &wanted).await?;
    Ok(Json(api.access.change(&id, wanted).await?))
}

/// Revoke an API key
#[utoipa::path(delete, path = "/api/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "It opens nothing any more", body = Done), Failures))]
async fn revoke(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Done>, ApiError> {
    api.access.revoke(&id).await?;
    Ok(Json(Done::DONE))
}

fn of_session(request: ScopedApiKeyRequest, actions: SessionActions) -> ApiKeyRequest {
    ApiKeyRequest { session: Some(request.session), actions: Some(actions), ..ApiKeyRequest::default() }
}

async fn made(api: &Api, wanted: ApiKeyRequest) -> Result<(StatusCode, Json<ApiKey>), ApiError> {
    if !api.asks_for_keys {
        return Err(ApiError::new(
            ErrorCode::Conflict,
            "No key is asked for, so another one would open nothing",
        )
        .hint("API_KEY=none switches keys off; set API_KEY, or leave it out"));
    }
    known(api, &wanted).await?;
    let made = api.access.make(wanted).await?;
    Ok((StatusCode::CREATED, Json(made.into_answer())))
}

/// A key for a session that is not there would be good for whatever gets that name.
async fn known(api: &Api, wanted: &ApiKeyRequest) -> Result<(), ApiError> {
    let Some(session) = &wanted.session else { return Ok(()) };
    let name: SessionName = field("session", session)?;
    api.session(name.as_str()).await.map(drop)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditParameters {
    /// How many to answer at most, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: u32,
    /// Only those before this `id`: the last one of the page before.
    before: Option<i64>,
}

fn default_limit() -> u32 {
    100
}

/// A call that changed something, or was not allowed to.
#[derive(Serialize, ToSchema)]
struct AuditEntry {
    /// Its number; later ones have higher numbers.
    id: i64,
    /// When, in milliseconds since 1970.
    timestamp: i64,
    /// The id of the key; `null` for the administrator's, which is a setting.
    key: Option<String>,
    /// The method of the request.
    #[schema(example = "POST")]
    method: String,
    /// Its route.
    #[schema(example = "/api/sessions/{session}/stop")]
    route: String,
    /// The session that it was about.
    session: Option<String>,
    /// The status of its answer.
    #[schema(example = 201)]
    status: u16,
}

impl From<Audited> for AuditEntry {
    fn from(audited: Audited) -> Self {
        let entry = audited.entry;
        Self {
            id: audited.id,
            timestamp: entry.at_ms,
            key: entry.key,
            method: entry.method,
            route: entry.route,
            session: entry.session,
            status: entry.status,
        }
    }
}

/// List what was changed with which key, newest first
///
/// Calls that change a session or the gateway, also those that were refused. Reading and sending is not noted, nor what was in
/// a request. The last 100,000 are kept.
#[utoipa::path(get, path = "/api/audit", tag = "keys", params(AuditParameters),
    responses((status = 200, description = "The calls", body = Vec<AuditEntry>), Failures))]
async fn audit(
    State(api): State<Api>,
    Parameters(parameters): Parameters<AuditParameters>,
) -> Result<Json<Vec<AuditEntry>>, ApiError> {
    if !(1..=MOST_NOTES).contains(&parameters.limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST_NOTES}")));
    }
    let notes = api.access.audit(parameters.before, parameters.limit).await?;
    Ok(Json(notes.into_iter().map(AuditEntry::from).collect()))
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        let text = error.to_string();
        match error {
            KeyError::Invalid { .. } => Self::invalid(text),
            KeyError::Unknown => Self::new(ErrorCode::KeyNotFound, "There is no API key of that id")
                .hint("GET /api/keys lists them"),
            KeyError::TooMany(_) => {
                Self::new(ErrorCode::Conflict, text).hint("revoke those that nobody uses")
            }
            KeyError::Damaged { .. } => Self::new(ErrorCode::Internal, text),
            KeyError::Storage(_) => Self::of_rows(&error, error.failure()),
        }
    }
}
