//! Rows and events of one session: the one place that writes them, and where it is known that this process owns them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use wakeeper_delivery::events::EventSink;
use wakeeper_model::{Clock, SessionName};
use wakeeper_storage::{
    Change, CommitBatch, CommitOutcome, NewEvent, OwnedRows, Ownership, Storage, StorageError, StoredStatus,
    Wait,
};
use wakeeper_waha::{EventName, Payload, SessionStatusBody};

use crate::life::backoff::Cause;
use crate::life::state::SessionState;

/// Wait before a write that the disk refused is tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// Changes of status that are kept while they cannot be stored.
const HELD_MOST: usize = 100;

/// Storage, events and the clock, as one session uses them.
///
/// The session's rows are owned from the moment that this process takes the session on, stopped or not, until it is deleted,
/// the process ends, or somebody else takes the session over.
pub(crate) struct Journal {
    storage: Arc<dyn Storage>,
    session: String,
    /// Nothing once somebody else took the session over.
    ownership: Mutex<Option<Ownership>>,
    sink: EventSink,
    clock: Clock,
    /// Changes of status that wait for room on the disk.
    held: Mutex<VecDeque<(StoredStatus, NewEvent)>>,
    /// Held while one is stored, so that they keep their order.
    announcing: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        ownership: Ownership,
        sink: EventSink,
        clock: Clock,
    ) -> Self {
        Self {
            storage,
            session: ownership.session().to_owned(),
            ownership: Mutex::new(Some(ownership)),
            sink,
            clock,
            held: Mutex::default(),
            announcing: tokio::sync::Mutex::default(),
        }
    }

    fn ownership(&self) -> MutexGuard<'_, Option<Ownership>> {
        self.ownership.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session's rows, to be written.
    ///
    /// # Errors
    /// [`StorageError::NotOwner`] once somebody else took the session over.
    pub(crate) fn rows(&self) -> Result<OwnedRows, StorageError> {
        let rows = self.ownership().as_ref().map(Ownership::rows);
        rows.ok_or_else(|| StorageError::NotOwner { session: self.session.clone() })
    }

    /// Takes the session's rows back, if they were given up.
    ///
    /// # Errors
    /// [`StorageError::Owned`] when somebody else owns them now.
    pub(crate) async fn own(&self) -> Result<(), StorageError> {
        if self.ownership().is_some() {
            return Ok(());
        }
        let ownership = self.storage.acquire(&self.session).await?;
        *self.ownership() = Some(ownership);
        Ok(())
    }

    /// Gives the session's rows up: whatever writes them still is refused.
    pub(crate) fn give_up(&self) {
        self.ownership().take();
    }

    /// What everybody may read.
    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    pub(crate) fn sink(&self) -> &EventSink {
        &self.sink
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

    /// As [`Journal::event`], told under a second name as well. Nothing, when nobody would hear of it.
    pub(crate) fn event_also(
        &self,
        session: &SessionName,
        chat: &str,
        name: EventName,
        also: Option<EventName>,
        payload: &Payload,
    ) -> Option<NewEvent> {
        if self.sink.is_heard(session, name, also) {
            self.made(session, chat, name, also, payload)
        } else {
            None
        }
    }

    fn made(
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
        self.sink.commit(&self.rows()?, changes).await
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

    /// Writes changes, all or none, with one of the next commits, or once the disk takes writes: for what has happened
    /// already, is told again when it is lost, or cannot be asked for again. Reads of messages and sends show it. While the
    /// disk takes no writes it answers only when it is stored.
    ///
    /// When they can never be stored together, that is counted, and the ends of sends and the receipts among them are stored
    /// each by itself: what was sent must not go out again, and one damaged message takes no other's receipt along.
    ///
    /// # Errors
    /// When nothing is stored any more.
    pub(crate) async fn commit_soon(
        &self,
        state: &Arc<SessionState>,
        changes: Vec<Change>,
    ) -> Result<(), StorageError> {
        let (stored, hears) = oneshot::channel();
        let stands_alone = |change: &&Change| matches!(change, Change::Send { .. } | Change::Receipt { .. });
        let each: Vec<Change> = match changes.len() {
            0 | 1 => Vec::new(),
            _ => changes.iter().filter(stands_alone).cloned().collect(),
        };
        let wait = if self.tells(state.name(), &changes) { Wait::Moment } else { Wait::Long };
        let (rows, sink, state) = (self.rows()?, self.sink.clone(), Arc::clone(state));
        let own = rows.clone();
        let done = move |outcome: Result<(), StorageError>| {
            let Err(error) = outcome else { return tell(stored, Ok(())) };
            tracing::error!(session = %state.name(), %error, "what has happened was not stored");
            if matches!(error, StorageError::Closed | StorageError::NotOwner { .. }) {
                return tell(stored, Err(error));
            }
            // The connection goes on: nothing of it comes again.
            state.count_lost(Cause::NotStored.name());
            metrics::counter!("wakeeper_connection_ends_total", "cause" => Cause::NotStored.name())
                .increment(1);
            if each.is_empty() {
                return tell(stored, Err(error));
            }
            // The writer calls this, and must not wait for itself.
            tokio::spawn(async move {
                let mut outcome = Ok(());
                for change in each {
                    outcome = outcome.and(stored_alone(&sink, &own, change).await);
                }
                tell(stored, outcome);
            });
        };
        self.sink.commit_soon(&rows, CommitBatch { wait, ..changes.into() }, done).await?;
        if self.storage.disk().borrow().is_none() {
            return Ok(());
        }
        hears.await.unwrap_or(Err(StorageError::Closed))
    }

    /// Whether somebody hears of what these changes tell.
    fn tells(&self, session: &SessionName, changes: &[Change]) -> bool {
        changes.iter().any(|change| match change {
            Change::Message { events, .. } => !events.is_empty(),
            // Its event is made when it is stored.
            Change::Receipt { .. } => {
                self.sink.is_heard(session, EventName::MessageAck, Some(EventName::MessageAckGroup))
            }
            // As long as the end of a send is not stored, it goes out again after a kill.
            _ => true,
        })
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
            let Some((status, event)) = first else { return };
            let id = event.id.clone();
            if let Err(error) = self.commit(vec![Change::Status { status, events: vec![event] }]).await {
                if error.disk_cause().is_some() {
                    return;
                }
                // The disk is well, so it would fail for ever and hold up all that follow.
                tracing::error!(id, %error, "a change of status cannot be stored; webhooks do not hear of it");
            }
            self.drop_first(&id);
        }
    }

    fn held(&self) -> MutexGuard<'_, VecDeque<(StoredStatus, NewEvent)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_first(&self, id: &str) {
        let mut held = self.held();
        if held.front().is_some_and(|(_, event)| event.id == id) {
            held.pop_front();
        }
    }

    fn hold(&self, status: StoredStatus, event: NewEvent) {
        let mut held = self.held();
        if held.len() >= HELD_MOST {
            held.pop_front();
            tracing::error!(
                kept = HELD_MOST,
                "the oldest change of status that waited for room was given up"
            );
        }
        held.push_back((status, event));
    }

    /// Tells the world of a session's status. One that cannot be stored now is kept and stored when there is room.
    pub(crate) async fn announce_status(&self, state: &SessionState) {
        let info = state.info();
        let since_ms = info.statuses.last().map_or_else(|| self.clock.now_ms(), |change| change.timestamp);
        let status = StoredStatus { status: info.status.as_str().to_owned(), since_ms };
        let payload = SessionStatusBody {
            name: info.name.clone(),
            status: info.status,
            statuses: info.statuses,
            data: state.passkey().map(Into::into),
            reason: info.reason,
        };
        // Made in any case: the status itself is stored with it.
        let Some(event) = self.made(&info.name, "", EventName::SessionStatus, None, &payload.into()) else {
            return;
        };
        let _in_order = self.announcing.lock().await;
        self.store_held().await;
        if !self.held().is_empty() {
            return self.hold(status, event);
        }
        let change = Change::Status { status: status.clone(), events: vec![event.clone()] };
        if let Err(error) = self.commit(vec![change]).await {
            if error.disk_cause().is_some() {
                tracing::error!(session = %info.name, %error, "a change of status could not be stored; it is kept until it can");
                self.hold(status, event);
            } else {
                tracing::error!(session = %info.name, %error, "a change of status cannot be stored; webhooks do not hear of it");
            }
        }
    }
}

/// Stores one change by itself.
async fn stored_alone(sink: &EventSink, rows: &OwnedRows, change: Change) -> Result<(), StorageError> {
    let (stored, hears) = oneshot::channel();
    let outcome = match sink.commit_soon(rows, vec![change], move |outcome| tell(stored, outcome)).await {
        Ok(()) => hears.await.unwrap_or(Err(StorageError::Closed)),
        refused => refused,
    };
    if let Err(error) = &outcome {
        tracing::error!(session = rows.session(), %error, "not even a part of what has happened was stored");
    }
    outcome
}

/// As a rule nobody waits for it.
fn tell(whom: oneshot::Sender<Result<(), StorageError>>, outcome: Result<(), StorageError>) {
    let _ = whom.send(outcome);
}
