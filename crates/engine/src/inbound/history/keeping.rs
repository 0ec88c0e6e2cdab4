//! Parts of a history on their way to the disk: one after the other, on a thread that may wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wakeeper_model::SessionName;
use wakeeper_private_fs::FsError;
use whatsapp_rust::Client;

use super::parts::Parts;

/// How often a part is tried to be written.
const ATTEMPTS: u32 = 6;
/// Wait before the second attempt; before each other one twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes that wait; beyond these the client waits as well.
const MOST_BYTES: usize = 64 << 20;

struct Arrived {
    name: String,
    compressed: Bytes,
}

#[derive(Default)]
struct Waiting {
    parts: VecDeque<Arrived>,
    bytes: usize,
}

/// What came and is not on the disk yet.
#[derive(Default)]
pub(super) struct Keeping {
    waiting: Mutex<Waiting>,
    more: Notify,
}

impl Keeping {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Arrived> {
        let mut waiting = self.waiting();
        let next = waiting.parts.pop_front()?;
        waiting.bytes -= next.compressed.len();
        Some(next)
    }

    /// Drops what waits.
    pub(super) fn forget(&self) {
        *self.waiting() = Waiting::default();
    }

    async fn next(&self) -> Arrived {
        loop {
            let more = self.more.notified();
            if let Some(next) = self.take() {
                return next;
            }
            more.await;
        }
    }
}

impl Parts {
    /// Takes a part of the history of the account that `client` is logged in to. It is written soon after.
    pub(crate) fn keep(&self, session: &SessionName, client: &Client, compressed: &Bytes) {
        self.arrive(session, Arrived { name: self.name(client), compressed: compressed.clone() });
    }

    fn arrive(&self, session: &SessionName, part: Arrived) {
        {
            let mut waiting = self.keeping.waiting();
            if waiting.parts.is_empty() || waiting.bytes + part.compressed.len() <= MOST_BYTES {
                waiting.bytes += part.compressed.len();
                waiting.parts.push_back(part);
                self.keeping.more.notify_one();
                return;
            }
        }
        told(session, self.write(&part.name, &part.compressed));
    }
}

/// Writes what comes, until the session ends; then what has come already.
pub(crate) async fn write(session: SessionName, parts: Arc<Parts>, gone: CancellationToken) {
    loop {
        let part = tokio::select! {
            biased;
            part = parts.keeping.next() => part,
            () = gone.cancelled() => return,
        };
        let (mut pause, mut left) = (PAUSE, ATTEMPTS);
        let (name, compressed) = (part.name, part.compressed);
        loop {
            left -= 1;
            let (parts, name, compressed) = (Arc::clone(&parts), name.clone(), compressed.clone());
            let written = tokio::task::spawn_blocking(move || parts.write(&name, &compressed)).await;
            let Ok(Err(error)) = written else { break };
            if left == 0 || gone.is_cancelled() {
                told(&session, Err(error));
                break;
            }
            tracing::warn!(%session, %error, "a part of the history is not written yet; trying again");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = gone.cancelled() => {}
            }
            pause *= 2;
        }
    }
}

fn told(session: &SessionName, written: Result<(), FsError>) {
    if let Err(error) = written {
        tracing::error!(%session, %error, "a part of the history was not kept and is lost");
    }
}

#[cfg(test)]
mod tests {
    use wakeeper_model::Clock;

    use super::*;

    #[tokio::test]
    async fn a_part_that_cannot_be_written_at_first_is_not_lost() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("history");
        // Nothing can be written where a file has the folder's name.
        std::fs::write(&folder, b"in the way").unwrap();
        let parts = Arc::new(Parts::new(folder.clone(), Clock::system()));
        let (session, gone) = (SessionName::default_session(), CancellationToken::new());
        let writer = tokio::spawn(write(session.clone(), Arc::clone(&parts), gone.clone()));
        let part = |name: &str| Arrived { name: name.to_owned(), compressed: Bytes::from_static(b"past") };
        parts.arrive(&session, part("1.history"));
        tokio::time::sleep(PAUSE / 2).await;
        std::fs::remove_file(&folder).unwrap();
        let written = tokio::time::timeout(PAUSE * 20, parts.next()).await.unwrap();
        assert_eq!(std::fs::read(&written).unwrap(), b"past");
        // What came before the end is written.
        parts.arrive(&session, part("2.history"));
        gone.cancel();
        writer.await.unwrap();
        assert!(folder.join("2.history").exists());
    }
}
