//! Rows and events of the engine: one place that writes them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wakeeper_delivery::events::EventSink;
use wakeeper_model::{Clock, SessionName};
use wakeeper_storage::{Change, CommitOutcome, NewEvent, Storage, StorageError};
use wakeeper_waha::{EventName, Payload, SessionStatusBody};

use crate::life::state::SessionState;

/// Wait before a write that the disk refused is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// Changes of status that are kept while they cannot be stored.
const HELD_MOST: usize = 1000;

/// Storage, events and the clock, as the engine uses them.
pub(crate) struct Journal {
    storage: Arc<dyn Storage>,
    sink: EventSink,
    clock: Clock,
    /// Changes of status that wait for room on the disk.
    held: Mutex<VecDeque<NewEvent>>,
    /// Held while one is stored, so that they keep their order.
    announcing: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    pub(crate) fn new(storage: Arc<dyn Storage>, sink: EventSink, clock: Clock) -> Self {
        Self { storage, sink, clock, held: Mutex::default(), announcing: tokio::sync::Mutex::default() }
    }

    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    pub(crate) fn sink(&self) -> &EventSink {
        &self.sink
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// An event to commit. `chat` orders it among others of the same chat.
    pub(crate) fn event(
        &self,
        session: &SessionName,
        chat: &str,
        name: EventName,
        payload: &Payload,
    ) -> Option<NewEvent> {
        self.event_also(session, chat, name, None, payload)
    }

    /// As [`Journal::event`], told under a second name as well.
    pub(crate) fn event_also(
        &self,
        session: &SessionName,
        chat: &str,
        name: EventName,
        also: Option<EventName>,
        payload: &Payload,
    ) -> Option<NewEvent> {
        match self.sink.event_also(session, chat, name, also, payload) {
            Ok(event) => Some(event),
            Err(error) => {
                tracing::error!(%session, event = %name, %error, "an event could not be written as JSON");
                None
            }
        }
    }

    /// Writes changes, all or none; on disk when it answers `Ok`.
    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<CommitOutcome, StorageError> {
        self.sink.commit(changes).await
    }

    /// Writes changes, all or none; waits while the disk takes no writes. For what has happened already and can be neither
    /// taken back nor asked for again.
    ///
    /// # Errors
    /// What went wrong, when it is not the disk.
    pub(crate) async fn commit_patiently(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        loop {
            match self.commit(changes.clone()).await {
                Err(error) if error.disk_cause().is_some() => self.pause().await,
                done => return done.map(drop),
            }
        }
    }

    /// Waits until the disk may take writes again.
    pub(crate) async fn pause(&self) {
        let mut disk = self.storage.disk();
        tokio::time::sleep(PAUSE).await;
        // An end of the storage is told by the next operation.
        let _ = disk.wait_for(Option::is_none).await;
    }

    /// Stores the changes of status that could not be stored when they happened, in their order.
    pub(crate) async fn catch_up(&self) {
        let _in_order = self.announcing.lock().await;
        self.store_held().await;
    }

    async fn store_held(&self) {
        loop {
            let first = self.held().front().cloned();
            let Some(event) = first else { return };
            let id = event.id.clone();
            if let Err(error) = self.commit(vec![Change::Events(vec![event])]).await {
                if error.disk_cause().is_some() {
                    return;
                }
                // The disk is well, so it would fail for ever and hold up all that follow.
                tracing::error!(id, %error, "a change of status cannot be stored; webhooks do not hear of it");
            }
            self.drop_first(&id);
        }
    }

    fn held(&self) -> MutexGuard<'_, VecDeque<NewEvent>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_first(&self, id: &str) {
        let mut held = self.held();
        if held.front().is_some_and(|event| event.id == id) {
            held.pop_front();
        }
    }

    fn hold(&self, event: NewEvent) {
        let mut held = self.held();
        if held.len() >= HELD_MOST {
            held.pop_front();
            tracing::error!(
                kept = HELD_MOST,
                "the oldest change of status that waited for room was given up"
            );
        }
        held.push_back(event);
    }

    /// Tells the world of a session's status. One that cannot be stored now is kept and stored when there is room.
    pub(crate) async fn announce_status(&self, state: &SessionState) {
        let info = state.info();
        let payload = SessionStatusBody {
            name: info.name.clone(),
            status: info.status,
            statuses: info.statuses,
            reason: info.reason,
        };
        let Some(event) = self.event(&info.name, "", EventName::SessionStatus, &payload.into()) else {
            return;
        };
        let _in_order = self.announcing.lock().await;
        self.store_held().await;
        if !self.held().is_empty() {
            return self.hold(event);
        }
        if let Err(error) = self.commit(vec![Change::Events(vec![event.clone()])]).await {
            if error.disk_cause().is_some() {
                tracing::error!(session = %info.name, %error, "a change of status could not be stored; it is kept until it can");
                self.hold(event);
            } else {
                tracing::error!(session = %info.name, %error, "a change of status cannot be stored; webhooks do not hear of it");
            }
        }
    }
}
