//! The last attempts to deliver, in memory: what each came to, also those that succeeded, of which no row tells. They begin anew
//! with the process. What is owed and what was given up are rows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::delivery::Attempted;

/// Attempts that are remembered of each session.
const MOST_EACH: usize = 50;
/// Sessions of which attempts are remembered; those that were quiet the longest are forgotten.
const MOST_SESSIONS: usize = 1_000;

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentDelivery {
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// The event's id, as receivers know it.
    pub event_id: String,
    /// The event's name.
    pub event: String,
    /// Which webhook.
    pub subscription: String,
    /// Which attempt of this event it was, from 1.
    pub attempt: u32,
    /// The status of the answer, when one came.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// How long it took.
    pub milliseconds: u64,
    /// What follows.
    pub outcome: DeliveryOutcome,
}

impl RecentDelivery {
    pub(super) fn of(
        attempted: &Attempted,
        outcome: DeliveryOutcome,
        started_ms: i64,
        (event_id, event): (String, String),
        subscription: String,
        attempt: u32,
    ) -> Self {
        Self {
            started_ms,
            event_id,
            event,
            subscription,
            attempt,
            status: attempted.status,
            error: attempted.why(),
            milliseconds: u64::try_from(attempted.duration.as_millis()).unwrap_or(u64::MAX),
            outcome,
        }
    }
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The event was taken.
    Delivered,
    /// It is tried again at this moment, in milliseconds since 1970.
    Retry(i64),
    /// It was given up: a dead letter.
    Dead,
    /// It was a test event, which is sent once.
    Test,
}

/// The last attempts of every session.
#[derive(Default)]
pub(super) struct Recent {
    sessions: Mutex<HashMap<String, VecDeque<RecentDelivery>>>,
}

impl Recent {
    pub fn add(&self, session: &str, delivery: RecentDelivery) {
        let mut sessions = self.sessions();
        if !sessions.contains_key(session) {
            if sessions.len() >= MOST_SESSIONS {
                let last = |kept: &VecDeque<RecentDelivery>| kept.back().map(|delivery| delivery.started_ms);
                let quiet = sessions.iter().min_by_key(|(_, kept)| last(kept)).map(|(name, _)| name.clone());
                if let Some(quiet) = quiet {
                    sessions.remove(&quiet);
                }
            }
            sessions.insert(session.to_owned(), VecDeque::new());
        }
        let Some(kept) = sessions.get_mut(session) else { return };
        if kept.len() >= MOST_EACH {
            kept.pop_front();
        }
        kept.push_back(delivery);
    }

    /// The newest first.
    pub fn of(&self, session: &str, limit: usize) -> Vec<RecentDelivery> {
        self.sessions()
            .get(session)
            .map(|kept| kept.iter().rev().take(limit).cloned().collect())
            .unwrap_or_default()
    }

    pub fn forget(&self, session: &str) {
        self.sessions().remove(session);
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, VecDeque<RecentDelivery>>> {
        // Nothing panics while it holds the lock, so a poisoned one is still whole.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(started_ms: i64) -> RecentDelivery {
        RecentDelivery {
            started_ms,
            event_id: format!("evt_{started_ms}"),
            event: "message".to_owned(),
            subscription: "a/1".to_owned(),
            attempt: 1,
            status: Some(200),
            error: None,
            milliseconds: 3,
            outcome: DeliveryOutcome::Delivered,
        }
    }

    #[test]
    fn the_newest_come_first_and_no_session_takes_more_than_its_share() {
        let recent = Recent::default();
        for at in 0..200 {
            recent.add("busy", delivery(at));
        }
        recent.add("quiet", delivery(7));
        let times: Vec<i64> = recent.of("busy", 3).iter().map(|delivery| delivery.started_ms).collect();
        assert_eq!(times, [199, 198, 197]);
        assert_eq!(recent.of("busy", 1000).len(), MOST_EACH);
        assert_eq!(recent.of("quiet", 1000).len(), 1);
        recent.forget("busy");
        assert!(recent.of("busy", 1).is_empty());
    }

    #[test]
    fn of_too_many_sessions_the_quiet_one_is_forgotten() {
        let recent = Recent::default();
        for at in 0..MOST_SESSIONS {
            recent.add(&format!("s{at}"), delivery(10 + i64::try_from(at).unwrap()));
        }
        recent.add("s0", delivery(1_000_000));
        recent.add("new", delivery(1_000_001));
        assert_eq!(
            (recent.of("s0", 9).len(), recent.of("s1", 9).len(), recent.of("new", 9).len()),
            (2, 0, 1)
        );
    }
}
