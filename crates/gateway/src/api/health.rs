//! How one session is, and what tells so: for monitors that ask for one number.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_delivery::webhook::Failing;
use wakeeper_engine::care::CareError;
use wakeeper_engine::{Examined, SessionHealth};
use wakeeper_model::SessionName;
use wakeeper_waha::{
    ConnectionEvidence, Evidence, EvidenceName, FailingReceiver, SessionHealthReport, SessionStatus,
    Undecryptable, UndecryptableCount, WebhookEvidence,
};

use super::document::Failures;
use super::error::{ApiError, advice};
use super::extract::Parameters;
use super::state::Api;

/// For so long what an examination found makes a session unhealthy: later it may be repaired already.
const FOUND_COUNTS_MS: i64 = 10 * 60_000;

/// Messages in one answer at most.
const MOST_LISTED: u32 = 1_000;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(read)).routes(routes!(undecryptable))
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct HealthParameters {
    /// Examine the stored state now. A copy of it is read, which takes a moment; the session goes on. Without it, what the
    /// newest examination found is told.
    examine: bool,
}

/// Read how a session is, and what tells so
///
/// 200 when it is healthy: `WORKING` without trouble, or stopped by its owner. 503 in any other state, also while a QR code waits
/// to be scanned: the number cannot be reached then. Both with the same body.
#[utoipa::path(get, path = "/api/sessions/{session}/health", tag = "care",
    params(("session" = String, Path, description = "Name of the session"), HealthParameters),
    responses(Failures,
        (status = 200, description = "It is healthy, or a person stopped it", body = SessionHealthReport),
        (status = 503, description = "It is not healthy. While the gateway shuts down: an error", body = SessionHealthReport)))]
async fn read(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<HealthParameters>,
) -> Result<Response, ApiError> {
    let (name, info) = api.session(&session).await?;
    let health = api.sessions.session_health(&name).await?;
    let (examined, not_examined) = examined(&api, &name, parameters.examine).await?;
    let now_ms = api.clock.now_ms();
    let backup_ms = api.sessions.newest_backup_ms(&name).await;
    let (incidents_open, not_counted) = incidents_open(&api, &name).await;
    let webhooks = webhooks(&api, &name).await?;
    let (healthy, reason) = judged(&health, info.reason, examined.as_ref(), now_ms);
    let reason = with_remarks(reason, [not_examined, not_counted]);
    let hint = (!healthy || health.status == SessionStatus::Stopped).then(|| hint(&health));
    let report = SessionHealthReport {
        session: name,
        status: health.status,
        healthy,
        reason,
        hint,
        evidence: evidence(&health, backup_ms, now_ms),
        connection: ConnectionEvidence {
            attempts: health.connection_attempts,
            ends: health.connection_ends,
            last_end: health.last_end,
        },
        undecryptable: UndecryptableCount { waiting: health.undecryptable_waiting },
        sends_under_way: health.sends_under_way,
        chains_renewed: health.chains_renewed,
        logins_restored: health.logins_restored,
        disk: health.disk,
        examined_at: examined.as_ref().map(|examined| examined.at_ms),
        findings: examined.map(|examined| examined.findings.to_vec()).unwrap_or_default(),
        incidents_open,
        webhooks,
    };
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, [(header::CACHE_CONTROL, "no-store")], Json(report)).into_response())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// How many to answer at most, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: u32,
}

fn default_limit() -> u32 {
    100
}

/// List messages that could not be read, the newest first
///
/// Those since the gateway started that did not arrive again so far. Of one sender 100 are listed at most; the health of the
/// session counts all.
#[utoipa::path(get, path = "/api/sessions/{session}/undecryptable", tag = "care",
    params(("session" = String, Path, description = "Name of the session"), ListParameters),
    responses((status = 200, description = "The messages", body = Vec<Undecryptable>), Failures))]
async fn undecryptable(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<Vec<Undecryptable>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    if !(1..=MOST_LISTED).contains(&parameters.limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST_LISTED}")));
    }
    Ok(Json(api.sessions.undecryptable(&name, parameters.limit as usize).await?))
}

/// What is known of its stored state. Where it cannot be examined now, that is the newest that is known, and why.
async fn examined(
    api: &Api,
    name: &SessionName,
    anew: bool,
) -> Result<(Option<Examined>, Option<String>), ApiError> {
    match api.sessions.examined(name, anew).await {
        Ok(examined) => Ok((examined, None)),
        Err(error @ CareError::Session(_)) => Err(error.into()),
        Err(error) => {
            tracing::warn!(session = %name, %error, "its stored state was not examined");
            let known = api.sessions.examined(name, false).await?;
            Ok((known, Some(format!("its stored state was not examined now: {error}"))))
        }
    }
}

/// How many of its incidents are not over. That they cannot be read says nothing about the session.
async fn incidents_open(api: &Api, name: &SessionName) -> (usize, Option<String>) {
    let Some(incidents) = &api.incidents else { return (0, None) };
    match incidents.open_of(name.as_str()).await {
        Ok(open) => (open, None),
        Err(error) => {
            tracing::warn!(session = %name, %error, "the incidents cannot be read");
            (0, Some("how many of its incidents are open is unknown: they cannot be read".to_owned()))
        }
    }
}

/// The reason, and what else could not be told.
fn with_remarks(reason: Option<String>, remarks: [Option<String>; 2]) -> Option<String> {
    let told: Vec<String> = reason.into_iter().chain(remarks.into_iter().flatten()).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Whether it is healthy, and why not or what it waits for.
fn judged(
    health: &SessionHealth,
    reason: Option<String>,
    examined: Option<&Examined>,
    now_ms: i64,
) -> (bool, Option<String>) {
    if let Some(disk) = &health.disk {
        return (false, Some(disk.clone()));
    }
    match health.status {
        SessionStatus::Working => {}
        SessionStatus::Stopped => return (true, reason.or_else(|| Some("its owner stopped it".to_owned()))),
        status => return (false, reason.or_else(|| Some(format!("the session is {status}")))),
    }
    if let Some(since) = health.unacknowledged_since {
        let seconds = (now_ms - since).max(0) / 1_000;
        return (false, Some(format!("WhatsApp has acknowledged nothing that was sent for {seconds} s")));
    }
    let lately = examined.filter(|examined| now_ms - examined.at_ms < FOUND_COUNTS_MS);
    let mut findings = lately.iter().flat_map(|examined| examined.findings.iter());
    match findings.find(|finding| finding.severity == "error") {
        Some(error) => (false, Some(error.evidence.clone())),
        None => (true, reason),
    }
}

/// What to do about it.
fn hint(health: &SessionHealth) -> String {
    if health.disk.is_some() {
        return "make room or put the file back: the session goes on by itself then".to_owned();
    }
    match health.status {
        SessionStatus::Working if health.unacknowledged_since.is_some() => {
            "sends are kept and go on by themselves; POST /api/sessions/{session}/restart connects anew"
                .to_owned()
        }
        SessionStatus::Working => {
            "POST /api/sessions/{session}/repair says what a repair would do".to_owned()
        }
        status => advice(status).to_owned(),
    }
}

fn evidence(health: &SessionHealth, backup_ms: Option<i64>, now_ms: i64) -> Vec<Evidence> {
    let seen = [
        (EvidenceName::Connected, health.last_connected),
        (EvidenceName::Heard, health.last_heard),
        (EvidenceName::Received, health.last_received),
        (EvidenceName::Undecryptable, health.last_undecryptable),
        (EvidenceName::Acknowledged, health.last_acknowledged),
        (EvidenceName::Backup, backup_ms),
    ];
    // A clock that was set back makes nothing younger than now.
    let age = |at: i64| u64::try_from((now_ms - at).max(0) / 1_000).unwrap_or_default();
    seen.map(|(name, at)| Evidence { name, at, age_seconds: at.map(age) }).into()
}

async fn webhooks(api: &Api, name: &SessionName) -> Result<WebhookEvidence, ApiError> {
    let counts = api.webhooks.counts_of(name.as_str()).await?;
    let failing = api.webhooks.failing(Some(name.as_str()));
    Ok(WebhookEvidence {
        waiting: u64::try_from(counts.pending).unwrap_or_default(),
        failing: failing.into_iter().map(shown).collect(),
        dead_letters: u64::try_from(counts.dead).unwrap_or_default(),
    })
}

fn shown(failing: Failing) -> FailingReceiver {
    FailingReceiver {
        url: failing.url,
        since: failing.since_ms,
        reason: failing.reason,
        next_try: failing.next_try_ms,
    }
}
