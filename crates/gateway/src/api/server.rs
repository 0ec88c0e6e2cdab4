//! The gateway itself: is it alive, healthy, ready; which version.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::SessionStatus;

use super::error::{ApiError, ErrorCode};
use super::state::Api;

/// A check that takes longer than this counts as failed: something is stuck.
const CHECK_TIMEOUT: Duration = Duration::from_secs(4);

/// Routes that need no key.
pub(super) fn public_router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(ping))
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(metrics))
}

/// Routes under `/api`.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(version)).routes(routes!(server_version))
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

#[derive(Serialize, ToSchema)]
struct Version {
    /// wakeeper's version.
    version: &'static str,
    /// The WhatsApp client inside.
    engine: &'static str,
    /// Every feature is in every build.
    tier: &'static str,
}

const VERSION: Version =
    Version { version: env!("CARGO_PKG_VERSION"), engine: crate::ENGINE, tier: crate::TIER };

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
    responses((status = 200, description = "Somebody is", body = Pong)))]
async fn ping() -> Json<Pong> {
    Json(Pong { message: "pong" })
}

/// Can the gateway serve and persist?
///
/// Waiting for a QR code to be scanned is healthy. 503 names the check that failed.
#[utoipa::path(get, path = "/health", tag = "server", security(()), responses(
    (status = 200, description = "It can", body = Health),
    (status = 503, description = "It cannot, or is shutting down", body = Health)))]
async fn health(State(api): State<Api>) -> Health {
    let (storage, engine) = tokio::join!(check_storage(&api), check_engine(&api));
    let process = Ok(json!({
        "uptimeSeconds": api.started.elapsed().as_secs(),
        "version": VERSION.version,
    }));
    let checks = vec![("process", process), ("storage", storage), ("engine", engine)];
    Health::of(checks, api.stopping.is_cancelled())
}

/// Writes and reads a row.
async fn check_storage(api: &Api) -> Result<Value, Value> {
    let started = Instant::now();
    match tokio::time::timeout(CHECK_TIMEOUT, api.storage.check()).await {
        Ok(Ok(())) => Ok(json!({ "checked": "a row was written", "milliseconds": elapsed_ms(started) })),
        Ok(Err(error)) => Err(json!({ "message": error.to_string() })),
        Err(_) => Err(json!({ "message": format!("no answer within {} s", CHECK_TIMEOUT.as_secs()) })),
    }
}

/// Asks every running session's actor for a sign of life.
async fn check_engine(api: &Api) -> Result<Value, Value> {
    let started = Instant::now();
    let Ok(health) = tokio::time::timeout(CHECK_TIMEOUT, api.sessions.health()).await else {
        return Err(json!({ "message": format!("no answer within {} s", CHECK_TIMEOUT.as_secs()) }));
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for session in api.sessions.list(true) {
        *counts.entry(session.status.as_str()).or_default() += 1;
    }
    let evidence = json!({ "sessions": counts, "milliseconds": elapsed_ms(started) });
    if health.stuck.is_empty() {
        return Ok(evidence);
    }
    let names: Vec<&str> = health.stuck.iter().map(crate::model::SessionName::as_str).collect();
    Err(json!({ "message": "these sessions do not answer", "stuck": names, "sessions": counts }))
}

fn elapsed_ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Is every started session open?
#[utoipa::path(get, path = "/ready", tag = "server", security(()), responses(
    (status = 200, description = "Every started session is `WORKING`", body = Health),
    (status = 503, description = "Some are not", body = Health)))]
async fn ready(State(api): State<Api>) -> Health {
    let sessions = api.sessions.list(false);
    let total = sessions.len();
    let waiting: BTreeMap<String, SessionStatus> = sessions
        .into_iter()
        .filter(|session| session.status != SessionStatus::Working)
        .map(|session| (session.name.to_string(), session.status))
        .collect();
    let outcome = if waiting.is_empty() {
        Ok(json!({ "started": total, "working": total }))
    } else {
        let message = format!("{} of {total} started sessions are not WORKING", waiting.len());
        Err(json!({ "message": message, "waiting": waiting }))
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
        ApiError::new(ErrorCode::NotFound, "Metrics are switched off").hint("the setting METRICS=true switches them on")
    })?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], render()).into_response())
}

/// Read the version
#[utoipa::path(get, path = "/api/version", tag = "server",
    responses((status = 200, description = "The version", body = Version)))]
async fn version() -> Json<Version> {
    Json(VERSION)
}

/// Read the version
#[utoipa::path(get, path = "/api/server/version", tag = "server",
    responses((status = 200, description = "The version", body = Version)))]
async fn server_version() -> Json<Version> {
    Json(VERSION)
}
