//! What the handlers work with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use wakeeper_access::Keys;
use wakeeper_delivery::webhook::Webhooks;
use wakeeper_engine::Sessions;
use wakeeper_model::{Clock, SessionName};
use wakeeper_recovery::incidents::IncidentReader;
use wakeeper_waha::SessionInfo;

use super::access;
use super::auth::KeyPolicy;
use super::error::ApiError;
use super::old_app::OldAppConfig;
use crate::measurements::MetricsRenderer;

/// Tells what was seen, as a JSON object without names and paths.
pub type EvidenceSource = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// What the HTTP surface is told from outside.
#[derive(Clone)]
pub struct ApiConfig {
    /// Who may use `/api`.
    pub keys: KeyPolicy,
    /// Largest request body in bytes.
    pub body_limit: usize,
    /// Serves `/metrics` when given.
    pub metrics: Option<MetricsRenderer>,
    /// What `/health` shows of backups, when they are made on a schedule.
    pub backups: Option<EvidenceSource>,
    /// Reads the incidents that are kept, when some are.
    pub incidents: Option<IncidentReader>,
    /// Every setting as callers may see it: its value, secrets hidden, where it is set.
    pub settings: BTreeMap<String, Option<String>>,
    /// Serves the old app's calls when given.
    pub old_app: Option<OldAppConfig>,
    /// Serves tools for language models at `/mcp`.
    pub mcp: bool,
}

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// The engine.
    pub(super) sessions: Sessions,
    /// The dispatcher of webhooks.
    pub(super) webhooks: Webhooks,
    /// Keys of the API but the administrator's.
    pub(super) access: Keys,
    /// Does a request need a key?
    pub(super) asks_for_keys: bool,
    /// See [`ApiConfig::metrics`].
    pub(super) metrics: Option<MetricsRenderer>,
    /// See [`ApiConfig::backups`].
    pub(super) backups: Option<EvidenceSource>,
    /// See [`ApiConfig::incidents`].
    pub(super) incidents: Option<IncidentReader>,
    /// The time of day.
    pub(super) clock: Clock,
    /// See [`ApiConfig::settings`].
    pub(super) settings: Arc<BTreeMap<String, Option<String>>>,
    /// Cancelled when the gateway begins to shut down.
    pub(super) stopping: CancellationToken,
    /// Cancelled before, when nothing that is under way is to be finished.
    pub(super) at_once: CancellationToken,
    /// When this process began to serve.
    pub(super) started: Instant,
}

impl Api {
    /// The session of that name, if the request's key is good for it.
    pub(super) async fn session(&self, name: &str) -> Result<(SessionName, SessionInfo), ApiError> {
        access::reaches(name)?;
        let name: SessionName = name.parse().map_err(|_| ApiError::session_not_found())?;
        let info = self.sessions.get(&name).await?.ok_or_else(ApiError::session_not_found)?;
        Ok((name, info))
    }
}

/// A field that is text to JSON and something stricter to us. The error names the field and never
/// repeats the text.
pub(super) fn field<T>(name: &str, text: &str) -> Result<T, ApiError>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| ApiError::invalid(format!("{name}: {error}")))
}
