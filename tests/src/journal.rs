//! Things that happened, in order, and waiting until enough of them did.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// An append-only list that others can wait on.
#[derive(Debug)]
pub struct Journal<T> {
    entries: Mutex<Vec<T>>,
    length: watch::Sender<usize>,
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self { entries: Mutex::new(Vec::new()), length: watch::Sender::new(0) }
    }
}

impl<T> Journal<T> {
    /// Appends an entry and wakes whoever waits.
    pub fn push(&self, entry: T) {
        let mut entries = self.entries();
        entries.push(entry);
        self.length.send_replace(entries.len());
    }

    /// Looks at all entries so far.
    pub fn read<R>(&self, look: impl FnOnce(&[T]) -> R) -> R {
        look(&self.entries())
    }

    /// Waits until `look` finds something.
    ///
    /// # Panics
    /// With `what` when `deadline` passes first.
    pub async fn wait<R>(&self, what: &str, deadline: Duration, look: impl FnMut(&[T]) -> Option<R>) -> R {
        match self.find(deadline, look).await {
            Some(found) => found,
            None => panic!("waited {deadline:?} in vain for {what}"),
        }
    }

    /// As [`Journal::wait`], but `None` when `deadline` passes first.
    pub async fn find<R>(&self, deadline: Duration, mut look: impl FnMut(&[T]) -> Option<R>) -> Option<R> {
        let mut length = self.length.subscribe();
        let search = async {
            loop {
                length.borrow_and_update();
                if let Some(found) = look(&self.entries()) {
                    return found;
                }
                // The sender lives as long as `self`.
                let _ = length.changed().await;
            }
        };
        tokio::time::timeout(deadline, search).await.ok()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<T>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks `probe` again and again until it answers, for conditions that can only be polled.
///
/// # Panics
/// With `what` and the last refusal when `deadline` passes first.
pub async fn eventually<R, E: std::fmt::Display>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<R, E>,
) -> R {
    let mut last = String::from("never asked");
    let polling = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            match probe().await {
                Ok(found) => return found,
                Err(refusal) => last = refusal.to_string(),
            }
        }
    };
    let outcome = tokio::time::timeout(deadline, polling).await;
    outcome.unwrap_or_else(|_| panic!("waited {deadline:?} in vain for {what}: {last}"))
}
