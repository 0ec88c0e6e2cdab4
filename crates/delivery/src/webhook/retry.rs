//! When a delivery is tried again, and when it is given up.

use std::time::Duration;

use wakeeper_model::Backoff;
use wakeeper_storage::Verdict;
use wakeeper_waha::{RetriesConfig, RetryPolicy};

/// No wait is longer than this, whatever the policy or the receiver says.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// How a subscription retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retries {
    pub policy: RetryPolicy,
    pub delay: Duration,
    pub attempts: u32,
}

impl Default for Retries {
    /// Waits 2 s, 4 s, 8 s ... up to an hour: 15 attempts span five hours, enough for a receiver
    /// to be redeployed or repaired.
    fn default() -> Self {
        Self { policy: RetryPolicy::Exponential, delay: Duration::from_secs(2), attempts: 15 }
    }
}

impl From<RetriesConfig> for Retries {
    fn from(config: RetriesConfig) -> Self {
        let default = Self::default();
        Self {
            policy: config.policy.unwrap_or(default.policy),
            delay: config.delay_seconds.map_or(default.delay, |seconds| Duration::from_secs(seconds.into())),
            attempts: config.attempts.unwrap_or(default.attempts),
        }
    }
}

impl Retries {
    /// The wait after the `attempt`-th attempt (1 is the first) failed. `random` in `0..1` spreads
    /// it by a fifth to either side, so that receivers coming back do not meet every sender at once.
    fn wait(&self, attempt: u32, random: f64) -> Duration {
        let attempt = attempt.max(1);
        let wait = match self.policy {
            RetryPolicy::Constant => self.delay,
            RetryPolicy::Linear => self.delay.saturating_mul(attempt),
            RetryPolicy::Exponential => Backoff::new(self.delay, LONGEST_WAIT).wait(attempt - 1),
        };
        wait.min(LONGEST_WAIT).mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0))
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 2xx.
    Delivered,
    /// Anything that may be better next time, with the wait the receiver asked for.
    Failed { why: String, retry_after: Option<Duration> },
    /// 410: the receiver says that it will never want this.
    Gone,
}

/// What becomes of a delivery after its `attempt`-th attempt. `gave_up` says that the row before
/// it in its lane ran out of attempts and nothing got through since: then one attempt must do,
/// else a receiver that died for good would grow its backlog for ever.
pub(super) fn verdict(
    retries: &Retries,
    attempt: u32,
    gave_up: bool,
    outcome: &Outcome,
    now_ms: i64,
    random: f64,
) -> Verdict {
    let after = |wait: Duration| now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    match outcome {
        Outcome::Delivered => Verdict::Delivered,
        Outcome::Gone => Verdict::Dead {
            reason: "the receiver answered 410 Gone".to_owned(),
            exhausted: false,
            next_attempt_ms: now_ms,
        },
        Outcome::Failed { why, .. } if gave_up || attempt >= retries.attempts => Verdict::Dead {
            reason: format!("gave up after {attempt} attempts: {why}"),
            exhausted: true,
            next_attempt_ms: after(retries.wait(1, random)),
        },
        Outcome::Failed { retry_after, .. } => {
            let asked = retry_after.unwrap_or_default().min(LONGEST_WAIT);
            Verdict::Retry { next_attempt_ms: after(retries.wait(attempt, random).max(asked)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn retries(policy: RetryPolicy) -> Retries {
        Retries { policy, delay: Duration::from_secs(2), attempts: 5 }
    }

    fn failed() -> Outcome {
        Outcome::Failed { why: "503".to_owned(), retry_after: None }
    }

    #[test]
    fn policies_grow_as_named() {
        let middle = |policy, attempt| retries(policy).wait(attempt, 0.5).as_secs();
        assert_eq!([1, 2, 3].map(|n| middle(RetryPolicy::Constant, n)), [2, 2, 2]);
        assert_eq!([1, 2, 3].map(|n| middle(RetryPolicy::Linear, n)), [2, 4, 6]);
        assert_eq!([1, 2, 3, 4].map(|n| middle(RetryPolicy::Exponential, n)), [2, 4, 8, 16]);
    }

    #[test]
    fn what_the_receiver_asks_for_is_honoured_within_bounds() {
        let ask =
            |seconds| Outcome::Failed { why: String::new(), retry_after: Some(Duration::from_secs(seconds)) };
        let next = |outcome| match verdict(&retries(RetryPolicy::Constant), 1, false, &outcome, 0, 0.5) {
            Verdict::Retry { next_attempt_ms } => next_attempt_ms,
            other => panic!("{other:?}"),
        };
        assert_eq!(next(ask(90)), 90_000);
        assert_eq!(next(ask(1)), 2_000);
        assert_eq!(next(ask(10_000_000)), 3_600_000);
    }

    #[test]
    fn gives_up_after_the_last_attempt_and_at_once_behind_another() {
        let judge =
            |attempt, gave_up| verdict(&retries(RetryPolicy::Constant), attempt, gave_up, &failed(), 0, 0.5);
        assert!(matches!(judge(4, false), Verdict::Retry { .. }));
        assert!(matches!(judge(5, false), Verdict::Dead { exhausted: true, .. }));
        assert!(matches!(judge(1, true), Verdict::Dead { exhausted: true, .. }));
        let gone = verdict(&retries(RetryPolicy::Constant), 1, false, &Outcome::Gone, 0, 0.5);
        assert!(matches!(gone, Verdict::Dead { exhausted: false, next_attempt_ms: 0, .. }));
    }

    proptest! {
        #[test]
        fn waits_are_bounded_and_never_in_the_past(
            attempt in any::<u32>(), seconds in any::<u32>(), random in 0.0..1.0_f64, policy in 0..3_u8,
        ) {
            let policy = [RetryPolicy::Constant, RetryPolicy::Linear, RetryPolicy::Exponential][usize::from(policy)];
            let retries = Retries { policy, delay: Duration::from_secs(seconds.into()), attempts: u32::MAX };
            let wait = retries.wait(attempt, random);
            prop_assert!(wait <= LONGEST_WAIT.mul_f64(1.2));
            prop_assert!(wait >= retries.delay.min(LONGEST_WAIT).mul_f64(0.8));
        }
    }
}
