//! What the policy may do, and when.

use std::time::Duration;

use wakeeper_doctor::symptoms::PeerFailures;
use wakeeper_model::Backoff;

/// Thresholds and permissions. The defaults are those of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Symptoms are watched at all (`ENABLE_ERROR_MONITORING`).
    pub watch: bool,
    /// Targeted repairs are allowed (`SESSION_CLEANUP_ENABLED`); otherwise incidents are only reported.
    pub repair: bool,
    /// The last resort is allowed: a full reset that needs a new QR code (`AUTO_CLEANUP_ON_ERROR`).
    pub full_reset: bool,
    /// Messages that fail within [`Rules::session_window`], whoever sent them, before the whole session is looked at
    /// (`SESSION_ERROR_THRESHOLD`).
    pub session_errors: usize,
    /// See [`Rules::session_errors`] (`SESSION_ERROR_WINDOW`).
    pub session_window: Duration,
    /// Different messages of one contact's device that fail within [`Rules::peer_window`] before that contact's Signal
    /// session is suspected.
    pub peer_messages: usize,
    /// See [`Rules::peer_messages`].
    pub peer_window: Duration,
    /// How long the retry handshake gets to heal a contact by itself, where up to two messages failed; more get more, a
    /// third of it each. Baileys asks for one failed message after the other, and for each it waits 5 s for the phone and
    /// 250 ms after it (`requestPlaceholderResend` and `retryRequestDelayMs` of 6.7.18). One that was stopped 10 s after
    /// its third bad message had not asked for all of them again and lost two.
    pub handshake: Duration,
    /// How long a repaired session must stay well before the repair counts.
    pub verify: Duration,
    /// The least time between two repairs of a session; doubled for every further repair within an hour.
    pub cool_down: Duration,
    /// Repairs that did not help before a session, or a contact, is left alone.
    pub tries: usize,
    /// How long repairs are remembered.
    pub memory: Duration,
    /// The least time between two examinations that nothing but a symptom asks for.
    pub glance_every: Duration,
}

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let reset = if self.full_reset { "allowed as the last resort" } else { "off" };
        let done = if self.repair { "repairs" } else { "only reports" };
        write!(
            f,
            "{done} a session after {} failed messages of one contact in {} s, or {} of all contacts in {} s; full reset: {reset}",
            self.peer_messages,
            self.peer_window.as_secs(),
            self.session_errors,
            self.session_window.as_secs()
        )
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            watch: true,
            repair: true,
            full_reset: false,
            session_errors: 10,
            session_window: Duration::from_mins(1),
            peer_messages: 3,
            peer_window: Duration::from_hours(1),
            handshake: Duration::from_secs(18),
            verify: Duration::from_secs(30),
            cool_down: Duration::from_mins(1),
            tries: 3,
            memory: Duration::from_hours(24),
            glance_every: Duration::from_secs(30),
        }
    }
}

impl Rules {
    /// When the retry handshake for a message is over that failed at `failed_ms`, and for those before it, the last of
    /// which is asked for at `asked_ms`.
    pub(crate) fn handshake_ends_ms(&self, failed_ms: i64, asked_ms: i64) -> i64 {
        failed_ms.saturating_add(ms(self.handshake)).max(asked_ms.saturating_add(self.asking_ms()))
    }

    /// So long a repair waits at most for messages to be asked for.
    pub(crate) fn most_asking_ms(&self) -> i64 {
        MOST_ASKED * self.asking_ms()
    }

    /// What a gateway takes to ask for one failed message again, with some room.
    pub(crate) fn asking_ms(&self) -> i64 {
        ms(self.handshake) / 3
    }

    /// How long a gateway that runs must be left alone yet, so that it has asked for the messages that failed a moment ago:
    /// nobody sends again what it had not asked for when it was stopped. `None` when there is nothing to wait for.
    pub fn handshake_left(&self, peer_failures: &[PeerFailures], now_ms: i64) -> Option<Duration> {
        let last_ms = peer_failures.iter().filter_map(|trouble| trouble.last_ms).max()?;
        // A failure from the future, by a clock that was wrong, is one of this moment.
        let last_ms = last_ms.min(now_ms);
        // All of them may have failed just then.
        let messages: usize = peer_failures.iter().map(|trouble| trouble.messages).sum();
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        let asked_ms =
            last_ms.saturating_add(messages.saturating_mul(self.asking_ms()).min(self.most_asking_ms()));
        let left_ms = self.handshake_ends_ms(last_ms, asked_ms) - now_ms;
        (left_ms > 0).then(|| Duration::from_millis(left_ms.unsigned_abs()))
    }

    /// How long to wait after a repair when so many were made within the last hour, the last one included.
    pub fn cool_down_after(&self, repairs: usize) -> Duration {
        let doublings = u32::try_from(repairs.saturating_sub(1)).unwrap_or(u32::MAX).min(6);
        Backoff::new(self.cool_down, Duration::from_hours(1).max(self.cool_down)).wait(doublings)
    }
}

/// A repair waits for so many messages to be asked for at most, and once more for those that failed while it was due: where
/// every message fails there is no end to them.
const MOST_ASKED: i64 = 20;

/// A duration in the unit of all times here.
pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wakeeper_doctor::address::Address;

    fn failed(at_ms: Option<i64>) -> PeerFailures {
        let peer = Address::from_any("628123456789").unwrap();
        PeerFailures { peer, messages: 1, at_least: false, last_ms: at_ms, classes: Vec::new() }
    }

    #[test]
    fn many_messages_are_asked_for_one_after_the_other() {
        let rules = Rules { handshake: Duration::from_secs(18), ..Rules::default() };
        let left = |messages| {
            let failures = PeerFailures { messages, ..failed(Some(100_000)) };
            rules.handshake_left(&[failures], 100_000).unwrap().as_secs()
        };
        assert_eq!([1, 2, 3, 10, 1_000_000].map(left), [18, 18, 24, 66, 126]);
    }

    #[test]
    fn the_handshake_counts_from_the_last_failure() {
        let rules = Rules { handshake: Duration::from_secs(18), ..Rules::default() };
        let left = |peer_failures: &[PeerFailures]| rules.handshake_left(peer_failures, 100_000);
        assert_eq!(left(&[]), None);
        assert_eq!(left(&[failed(None)]), None);
        assert_eq!(left(&[failed(Some(82_000))]), None);
        assert_eq!(left(&[failed(Some(1)), failed(Some(90_000))]), Some(Duration::from_secs(8)));
        assert_eq!(left(&[failed(Some(500_000))]), Some(Duration::from_secs(18)));
    }
}
