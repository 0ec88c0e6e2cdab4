//! What was seen of a session and is told to receivers of its events: a few at a time, by whoever sees it, without waiting.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wakeeper_waha::EvidenceEvent;

/// Sightings that wait; beyond these the oldest is forgotten, because a newer one says more.
const MOST: usize = 64;

/// What waits to be told.
#[derive(Default)]
pub(crate) struct Sightings {
    waiting: Mutex<VecDeque<EvidenceEvent>>,
    more: Notify,
}

impl Sightings {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<EvidenceEvent>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn saw(&self, sighting: EvidenceEvent) {
        let mut waiting = self.waiting();
        if waiting.len() >= MOST {
            waiting.pop_front();
        }
        waiting.push_back(sighting);
        drop(waiting);
        self.more.notify_one();
    }

    /// The next one, once there is one.
    pub(crate) async fn next(&self) -> EvidenceEvent {
        loop {
            let first = self.waiting().pop_front();
            match first {
                Some(first) => return first,
                None => self.more.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wakeeper_waha::Seen;

    use super::*;

    #[tokio::test]
    async fn they_come_in_their_order_and_the_oldest_go_first() {
        let all = Sightings::default();
        for at in 0..MOST as i64 + 3 {
            all.saw(EvidenceEvent { evidence: Seen::Deaf, at, text: String::new() });
        }
        for at in 3..MOST as i64 + 3 {
            assert_eq!(all.next().await.at, at);
        }
    }
}
