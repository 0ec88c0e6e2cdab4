//! How often a key may be used.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Requests of a minute may come at once, and come back evenly over the next.
#[derive(Debug)]
pub(crate) struct Rate {
    per_minute: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: f64,
    at_ms: i64,
}

const MINUTE_MS: f64 = 60_000.0;

impl Rate {
    pub fn new(per_minute: u32, now_ms: i64) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        Self { per_minute, state: Mutex::new(State { left: per_minute, at_ms: now_ms }) }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// How long until the next is free.
    pub fn take(&self, now_ms: i64) -> Result<(), Duration> {
        // Nothing panics while it holds the lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back gives nothing.
        let passed = now_ms.saturating_sub(state.at_ms).max(0) as f64;
        state.left = (state.left + passed * self.per_minute / MINUTE_MS).min(self.per_minute);
        state.at_ms = now_ms;
        if state.left >= 1.0 {
            state.left -= 1.0;
            return Ok(());
        }
        let wait_ms = (1.0 - state.left) * MINUTE_MS / self.per_minute;
        Err(Duration::from_millis(wait_ms.ceil() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_requests_may_come_at_once_and_come_back_evenly() {
        let rate = Rate::new(6, 0);
        for _ in 0..6 {
            rate.take(0).unwrap();
        }
        assert_eq!(rate.take(0), Err(Duration::from_secs(10)));
        assert_eq!(rate.take(4_000), Err(Duration::from_secs(6)));
        rate.take(10_000).unwrap();
        assert_eq!(rate.take(10_000), Err(Duration::from_secs(10)));
        assert!(rate.take(1_000).is_err(), "a clock that is set back gives nothing");
        for _ in 0..6 {
            rate.take(600_000).unwrap();
        }
        assert!(rate.take(600_000).is_err(), "no more than a minute's are saved up");
    }
}
