//! The gateway itself: is it alive, healthy, ready; which version.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_delivery::webhook::Failing;
use wakeeper_engine::{EngineHealth, SessionHealth};
use wakeeper_waha::Environment;
use wakeeper_waha::SessionStatus;

use super::document::Failures;
use super::error::{ApiError, ErrorCode};
use super::extract::{OptionalBody, Parameters};
use super::state::Api;
use super::worker;

/// A check that takes longer than this counts as failed: something is stuck.
const CHECK_TIMEOUT: Duration = Duration::from_secs(4);
/// Receivers that fail and are shown at most.
const RECEIVERS_SHOWN: usize = 100;

/// Routes that need no key.
pub(super) fn public_router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(ping))
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(metrics))
}

/// Routes under `/api`.
#[expect(deprecated, reason = "WAHA's older paths are served and documented as such")]
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(version))
        .routes(routes!(server_version))
        .routes(routes!(settings))
        .routes(routes!(status))
        .routes(routes!(stop))
}

#[derive(Serialize, ToSchema)]
struct Pong {
    /// Always `pong`.
    #[schema(example = "pong")]
    message: &'static str,
}

/// The outcome of the checks, in WAHA's shape.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`, `error` or `shutting_down`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The checks that passed, with what they saw.
    info: BTreeMap<&'static str, Value>,
    /// The checks that failed, with why.
    error: BTreeMap<&'static str, Value>,
    /// All checks.
    details: BTreeMap<&'static str, Value>,
}

/// Since when the gateway serves (WAHA's `ServerStatusResponse`).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ServerStatusResponse)]
struct ServerStatus {
    /// When it began, in milliseconds since 1970.
    start_timestamp: u64,
    /// For how long it has, in milliseconds.
    uptime: u64,
    /// The machine that it runs on.
    worker: WorkerInfo,
}

/// The machine that the gateway runs on.
#[derive(Serialize, ToSchema)]
struct WorkerInfo {
    /// Its name; empty where it is not known.
    id: String,
}

/// How to stop.
#[derive(Default, Deserialize, ToSchema)]
struct StopRequest {
    /// At once: sends and deliveries that are under way are broken off. They are on the disk, and the next start goes on with them.
    #[serde(default)]
    force: bool,
}

/// The gateway stops.
#[derive(Serialize, ToSchema)]
struct StopResponse {
    /// Always `true`.
    stopping: bool,
}

/// What webhook bodies call the environment, with the machine that this is.
fn environment() -> Environment {
    Environment { worker: worker::worker(), ..Environment::default() }
}

impl Health {
    fn of(checks: Vec<(&'static str, Result<Value, Value>)>, stopping: bool) -> Self {
        let mut health =
            Self { status: "ok", info: BTreeMap::new(), error: BTreeMap::new(), details: BTreeMap::new() };
        for (name, outcome) in checks {
            let (status, evidence) = match &outcome {
                Ok(evidence) => ("up", evidence),
                Err(evidence) => ("down", evidence),
            };
            let mut detail = json!({ "status": status });
            if let (Some(detail), Some(evidence)) = (detail.as_object_mut(), evidence.as_object()) {
                detail.extend(evidence.clone());
            }
            health.details.insert(name, detail.clone());
            if outcome.is_ok() { &mut health.info } else { &mut health.error }.insert(name, detail);
        }
        if stopping {
            health.status = "shutting_down";
        } else if !health.error.is_empty() {
            health.status = "error";
        }
        health
    }
}

impl IntoResponse for Health {
    fn into_response(self) -> Response {
        let status = if self.status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, [(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}

/// Is anybody there?
#[utoipa::path(get, path = "/ping", tag = "server", security(()),
    responses((status = 200, description = "The gateway answers", body = Pong)))]
async fn ping() -> Json<Pong> {
    Json(Pong { message: "pong" })
}

/// Can the gateway serve and persist?
///
/// Waiting for a QR code to be scanned is healthy. 503 names the check that failed.
#[utoipa::path(get, path = "/health", tag = "server", security(()), responses(
    (status = 200, description = "The gateway works", body = Health),
    (status = 503, description = "It cannot, or is shutting down", body = Health)))]
async fn health(State(api): State<Api>) -> Health {
    let uptime = api.started.elapsed().as_secs();
    let process = Ok(json!({ "uptimeSeconds": uptime, "version": env!("CARGO_PKG_VERSION") }));
    let asked = Instant::now();
    let mut checks = vec![("process", process)];
    if let Ok(engine) = tokio::time::timeout(CHECK_TIMEOUT, api.sessions.health()).await {
        checks.push(("storage", storage_evidence(&engine, asked.elapsed())));
        checks.push(("disk", disk_evidence(&engine.sessions)));
        checks.push(("sessions", Ok(session_evidence(&engine.sessions))));
    } else {
        let message = format!("no answer within {} s", CHECK_TIMEOUT.as_secs());
        checks.push(("storage", Err(json!({ "message": message }))));
    }
    // A backup that fails takes nothing from who talks to the gateway now, so it is shown and is no failed check.
    if let Some(backups) = &api.backups {
        checks.push(("backups", Ok(backups())));
    }
    // So is a receiver that takes no events: they are kept for it.
    checks.push(("webhooks", Ok(receiver_evidence(&api.webhooks.failing(None)))));
    Health::of(checks, api.stopping.is_cancelled())
}

/// Receivers that fail now, the longest failing first; of their addresses the host alone: anybody may ask.
fn receiver_evidence(failing: &[Failing]) -> Value {
    let shown = |one: &Failing| json!({ "url": one.url, "since": one.since_ms, "reason": one.reason, "nextTry": one.next_try_ms });
    json!({ "failing": failing.iter().take(RECEIVERS_SHOWN).map(shown).collect::<Vec<_>>() })
}

fn storage_evidence(engine: &EngineHealth, took: Duration) -> Result<Value, Value> {
    if engine.storage {
        let mut evidence =
            json!({ "checked": "rows were written and read", "milliseconds": took.as_millis() as u64 });
        // It can serve, so it is no failed check; and yet it is not what it was.
        if let Some(because) = &engine.rows_lost {
            evidence["degraded"] = json!(format!(
                "the database was made anew at the start ({because}); messages and settings may be missing"
            ));
        }
        return Ok(evidence);
    }
    Err(json!({ "message": engine.storage_error.as_deref().unwrap_or("rows cannot be written") }))
}

/// Whether every session's own database can be written.
fn disk_evidence(sessions: &[SessionHealth]) -> Result<Value, Value> {
    let troubled: Vec<&String> = sessions.iter().filter_map(|session| session.disk.as_ref()).collect();
    match troubled.first() {
        None => Ok(
            json!({ "checked": "the files that sessions have open are those at their paths, and their last writes succeeded" }),
        ),
        Some(first) => Err(json!({ "message": first, "sessions": troubled.len() })),
    }
}

/// How many sessions are in which state, and when something last worked in any of them, in
/// milliseconds since 1970. No names: anybody may ask.
fn session_evidence(sessions: &[SessionHealth]) -> Value {
    let last = |time: fn(&SessionHealth) -> Option<i64>| sessions.iter().filter_map(time).max();
    let mut ends: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (cause, count) in sessions.iter().flat_map(|session| &session.connection_ends) {
        *ends.entry(cause).or_default() += count;
    }
    json!({
        "states": states(sessions.iter().map(|session| session.status)),
        "lastConnected": last(|session| session.last_connected),
        "lastHeard": last(|session| session.last_heard),
        "connectionAttempts": sessions.iter().map(|session| session.connection_attempts).sum::<u64>(),
        "connectionEnds": ends,
        "lastReceived": last(|session| session.last_received),
        "lastAcknowledged": last(|session| session.last_acknowledged),
        "lastUndecryptable": last(|session| session.last_undecryptable),
        "chainsRenewed": sessions.iter().map(|session| session.chains_renewed).sum::<u64>(),
        "loginsRestored": sessions.iter().map(|session| session.logins_restored).sum::<u64>(),
    })
}

fn states(states: impl Iterator<Item = SessionStatus>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for state in states {
        *counts.entry(state.as_str()).or_default() += 1;
    }
    counts
}

/// Is every started session open?
#[utoipa::path(get, path = "/ready", tag = "server", security(()), responses(
    (status = 200, description = "Every started session is `WORKING`", body = Health),
    (status = 503, description = "Some are not", body = Health)))]
async fn ready(State(api): State<Api>) -> Health {
    let started = states(api.sessions.statuses().into_iter());
    let open = started.keys().all(|state| *state == SessionStatus::Working.as_str());
    let outcome = if open {
        Ok(json!({ "states": started }))
    } else {
        Err(json!({ "message": "not every started session is WORKING", "states": started }))
    };
    Health::of(vec![("sessions", outcome)], api.stopping.is_cancelled())
}

/// Metrics in Prometheus' text format
///
/// Served when the setting `METRICS` is `true`.
#[utoipa::path(get, path = "/metrics", tag = "server", security(()), responses(
    (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
    (status = 404, description = "`METRICS` is not `true`", body = super::error::ErrorBody)))]
async fn metrics(State(api): State<Api>) -> Result<Response, ApiError> {
    let render = api.metrics.as_ref().ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, "Metrics are switched off")
            .hint("the setting METRICS=true switches them on")
    })?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], render()).into_response())
}

/// Read the version
///
/// The older path of `GET /api/server/version`.
#[utoipa::path(get, path = "/api/version", tag = "server",
    responses((status = 200, description = "The version", body = Environment)))]
#[deprecated]
async fn version() -> Json<Environment> {
    Json(environment())
}

/// Read the version
#[utoipa::path(get, path = "/api/server/version", tag = "server",
    responses((status = 200, description = "The version", body = Environment)))]
async fn server_version() -> Json<Environment> {
    Json(environment())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SettingsParameters {
    /// Those that are not set, too.
    #[serde(default)]
    all: bool,
}

/// Read the gateway's settings
///
/// By their names in the environment, secrets hidden; `null` is the default. Other variables of the process are not shown.
#[utoipa::path(get, path = "/api/server/environment", tag = "server", params(SettingsParameters),
    responses((status = 200, description = "The settings", body = BTreeMap<String, Option<String>>), Failures))]
async fn settings(
    State(api): State<Api>,
    Parameters(parameters): Parameters<SettingsParameters>,
) -> Json<BTreeMap<String, Option<String>>> {
    let mut settings = (*api.settings).clone();
    settings.retain(|_, value| parameters.all || value.is_some());
    Json(settings)
}

/// Read since when the gateway serves
#[utoipa::path(get, path = "/api/server/status", tag = "server",
    responses((status = 200, description = "Since when", body = ServerStatus)))]
async fn status(State(api): State<Api>) -> Json<ServerStatus> {
    let uptime = api.started.elapsed();
    let started = SystemTime::now().checked_sub(uptime).and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Json(ServerStatus {
        start_timestamp: milliseconds(started.unwrap_or_default()),
        uptime: milliseconds(uptime),
        worker: WorkerInfo { id: worker::name().unwrap_or_default() },
    })
}

/// Stop the gateway
///
/// It finishes what is under way and ends, with `force` without finishing; whatever started it may start it again.
#[utoipa::path(post, path = "/api/server/stop", tag = "server",
    request_body(content = Option<StopRequest>),
    responses((status = 201, description = "It stops", body = StopResponse), Failures))]
async fn stop(
    State(api): State<Api>,
    OptionalBody(StopRequest { force }): OptionalBody<StopRequest>,
) -> (StatusCode, Json<StopResponse>) {
    tracing::info!(force, "a caller of the API stops the gateway");
    if force {
        api.at_once.cancel();
    }
    api.stopping.cancel();
    (StatusCode::CREATED, Json(StopResponse { stopping: true }))
}
