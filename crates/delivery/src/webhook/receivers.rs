//! Limits on what is in flight, so that no receiver takes the room of another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lanes in flight to one receiver.
const PER_RECEIVER: usize = 16;
/// Lanes in flight altogether; bounds sockets and bodies in memory.
const ALTOGETHER: usize = 512;
/// Failures in a row after which a receiver gets one lane at a time until it answers well again.
const FAILING: u32 = 3;

/// Every receiver's limits, by address.
pub(super) struct Receivers {
    known: Mutex<HashMap<String, Arc<Receiver>>>,
    altogether: Arc<Semaphore>,
}

/// One receiver's limits.
pub(super) struct Receiver {
    lanes: Arc<Semaphore>,
    narrow: Arc<Semaphore>,
    failures: AtomicU32,
}

/// Room for one lane, given back on drop.
pub(super) struct Room {
    _permits: [Option<OwnedSemaphorePermit>; 3],
}

impl Receivers {
    pub fn new() -> Self {
        Self { known: Mutex::default(), altogether: Arc::new(Semaphore::new(ALTOGETHER)) }
    }

    pub fn receiver(&self, address: &str) -> Arc<Receiver> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(address.to_owned()).or_insert_with(|| {
            Arc::new(Receiver {
                lanes: Arc::new(Semaphore::new(PER_RECEIVER)),
                narrow: Arc::new(Semaphore::new(1)),
                failures: AtomicU32::new(0),
            })
        }))
    }

    /// Waits for room. The receiver's own comes first: who waits for that takes nobody else's.
    pub async fn room(&self, receiver: &Receiver) -> Room {
        // The semaphores are never closed, so a permit always comes.
        let narrow = match receiver.failures.load(Ordering::Relaxed) {
            FAILING.. => Arc::clone(&receiver.narrow).acquire_owned().await.ok(),
            _ => None,
        };
        let lane = Arc::clone(&receiver.lanes).acquire_owned().await.ok();
        let altogether = Arc::clone(&self.altogether).acquire_owned().await.ok();
        Room { _permits: [narrow, lane, altogether] }
    }

    /// Forgets receivers that nobody uses.
    pub fn tidy(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, receiver| Arc::strong_count(receiver) > 1);
    }
}

impl Receiver {
    pub fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_failing_receiver_gets_one_lane_until_it_answers_well_again() {
        let receivers = Receivers::new();
        let (bad, good) = (receivers.receiver("http://bad/"), receivers.receiver("http://good/"));
        for _ in 0..FAILING {
            bad.failed();
        }
        let only = receivers.room(&bad).now_or_never().unwrap();
        assert!(receivers.room(&bad).now_or_never().is_none());
        let others: Vec<_> =
            (0..PER_RECEIVER).map(|_| receivers.room(&good).now_or_never().unwrap()).collect();
        assert!(receivers.room(&good).now_or_never().is_none());
        drop((only, others));
        bad.succeeded();
        let all: Vec<_> = (0..PER_RECEIVER).map(|_| receivers.room(&bad).now_or_never().unwrap()).collect();
        assert_eq!(all.len(), PER_RECEIVER);
    }
}
