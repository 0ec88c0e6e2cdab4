//! From payloads to stored events: what the engine hands its events to.
//!
//! [`EventSink::event`] wraps a payload in WAHA's webhook body and decides who must hear of it;
//! [`EventSink::commit`] writes events together with the messages they tell of, then wakes the
//! dispatcher and the live streams. What nobody is owed is not stored. What a body says is written once, here, so that every delivery of
//! an event, also after a restart or an upgrade, sends the same bytes under the same id; [`body`] puts
//! the id and the name before it when it is delivered.

mod envelope;
mod id;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::broadcast;
use wakeeper_model::{Clock, SessionName};
use wakeeper_storage::{CommitBatch, CommitOutcome, EventRow, NewEvent, OwnedRows, SecondName, StorageError};
use wakeeper_waha::{Environment, EventName};

use self::envelope::Rest;
pub use self::envelope::body;
use crate::streams::Readers;
use crate::webhook::{Audience, Dispatcher, Registry, SessionContext};

/// Live events kept for a reader that lags; one that lags further resumes from the event log.
const LIVE_BUFFER: usize = 1024;

/// Where the engine's events go. Cheap to clone.
#[derive(Clone)]
pub struct EventSink {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Arc<Registry>,
    dispatcher: Dispatcher,
    environment: Environment,
    clock: Clock,
    readers: Arc<Readers>,
    live: broadcast::Sender<Arc<EventRow>>,
}

impl Shared {
    /// Wakes the dispatcher and the live streams.
    fn committed(&self, outcome: &CommitOutcome) {
        self.dispatcher.owed(&outcome.lanes);
        if !outcome.events.is_empty() {
            self.readers.committed();
        }
        if self.live.receiver_count() > 0 {
            for event in &outcome.events {
                // No reader is no error.
                let _ = self.live.send(Arc::new(event.clone()));
            }
        }
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSink").finish_non_exhaustive()
    }
}

impl EventSink {
    pub(crate) fn new(
        registry: Arc<Registry>,
        dispatcher: Dispatcher,
        environment: Environment,
        clock: Clock,
        readers: Arc<Readers>,
    ) -> Self {
        let (live, _) = broadcast::channel(LIVE_BUFFER);
        Self { shared: Arc::new(Shared { registry, dispatcher, environment, clock, readers, live }) }
    }

    /// Makes a session's webhooks, metadata and account known, replacing what was known before.
    /// Called for every stored session before it starts, and again on every change.
    pub fn set_session(&self, session: &SessionName, context: SessionContext) {
        self.shared.registry.set_session(session.as_str(), context);
    }

    /// Forgets a deleted session. What is already in the outbox is still delivered.
    pub fn remove_session(&self, session: &SessionName) {
        self.shared.registry.remove_session(session.as_str());
        self.shared.dispatcher.forget(session.as_str());
    }

    /// Whether anybody would hear of an event under one of these names: a receiver that asked for it, or a reader of a live stream. One that
    /// nobody hears of need not be made.
    #[must_use]
    pub fn is_heard(&self, session: &SessionName, name: EventName, also: Option<EventName>) -> bool {
        let Shared { registry, readers, .. } = &*self.shared;
        let asked = |name: EventName| {
            let (session, name) = (session.as_str(), name.as_str());
            registry.is_heard(session, name) || readers.want(session, name)
        };
        self.shared.live.receiver_count() > 0 || asked(name) || also.is_some_and(asked)
    }

    /// An event ready to be committed. `chat` is the ordering key: events of one chat reach each
    /// receiver in the order of their commits; events of the whole session use an empty one.
    ///
    /// # Errors
    /// When the payload cannot be written as JSON.
    pub fn event(
        &self,
        session: &SessionName,
        chat: &str,
        name: EventName,
        payload: &impl Serialize,
    ) -> Result<NewEvent, serde_json::Error> {
        self.event_also(session, chat, name, None, payload)
    }

    /// As [`EventSink::event`], told under a second name as well; stored once.
    ///
    /// # Errors
    /// When the payload cannot be written as JSON.
    pub fn event_also(
        &self,
        session: &SessionName,
        chat: &str,
        name: EventName,
        also: Option<EventName>,
        payload: &impl Serialize,
    ) -> Result<NewEvent, serde_json::Error> {
        let shared = &self.shared;
        let timestamp_ms = shared.clock.now_ms();
        let audience = |name: EventName| shared.registry.audience(session.as_str(), name.as_str());
        let is_kept = |name: EventName| shared.readers.want(session.as_str(), name.as_str());
        let Audience { subscriptions, metadata, me } = audience(name);
        let rest = Rest {
            session: session.as_str(),
            metadata: &metadata,
            me: &me,
            payload,
            engine: &shared.environment.engine,
            environment: &shared.environment,
        };
        Ok(NewEvent {
            id: id::event_id(timestamp_ms),
            session: session.as_str().to_owned(),
            chat: chat.to_owned(),
            name: name.as_str().to_owned(),
            rest: rest.to_text()?,
            timestamp_ms,
            subscriptions,
            also: also.map(|also| SecondName {
                id: id::event_id(timestamp_ms),
                name: also.as_str().to_owned(),
                subscriptions: audience(also).subscriptions,
            }),
            kept: is_kept(name) || also.is_some_and(is_kept),
        })
    }

    /// Writes a batch into the rows of the session that its caller owns. When it answers `Ok`, messages, events and outbox rows are on disk and the
    /// deliveries are under way; only then may WhatsApp be told. Of an event that no receiver asked for only live readers hear.
    ///
    /// # Errors
    /// When the storage could not write, or the session is not owned any more; nothing of the batch is stored then.
    pub async fn commit(
        &self,
        rows: &OwnedRows,
        batch: impl Into<CommitBatch> + Send,
    ) -> Result<CommitOutcome, StorageError> {
        let outcome = rows.commit(only_owed(batch.into())).await?;
        self.shared.committed(&outcome);
        Ok(outcome)
    }

    /// As [`EventSink::commit`], for what need not be on disk before its caller goes on: see [`OwnedRows::commit_soon`].
    /// Deliveries and live streams begin once it is; then `done` is called.
    ///
    /// # Errors
    /// When the storage takes it no more, or the session is not owned any more; nothing of the batch is stored then.
    pub async fn commit_soon(
        &self,
        rows: &OwnedRows,
        batch: impl Into<CommitBatch> + Send,
        done: impl FnOnce(Result<(), StorageError>) + Send + 'static,
    ) -> Result<(), StorageError> {
        let shared = Arc::clone(&self.shared);
        let committed = move |outcome: Result<CommitOutcome, StorageError>| {
            done(outcome.map(|outcome| shared.committed(&outcome)));
        };
        rows.commit_soon(only_owed(batch.into()), committed).await
    }

    /// Committed events as they happen. Commits that race may show in either order: `seq` is the
    /// order inside a session, and a reader that lags resumes with [`wakeeper_storage::EventRows::events_after`].
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<EventRow>> {
        self.shared.live.subscribe()
    }
}

/// What nobody is owed is not stored; live readers hear of it all the same.
fn only_owed(batch: CommitBatch) -> CommitBatch {
    CommitBatch { only_owed: true, ..batch }
}
