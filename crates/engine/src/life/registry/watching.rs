//! What is looked after for all sessions: the lock on their folder, and the rows that wait for the disk.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use wakeeper_storage::disk::DiskTrouble;

use super::{Sessions, Shared};
use crate::life::actor::Command;
use crate::life::lock::{Kept, LockError};

/// How often the lock on the folder of all sessions is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Looks every few seconds whether the folder of all sessions is still locked by this process.
pub(super) async fn watch_lock(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(shared) = shared.upgrade() else { return };
        match shared.lock.check() {
            Ok(Kept::Untouched) => {}
            Ok(Kept::PutBack) => {
                tracing::warn!("somebody deleted the lock file of the folder of sessions; it is there again");
            }
            // A disk in trouble: each session finds that out by its own files, and comes back.
            Err(error @ LockError::File { .. }) => {
                tracing::warn!(%error, "the lock of the folder of sessions was not looked at");
            }
            Err(error @ LockError::Held { .. }) => {
                let handles: Vec<_> = shared
                    .handles
                    .read()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .values()
                    .cloned()
                    .collect();
                for handle in handles {
                    let _ = handle.mailbox.send(Command::Abandon(error.to_string())).await;
                }
            }
        }
    }
}

/// Whenever the rows can be written again, stores what had to wait: changes of status, and rows of sessions.
pub(super) async fn store_what_waited(
    shared: Weak<Shared>,
    mut disk: watch::Receiver<Option<Arc<DiskTrouble>>>,
) {
    while disk.wait_for(Option::is_some).await.is_ok() && disk.wait_for(Option::is_none).await.is_ok() {
        // Held only meanwhile: the locks of the folder go with the last owner.
        let Some(sessions) = shared.upgrade().map(|shared| Sessions { shared }) else { return };
        let handles: Vec<_> = sessions.handles().values().cloned().collect();
        for handle in handles {
            let (state, journal) = (&handle.state, &handle.outbound.journal);
            journal.catch_up().await;
            if let Err(error) = state.store_if_unstored(journal).await {
                tracing::error!(session = %state.name(), %error, "the session's row was not stored");
            }
        }
    }
}
