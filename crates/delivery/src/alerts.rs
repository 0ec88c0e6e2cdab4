//! Alerts of incidents: each is on disk until its receiver took it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use wakeeper_model::{Backoff, Clock};
use wakeeper_storage::{AlertRow, IncidentSource, Storage, StorageError};

use crate::webhook::request::{post, set, sign};

/// How often new alerts are looked for.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Alerts sent in one go.
const BATCH: u32 = 16;
/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Waits between two tries.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_hours(1));
/// After so many tries, about four days, an alert is given up.
const TRIES: i64 = 100;

/// Who hears of incidents.
#[derive(Debug, Clone)]
pub struct AlertReceiver {
    /// The address; may hold a token.
    pub url: SecretString,
    /// Signs alerts.
    pub key: Option<SecretString>,
}

/// Why alerts are no longer sent.
#[derive(Debug, Error)]
pub enum AlertError {
    /// The HTTP client could not be made.
    #[error("the HTTP client for alerts cannot be built: {0}")]
    Client(#[from] reqwest::Error),
    /// They could not be read, or what became of them not be stored.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Sends the alerts of a monitor, or of a gateway, out of a storage that both may write.
pub struct AlertSender {
    storage: Arc<dyn Storage>,
    source: IncidentSource,
    receiver: Option<AlertReceiver>,
    client: Client,
    clock: Clock,
}

impl fmt::Debug for AlertSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertSender").finish_non_exhaustive()
    }
}

impl AlertSender {
    /// Sends the alerts of `source` to `receiver`. Without one, alerts stand in the log and in their incidents, and nobody else is told.
    ///
    /// # Errors
    /// [`AlertError::Client`].
    pub fn new(
        storage: Arc<dyn Storage>,
        source: IncidentSource,
        receiver: Option<AlertReceiver>,
        clock: Clock,
    ) -> Result<Self, AlertError> {
        // The operator chose the address, so it may be anywhere, behind a proxy of the environment or a redirect too.
        let client = Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { storage, source, receiver, client, clock })
    }

    /// Sends what is due until `stop`. Where alerts cannot be read or settled for a while, a full disk for example, they wait.
    ///
    /// # Errors
    /// [`AlertError::Storage`], from the last round alone.
    pub async fn run(self, stop: CancellationToken) -> Result<(), AlertError> {
        let mut poll = tokio::time::interval(POLL_INTERVAL);
        let mut works = true;
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.send_due().await,
                _ = poll.tick() => {
                    let sent = self.send_due().await;
                    if let Err(error) = &sent
                        && works
                    {
                        tracing::error!("alerts cannot be sent for now, trying again: {error}");
                    }
                    works = sent.is_ok();
                }
            }
        }
    }

    async fn send_due(&self) -> Result<(), AlertError> {
        for alert in self.storage.due_alerts(self.source, self.clock.now_ms(), BATCH).await? {
            let next_ms = match &self.receiver {
                None => None,
                Some(receiver) => match self.send(receiver, &alert).await {
                    Ok(()) => None,
                    Err(reason) => self.try_again_at(&alert, &reason),
                },
            };
            self.storage.settle_alert(alert.id, next_ms).await?;
        }
        Ok(())
    }

    /// When an alert that was not taken is sent again; `None` when it is given up.
    fn try_again_at(&self, alert: &AlertRow, reason: &str) -> Option<i64> {
        if alert.attempts + 1 >= TRIES {
            tracing::error!(alert = alert.id, "an alert is given up: {reason}");
            return None;
        }
        let wait = BACKOFF.wait(u32::try_from(alert.attempts).unwrap_or(0)).as_millis() as i64;
        tracing::warn!(alert = alert.id, "an alert was not taken, trying again in {wait} ms: {reason}");
        Some(self.clock.now_ms() + wait)
    }

    async fn send(&self, receiver: &AlertReceiver, alert: &AlertRow) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        set(&mut headers, "content-type", Some("application/json".to_owned()));
        set(&mut headers, "x-webhook-request-id", Some(format!("alert-{}", alert.id)));
        set(&mut headers, "x-webhook-timestamp", Some(alert.created_ms.to_string()));
        if let Some(key) = &receiver.key {
            sign(&mut headers, key, alert.body.as_bytes());
        }
        let answered = post(&self.client, receiver.url.expose_secret(), headers, alert.body.clone()).await;
        // The address may hold a token, so it is not repeated.
        let status = answered.map_err(|error| error.without_url().to_string())?.status;
        if status.is_success() { Ok(()) } else { Err(format!("the receiver answered {status}")) }
    }
}
