//! WAHA's older way to start, stop and log out: the session's name stands in the body.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_access::Scope;
use wakeeper_engine::EngineError;
use wakeeper_model::SessionName;
use wakeeper_waha::{SessionConfig, SessionInfo};

use super::access;
use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, Parameters};
use super::sessions::{self, ReadParameters, SessionChange};
use super::state::{Api, field};

/// The routes of this resource. A session may be called as one of these paths ends, and is then read, changed and deleted as
/// others are.
#[expect(deprecated, reason = "WAHA's older paths are served and documented as such")]
pub(super) fn router() -> OpenApiRouter<Api> {
    let mut router =
        OpenApiRouter::new().routes(routes!(start)).routes(routes!(stop)).routes(routes!(logout));
    for name in ["start", "stop", "logout"] {
        let named = move || Path(name.to_owned());
        let one = get(move |state: State<Api>, parameters: Parameters<ReadParameters>| {
            sessions::read(state, named(), parameters)
        })
        .put(move |state: State<Api>, change: Body<SessionChange>| sessions::update(state, named(), change))
        .delete(move |state: State<Api>| sessions::delete(state, named()));
        router = router.route(&format!("/api/sessions/{name}"), one);
    }
    router
}

/// A session to start.
#[derive(Deserialize, ToSchema)]
#[schema(as = SessionStartDeprecatedRequest)]
struct StartRequest {
    /// Its name; it is made when there is none.
    name: String,
    /// Its settings; they replace those that it has.
    config: Option<SessionConfig>,
}

/// A session to stop.
#[derive(Deserialize, ToSchema)]
#[schema(as = SessionStopDeprecatedRequest)]
struct StopRequest {
    /// Its name.
    name: String,
    /// Log it out and delete it, too.
    #[serde(default)]
    logout: bool,
}

/// A session to log out.
#[derive(Deserialize, ToSchema)]
#[schema(as = SessionLogoutDeprecatedRequest)]
struct LogoutRequest {
    /// Its name.
    name: String,
}

/// Make or change a session, and start it
///
/// `POST /api/sessions` and `POST /api/sessions/{session}/start` do it today.
#[utoipa::path(post, path = "/api/sessions/start", tag = "sessions", request_body = StartRequest,
    responses((status = 201, description = "The session", body = SessionInfo), Failures))]
#[deprecated]
async fn start(
    State(api): State<Api>,
    Body(request): Body<StartRequest>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let name: SessionName = field("name", &request.name)?;
    access::reaches(name.as_str())?;
    let config = request.config.map(|config| sessions::check(&api, config)).transpose()?;
    let known = api.sessions.get(&name).await?.is_some();
    if !known || config.is_some() {
        access::may(Scope::Setting)?;
    }
    let info = match (known, config) {
        (false, config) => api.sessions.create(name, config.unwrap_or_default(), true).await?,
        (true, None) => api.sessions.start(&name).await?,
        (true, Some(config)) => {
            api.sessions.update(&name, config).await?;
            api.sessions.start(&name).await?
        }
    };
    Ok((StatusCode::CREATED, Json(sessions::shown(info, &[]))))
}

/// Stop a session
///
/// `POST /api/sessions/{session}/stop` does it today. With `logout`, it is logged out and deleted as well.
#[utoipa::path(post, path = "/api/sessions/stop", tag = "sessions", request_body = StopRequest,
    responses((status = 201, description = "It is stopped"), Failures))]
#[deprecated]
async fn stop(State(api): State<Api>, Body(request): Body<StopRequest>) -> Result<StatusCode, ApiError> {
    let name: SessionName = field("name", &request.name)?;
    access::reaches(name.as_str())?;
    if request.logout {
        access::may(Scope::Delete)?;
        sessions::deleted(&api, &name).await?;
        return Ok(StatusCode::CREATED);
    }
    match api.sessions.stop(&name).await {
        // This call can be repeated.
        Ok(_) | Err(EngineError::UnknownSession(_)) => Ok(StatusCode::CREATED),
        Err(error) => Err(error.into()),
    }
}

/// Log a session out and delete it
///
/// `POST /api/sessions/{session}/logout` and `DELETE /api/sessions/{session}` do it today.
#[utoipa::path(post, path = "/api/sessions/logout", tag = "sessions", request_body = LogoutRequest,
    responses((status = 201, description = "It is gone"), Failures))]
#[deprecated]
async fn logout(State(api): State<Api>, Body(request): Body<LogoutRequest>) -> Result<StatusCode, ApiError> {
    let name: SessionName = field("name", &request.name)?;
    access::reaches(name.as_str())?;
    sessions::deleted(&api, &name).await?;
    Ok(StatusCode::CREATED)
}
