//! When a session is to be backed up.

use std::time::Duration;

use wakeeper_model::Backoff;

use crate::rules::ms;

/// The first pause after a failure; it doubles with every further one, up to the interval.
const FIRST_PAUSE: Duration = Duration::from_mins(1);

/// When one session is to be backed up.
#[derive(Debug)]
pub struct Schedule {
    every_ms: i64,
    next_ms: i64,
    failures: u32,
}

impl Schedule {
    /// Due when the newest backup is as old as the interval; at once when there is none.
    pub fn new(every: Duration, newest_ms: Option<i64>, now_ms: i64) -> Self {
        let every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        // A backup from the future, made by a clock that was wrong, does not hold the next one up for ever.
        let next_ms = newest_ms.map_or(now_ms, |newest| newest.min(now_ms).saturating_add(every_ms));
        Self { every_ms, next_ms, failures: 0 }
    }

    /// Is it time?
    pub fn is_due(&self, now_ms: i64) -> bool {
        now_ms >= self.next_ms
    }

    /// How long it is not.
    pub fn wait(&self, now_ms: i64) -> Duration {
        Duration::from_millis(u64::try_from(self.next_ms - now_ms).unwrap_or(0))
    }

    /// The session is backed up as it is. True when it could not be before.
    pub fn done(&mut self, now_ms: i64) -> bool {
        self.next_ms = now_ms.saturating_add(self.every_ms);
        std::mem::take(&mut self.failures) > 0
    }

    /// There was nothing to back up yet: a session may be linked any moment.
    pub fn postpone(&mut self, now_ms: i64) {
        self.next_ms = now_ms.saturating_add(self.pause_ms(0));
    }

    /// It could not be backed up. Answers when it is tried again.
    pub fn failed(&mut self, now_ms: i64) -> Duration {
        let pause = self.pause_ms(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.next_ms = now_ms.saturating_add(pause);
        Duration::from_millis(u64::try_from(pause).unwrap_or(0))
    }

    fn pause_ms(&self, doublings: u32) -> i64 {
        let longest = Duration::from_millis(self.every_ms.unsigned_abs());
        ms(Backoff::new(FIRST_PAUSE, longest).wait(doublings))
    }
}
