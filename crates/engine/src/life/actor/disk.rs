//! What a session does when its databases cannot be written.

use std::sync::Arc;

use tokio::time::Instant;
use wakeeper_storage::disk::DiskTrouble;
use wakeeper_waha::SessionStatus;

use super::Actor;
use crate::life::backoff::{self, Cause, Verdict};
use crate::life::store::{Closed, EngineStore, OpenStore};
use crate::life::trouble::Trouble;

impl Actor {
    /// A database cannot be written: the client is given up with all it holds in memory. A new one starts from what is on
    /// disk, when that can be written again.
    pub(super) async fn on_disk(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        self.round += 1;
        self.forget_connection();
        let engine = Arc::clone(&connection.store);
        let closed = engine.gate().closed_by().unwrap_or(Closed::Left);
        self.count_unstored(&closed);
        // Callers hear of it before the client is gone, which may take a while.
        self.parts.state.set_client(None);
        self.troubled(closed.clone(), None).await;
        let store = connection.close().await;
        self.troubled(closed, Some((engine, store))).await;
    }

    /// Counts the end of a connection by what could not be stored. A message that can never be stored comes with every
    /// connection; each takes a login, and they must not follow each other within seconds for ever.
    fn count_unstored(&mut self, closed: &Closed) {
        let cause = match closed {
            Closed::Disk(_) => Cause::Disk,
            Closed::Rows(_) => Cause::NotStored,
            Closed::Left => return,
        };
        self.parts.state.count_lost(cause.name());
        metrics::counter!("wakeeper_connection_ends_total", "cause" => cause.name()).increment(1);
        if matches!(cause, Cause::NotStored) {
            let stored = self.parts.state.evidence().inbound;
            let again = stored.is_none_or(|stored| stored <= self.unstored.1);
            self.unstored.0 = if again { self.unstored.0.saturating_add(1) } else { 0 };
            self.unstored.1 = self.parts.state.clock().now_ms();
        }
    }

    /// Says what is wrong with the disk, and tries again after a wait.
    pub(super) async fn troubled(
        &mut self,
        closed: Closed,
        engine: Option<(Arc<EngineStore>, Option<OpenStore>)>,
    ) {
        let closed = match closed {
            Closed::Disk(trouble) => Closed::Disk(Arc::new(DiskTrouble::clone(&trouble).looked_into())),
            other => other,
        };
        self.deadline = None;
        let reason = closed.to_string();
        if self.trouble.is_none() || engine.is_some() {
            self.trouble = Some(Trouble::new(&closed, engine, self.trouble.as_ref()));
        }
        let mut wait = self.trouble.as_mut().map(|trouble| trouble.next_wait(rand::random()));
        if matches!(closed, Closed::Rows(_))
            && let Verdict::Retry(longer) =
                backoff::decide(&Cause::NotStored, self.unstored.0, rand::random())
        {
            wait = Some(longer);
        }
        self.parts.state.set_trouble(closed);
        self.retry = wait.filter(|_| self.started).map(|wait| Instant::now() + wait);
        if self.parts.state.status() != SessionStatus::Failed {
            tracing::error!(session = %self.parts.state.name(), reason, "the session is closed until what comes in can be stored");
        }
        self.enter(SessionStatus::Failed, Some(reason)).await;
    }

    /// Whether nothing keeps this session's databases from being written; if something does, it is tried again later.
    pub(super) async fn disk_is_well(&mut self) -> bool {
        let Some(trouble) = &self.trouble else { return true };
        let database = self.parts.folder.join(wakeeper_engine_store::DATABASE);
        let rows = self.parts.journal.storage().disk().borrow().clone();
        let over = trouble.over(&database, rows);
        match over {
            Ok(()) => {
                self.parts.state.forget_trouble();
                true
            }
            Err(still) => {
                self.troubled(Closed::Disk(still), None).await;
                false
            }
        }
    }
}
