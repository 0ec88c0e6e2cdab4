//! Webhooks: every event reaches every receiver that asked for it, at least once, in the order of
//! its chat, from rows that survive a crash.
//!
//! A receiver is asked again until it answers 2xx, as its retry policy says; 410 ends the delivery
//! at once. What is given up is a dead letter, kept to be looked at and replayed. One event has one
//! id and one body, byte for byte, however often it is sent, so receivers can drop repeats.
//!
//! **Where webhooks may point.** Whoever holds the API key chooses the addresses, and receivers on
//! the same machine or network are the common case (n8n beside the gateway), so loopback and
//! private addresses are allowed unless [`WebhookSettings::addresses`] confines them; what names
//! resolve to is checked at every connection. The metadata services of clouds are never allowed.
//! Only `http` and `https`, no redirects followed, nothing but the status code of an answer is kept
//! or shown, and proxies from the environment are not used.

mod delivered;
mod delivery;
mod dispatcher;
mod failing;
mod housekeeping;
mod lane;
mod lanes;
mod letters;
mod receivers;
mod recent;
mod registry;
pub(crate) mod request;
mod retry;
mod signature;
mod subscription;
mod test_event;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use wakeeper_model::{Clock, SessionName};
use wakeeper_storage::{AttemptRow, OutboxCounts, Storage, StorageError};
use wakeeper_waha::{Environment, WebhookConfig};

pub use self::failing::Failing;
pub use self::housekeeping::RetentionSettings;
pub use self::letters::{DeadLetter, DeliveryError, WhichLetters};
pub use self::recent::{DeliveryOutcome, RecentDelivery};
pub use self::registry::SessionContext;
pub use self::subscription::{WebhookConfigError, check_event, check_webhooks, subscription_keys};
pub use self::test_event::{TestError, Tested};
pub(crate) use self::{
    dispatcher::Dispatcher,
    registry::{Audience, Registry},
};
use crate::addresses::AddressPolicy;
use crate::events::EventSink;
use crate::streams::{Readers, Streams};

/// What the webhooks need to know.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Receivers of every session's events (`WHATSAPP_HOOK_*`).
    pub global: Vec<WebhookConfig>,
    /// What bodies say of this gateway.
    pub environment: Environment,
    /// How long one request may take, answer included.
    pub timeout: Duration,
    /// How long a delivery may wait to be stored as done together with others.
    pub hold: Duration,
    /// How long finished rows are kept.
    pub retention: RetentionSettings,
    /// Where deliveries may go.
    pub addresses: AddressPolicy,
    /// The time of day.
    pub clock: Clock,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            global: Vec::new(),
            environment: Environment::default(),
            timeout: Duration::from_secs(30),
            hold: Duration::from_secs(1),
            retention: RetentionSettings::default(),
            addresses: AddressPolicy::open(),
            clock: Clock::system(),
        }
    }
}

/// Why webhooks cannot work.
#[derive(Debug, Error)]
pub enum WebhookError {
    /// A global webhook is misconfigured.
    #[error("the global webhook cannot work: {0}")]
    Config(#[from] WebhookConfigError),
    /// The HTTP client cannot be built.
    #[error("the HTTP client for webhooks cannot be built: {0}")]
    Client(#[from] reqwest::Error),
}

/// The webhooks of a gateway. Cheap to clone.
///
/// Order of use: [`Webhooks::new`]; give [`Webhooks::sink`] to the engine, which makes every stored
/// session known to it; then [`Webhooks::start`]. Deliveries owed to a session that is unknown by
/// then would become dead letters.
#[derive(Clone)]
pub struct Webhooks {
    storage: Arc<dyn Storage>,
    dispatcher: Dispatcher,
    sink: EventSink,
    readers: Arc<Readers>,
    retention: RetentionSettings,
    addresses: AddressPolicy,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").finish_non_exhaustive()
    }
}

impl Webhooks {
    /// Checks the global webhooks; delivers nothing yet. Needs the process's TLS provider installed.
    ///
    /// # Errors
    /// [`WebhookError::Config`] and [`WebhookError::Client`].
    pub fn new(storage: Arc<dyn Storage>, settings: WebhookSettings) -> Result<Self, WebhookError> {
        let WebhookSettings { global, environment, timeout, hold, retention, addresses, clock } = settings;
        check_webhooks(&global, &addresses)?;
        let registry = Arc::new(Registry::new(&global)?);
        let client = delivery::client(timeout, addresses.clone())?;
        let dispatcher = Dispatcher::new(
            Arc::clone(&storage),
            Arc::clone(&registry),
            client,
            addresses.clone(),
            clock.clone(),
            hold,
        );
        let readers = Readers::new(clock.clone());
        let sink = EventSink::new(registry, dispatcher.clone(), environment, clock, Arc::clone(&readers));
        Ok(Self { storage, dispatcher, sink, readers, retention, addresses })
    }

    /// Checks webhooks that a caller wants, also against [`WebhookSettings::addresses`].
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, configs: &[WebhookConfig]) -> Result<(), WebhookConfigError> {
        check_webhooks(configs, &self.addresses)
    }

    /// Where the engine's events go.
    #[must_use]
    pub fn sink(&self) -> EventSink {
        self.sink.clone()
    }

    /// Live streams of the same events.
    #[must_use]
    pub fn streams(&self) -> Streams {
        Streams::new(Arc::clone(&self.storage), Arc::clone(&self.readers))
    }

    /// Starts delivering, beginning with what an earlier run left behind.
    pub fn start(&self) {
        tokio::spawn(crate::streams::keep_up(self.streams()));
        self.dispatcher.start(self.retention);
    }

    /// Stops taking deliveries up and lets those on their way finish, for at most `grace`; what is
    /// cut off is delivered again after the next start.
    pub async fn shutdown(&self, grace: Duration) {
        self.dispatcher.shutdown(grace).await;
    }

    /// Deliveries that were given up, oldest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn dead_letters(&self, which: WhichLetters) -> Result<Vec<DeadLetter>, DeliveryError> {
        let letters = self.storage.dead_letters(which.into()).await?;
        Ok(letters.into_iter().map(DeadLetter::from).collect())
    }

    /// Delivers the matching dead letters anew, with all their attempts before them. Answers how
    /// many; at most `which.limit`.
    ///
    /// # Errors
    /// When the storage cannot be written.
    pub async fn replay(&self, which: WhichLetters) -> Result<usize, DeliveryError> {
        let lanes = self.storage.replay_dead_letters(which.into()).await?;
        let count = lanes.len();
        self.dispatcher.replayed(lanes);
        Ok(count)
    }

    /// The newest attempts at delivering one event to one subscription, oldest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn attempts(
        &self,
        event_id: &str,
        subscription: &str,
    ) -> Result<Vec<AttemptRow>, StorageError> {
        self.storage.attempts(event_id, subscription).await
    }

    /// The last attempts to deliver events of a session, the newest first: as many as are remembered, since this process began.
    #[must_use]
    pub fn recent(&self, session: &SessionName, limit: usize) -> Vec<RecentDelivery> {
        self.dispatcher.shared().recent.of(session.as_str(), limit)
    }

    /// Receivers that fail now, those of a session and of every session; of all where none is named. The longest failing
    /// come first.
    #[must_use]
    pub fn failing(&self, session: Option<&str>) -> Vec<Failing> {
        self.dispatcher.failing(session)
    }

    /// How much waits for the receivers of a session, and how much was given up.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn counts_of(&self, session: &str) -> Result<OutboxCounts, DeliveryError> {
        Ok(self.storage.outbox_counts_of(session).await?)
    }

    /// How much is waiting and how much was given up.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn counts(&self) -> Result<OutboxCounts, StorageError> {
        self.storage.outbox_counts().await
    }
}
