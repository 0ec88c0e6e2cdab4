//! Rows and events of the engine: one place that writes them.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use wakeeper_storage::{Change, CommitOutcome, NewEvent, Storage, StorageError};

use super::state::SessionState;
use crate::clock::Clock;
use crate::events::EventSink;
use crate::model::{EventName, SessionName};

/// Storage, events and the clock, as the engine uses them.
pub(super) struct Journal {
    storage: Arc<dyn Storage>,
    sink: EventSink,
    clock: Clock,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    pub(super) fn new(storage: Arc<dyn Storage>, sink: EventSink, clock: Clock) -> Self {
        Self { storage, sink, clock }
    }

    pub(super) fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    pub(super) fn sink(&self) -> &EventSink {
        &self.sink
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// An event to commit. `chat` orders it among others of the same chat.
    pub(super) fn event(
        &self,
        session: &SessionName,
        chat: &str,
        name: EventName,
        payload: &Value,
    ) -> Option<NewEvent> {
        match self.sink.event(session, chat, name, payload) {
            Ok(event) => Some(event),
            Err(error) => {
                tracing::error!(%session, event = %name, %error, "an event could not be written as JSON");
                None
            }
        }
    }

    /// Writes changes, all or none; on disk when it answers `Ok`.
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<CommitOutcome, StorageError> {
        self.sink.commit(changes).await
    }

    /// Tells the world of a session's status. A failure is logged: the status itself stands.
    pub(super) async fn announce_status(&self, state: &SessionState) {
        let info = state.info();
        let mut payload =
            serde_json::json!({"name": info.name, "status": info.status, "statuses": info.statuses});
        if let Some(reason) = info.reason {
            payload["reason"] = Value::from(reason);
        }
        let Some(event) = self.event(&info.name, "", EventName::SessionStatus, &payload) else { return };
        if let Err(error) = self.commit(vec![Change::Events(vec![event])]).await {
            tracing::error!(session = %info.name, %error, "a change of status could not be stored");
        }
    }
}
