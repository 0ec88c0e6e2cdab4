//! Sessions: create, read, change, delete, start, stop.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::EngineError;
use wakeeper_model::SessionName;
use wakeeper_waha::{App, Me, SessionConfig, SessionInfo};

use super::document::Failures;
use super::error::{ApiError, ErrorCode};
use super::extract::{Body, NoFields, OptionalBody, Parameters};
use super::paging::{List, Page};
use super::state::{Api, field};
use super::{access, strict, worker};

/// Most sessions in one answer, when its caller wants fewer than all.
const MOST_SESSIONS: u32 = 10_000;

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

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ListParameters {
    /// Stopped sessions too.
    all: bool,
    /// How many to answer at most, 1 to 10000. Without it all.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<u32>,
    /// Only those behind the page that gave this in its header `X-Next-Cursor`.
    cursor: Option<String>,
    /// What else to show of each session.
    #[param(inline)]
    expand: Vec<Expand>,
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ReadParameters {
    /// What else to show of the session.
    #[param(inline)]
    expand: Vec<Expand>,
}

/// What a session shows only when it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Expand {
    /// Its apps: none.
    Apps,
}

/// A session to create.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct NewSession {
    /// Its name, `^[A-Za-z0-9_-]{1,54}$`; one is made up when it is missing.
    name: Option<String>,
    /// Start the session at once. Default: `true`.
    start: Option<bool>,
    /// Its settings.
    config: Option<SessionConfig>,
    /// Apps of WAHA's. wakeeper has none: an empty list is taken, any app is refused.
    apps: Option<Vec<App>>,
}

/// New settings of a session.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct SessionChange {
    /// Replace the old ones, all of them; without it they stay as they are. A secret that is given back as the
    /// placeholder stays, too.
    config: Option<SessionConfig>,
    /// Apps of WAHA's. wakeeper has none: an empty list is taken, any app is refused.
    apps: Option<Vec<App>>,
}

/// How to log out.
#[derive(Default, Deserialize, ToSchema)]
struct LogoutRequest {
    #[serde(rename = "apps")]
    _apps: Option<LogoutApps>,
}

#[derive(Default, Deserialize, ToSchema)]
struct LogoutApps {
    /// What is kept of the session's apps goes, too. It has none.
    #[serde(rename = "purge")]
    _purge: Option<bool>,
}

/// What WAHA's other engines are told. Read so that a wrong type or name is found.
mod elsewhere {
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Noweb {
        pub mark_online: Option<bool>,
        #[serde(rename = "store")]
        _store: Option<Store>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Store {
        #[serde(rename = "enabled")]
        _enabled: Option<bool>,
        #[serde(rename = "fullSync")]
        _full_sync: Option<bool>,
    }

    #[derive(Deserialize)]
    pub struct Gows {
        pub storage: Option<Storage>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Storage {
        pub messages: Option<bool>,
        #[serde(rename = "groups")]
        _groups: Option<bool>,
        #[serde(rename = "chats")]
        _chats: Option<bool>,
        #[serde(rename = "labels")]
        _labels: Option<bool>,
        #[serde(rename = "contacts")]
        _contacts: Option<bool>,
        #[serde(rename = "messageSecrets")]
        _message_secrets: Option<bool>,
    }

    #[derive(Deserialize)]
    pub struct Webjs {
        #[serde(rename = "tagsEventsOn")]
        _tags_events_on: Option<bool>,
    }
}

/// Checks what can be checked of a config before the session is looked at.
pub(super) fn check(api: &Api, mut config: SessionConfig) -> Result<SessionConfig, ApiError> {
    if let Some(debug) = config.debug.take() {
        // Given back as what it means: clients write it in many ways.
        config.debug =
            strict::from_value::<Option<bool>>("config.debug", debug)?.map(serde_json::Value::from);
    }
    if let Some(noweb) = config.noweb.clone() {
        let noweb: elsewhere::Noweb = strict::from_value("config.noweb", noweb)?;
        if noweb.mark_online == Some(false) {
            return Err(ApiError::invalid(
                "config.noweb.markOnline: staying offline is not supported by this version",
            ));
        }
    }
    if let Some(gows) = config.gows.clone() {
        let gows: elsewhere::Gows = strict::from_value("config.gows", gows)?;
        if gows.storage.and_then(|storage| storage.messages) == Some(false) {
            return Err(ApiError::invalid("config.gows.storage.messages: messages are always stored")
                .hint("config.ignore leaves groups, channels, broadcasts or status updates out"));
        }
    }
    if let Some(webjs) = config.webjs.clone() {
        strict::from_value::<elsewhere::Webjs>("config.webjs", webjs)?;
    }
    api.webhooks.check(&config.webhooks).map_err(|error| ApiError::invalid(error.to_string()))?;
    let elsewhere = [
        ("debug", config.debug.is_some()),
        ("noweb", config.noweb.is_some()),
        ("gows", config.gows.is_some()),
        ("webjs", config.webjs.is_some()),
    ];
    let given: Vec<&str> = elsewhere.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if !given.is_empty() {
        let fields = given.join(", ");
        tracing::info!(
            fields,
            "settings of a session that are for WAHA's engines are kept and not needed here"
        );
    }
    Ok(config)
}

/// An app that does nothing would be a lie, also one that is off: whoever gives it wants it to be there.
fn no_apps(apps: Option<&Vec<App>>) -> Result<(), ApiError> {
    if apps.is_none_or(Vec::is_empty) {
        return Ok(());
    }
    Err(ApiError::invalid("apps: wakeeper has no apps")
        .hint("leave apps out; a webhook can do what an app does: config.webhooks"))
}

/// A session as callers see it.
pub(super) fn shown(info: SessionInfo, expand: &[Expand]) -> SessionInfo {
    let apps = expand.contains(&Expand::Apps).then(Vec::new);
    let assigned_worker = info.presence.is_some().then(worker::name).flatten();
    SessionInfo { apps, assigned_worker, ..info }
}

/// List sessions, by name
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", params(ListParameters),
    responses((status = 200, description = "The sessions", body = Vec<SessionInfo>,
        headers(("X-Next-Cursor" = String, description = "The `cursor` of the next page; left out with the last one"),
            ("Link" = String, description = "The same as an address relative to this one, `rel=\"next\"`"))),
        Failures))]
async fn list(
    State(api): State<Api>,
    RawQuery(raw): RawQuery,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Page<SessionInfo>, ApiError> {
    if parameters.limit.is_some_and(|limit| !(1..=MOST_SESSIONS).contains(&limit)) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST_SESSIONS}")));
    }
    let names = List::of(&["sessions"]);
    let after = parameters.cursor.map(|cursor| names.place(&cursor, |name| name.parse::<SessionName>().ok()));
    let after = after.transpose()?;
    let mut sessions = api.sessions.list(parameters.all).await?;
    if let Some(only) = access::only_session() {
        sessions.retain(|info| info.name.as_str() == only);
    }
    sessions.retain(|info| after.as_ref().is_none_or(|after| info.name > *after));
    let limit = parameters.limit.map_or(usize::MAX, |limit| limit as usize);
    let more = sessions.len() > limit;
    sessions.truncate(limit);
    let next = sessions.last().filter(|_| more).map(|last| names.cursor(last.name.as_str()));
    let sessions = sessions.into_iter().map(|info| shown(info, &parameters.expand)).collect();
    Ok(Page::new(sessions, next, raw.as_deref()))
}

/// Create a session
#[utoipa::path(post, path = "/api/sessions", tag = "sessions",
    request_body(content = Option<NewSession>),
    responses((status = 201, description = "The new session", body = SessionInfo), Failures))]
async fn create(
    State(api): State<Api>,
    OptionalBody(new): OptionalBody<NewSession>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let name = new.name.unwrap_or_else(|| format!("session_{}", uuid::Uuid::now_v7().simple()));
    let name: SessionName = field("name", &name)?;
    access::reaches(name.as_str())?;
    no_apps(new.apps.as_ref())?;
    let config = check(&api, new.config.unwrap_or_default())?;
    let info = api.sessions.create(name, config, new.start.unwrap_or(true)).await?;
    Ok((StatusCode::CREATED, Json(shown(info, &[]))))
}

/// Read a session
#[utoipa::path(get, path = "/api/sessions/{session}", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session"), ReadParameters),
    responses((status = 200, description = "The session", body = SessionInfo), Failures))]
pub(super) async fn read(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<ReadParameters>,
) -> Result<Json<SessionInfo>, ApiError> {
    api.session(&session).await.map(|(_, info)| Json(shown(info, &parameters.expand)))
}

/// Change a session's settings
///
/// Answers show secrets as `********`. Given back so they stay, as long as the webhook's address and the header's
/// name are the same; another address needs the secret itself.
#[utoipa::path(put, path = "/api/sessions/{session}", tag = "sessions", request_body = SessionChange,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The session", body = SessionInfo), Failures))]
pub(super) async fn update(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(change): Body<SessionChange>,
) -> Result<Json<SessionInfo>, ApiError> {
    let (name, info) = api.session(&session).await?;
    no_apps(change.apps.as_ref())?;
    let Some(config) = change.config else { return Ok(Json(shown(info, &[]))) };
    let config = check(&api, config)?;
    Ok(Json(shown(api.sessions.update(&name, config).await?, &[])))
}

/// Delete a session and its login
///
/// Answers 200 also when there is no session of that name, so that the call can be repeated.
#[utoipa::path(delete, path = "/api/sessions/{session}", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "It is gone"), Failures))]
pub(super) async fn delete(State(api): State<Api>, Path(session): Path<String>) -> Result<(), ApiError> {
    access::reaches(&session)?;
    let Ok(name) = session.parse::<SessionName>() else { return Ok(()) };
    deleted(&api, &name).await
}

/// Deletes a session, if it is there, with the keys that are good for it alone.
pub(super) async fn deleted(api: &Api, name: &SessionName) -> Result<(), ApiError> {
    let (api, name) = (api.clone(), name.clone());
    // To its end, also when the caller goes away: a key must not outlive its session.
    let deleted = tokio::spawn(async move {
        match api.sessions.delete(&name).await {
            Ok(()) | Err(EngineError::UnknownSession(_)) => {
                Ok(api.access.session_is_gone(name.as_str()).await?)
            }
            Err(error) => Err(error.into()),
        }
    });
    deleted.await.unwrap_or_else(|_| {
        Err(ApiError::new(ErrorCode::Internal, "The gateway could not do it; its log says why"))
    })
}

/// Read the account of a session
///
/// `null` until the session is linked.
#[utoipa::path(get, path = "/api/sessions/{session}/me", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The account", body = Option<Me>), Failures))]
async fn me(State(api): State<Api>, Path(session): Path<String>) -> Result<Json<Option<Me>>, ApiError> {
    api.session(&session).await.map(|(_, info)| Json(info.me))
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
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok((StatusCode::CREATED, Json(shown(api.sessions.start(&name).await?, &[]))))
}

/// Stop a session; the login stays
#[utoipa::path(post, path = "/api/sessions/{session}/stop", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The session", body = SessionInfo), Failures))]
async fn stop(
    State(api): State<Api>,
    Path(session): Path<String>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok((StatusCode::CREATED, Json(shown(api.sessions.stop(&name).await?, &[]))))
}

/// Stop a session and start it again; the login stays
#[utoipa::path(post, path = "/api/sessions/{session}/restart", tag = "sessions",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The session", body = SessionInfo), Failures))]
async fn restart(
    State(api): State<Api>,
    Path(session): Path<String>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok((StatusCode::CREATED, Json(shown(api.sessions.restart(&name).await?, &[]))))
}

/// Log a session out
///
/// Unlinks the device from the phone. Linking again needs a new QR code. Of a session that is not connected the login is kept
/// aside, and WhatsApp is not told: remove the device on the phone, too.
#[utoipa::path(post, path = "/api/sessions/{session}/logout", tag = "sessions",
    request_body(content = Option<LogoutRequest>),
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The session", body = SessionInfo), Failures))]
async fn logout(
    State(api): State<Api>,
    Path(session): Path<String>,
    OptionalBody(LogoutRequest { .. }): OptionalBody<LogoutRequest>,
) -> Result<(StatusCode, Json<SessionInfo>), ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok((StatusCode::CREATED, Json(shown(api.sessions.logout(&name).await?, &[]))))
}
