//! Waits between tries.

use std::time::Duration;

/// Waits that double from try to try, up to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The wait after `failures` further failures in a row (0 after the first).
    pub fn wait(self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1));
        let waits = (0..8).map(|failures| backoff.wait(failures).as_secs()).collect::<Vec<_>>();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.wait(u32::MAX), Duration::from_mins(1));
        let never = Backoff::new(Duration::from_hours(2), Duration::from_hours(1));
        assert_eq!(never.wait(0), Duration::from_hours(1));
    }
}
