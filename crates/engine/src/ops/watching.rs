//! Events as they happen, and evidence of health.

use std::sync::Arc;

use tokio::sync::broadcast;
use wakeeper_storage::EventRow;
use wakeeper_waha::SessionStatus;

use crate::life::health::{EngineHealth, SessionHealth};
use crate::life::registry::Sessions;

impl Sessions {
    /// Committed events as they happen.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<EventRow>> {
        self.shared.events.subscribe()
    }

    /// Where the sessions stand that this process owns and that were started.
    #[must_use]
    pub fn statuses(&self) -> Vec<SessionStatus> {
        let statuses = self.handles().values().map(|handle| handle.state.status()).collect::<Vec<_>>();
        statuses.into_iter().filter(|status| *status != SessionStatus::Stopped).collect()
    }

    /// Evidence of health, gathered now.
    pub async fn health(&self) -> EngineHealth {
        let checked = self.shared.storage.check().await;
        let sessions = self
            .handles()
            .values()
            .map(|handle| SessionHealth::of(&handle.state, handle.outbound.inflight.count()))
            .collect();
        EngineHealth {
            storage: checked.is_ok(),
            rows_lost: self.shared.config.rows_lost.clone(),
            storage_error: checked.err().map(|error| error.to_string()),
            sessions,
        }
    }
}
