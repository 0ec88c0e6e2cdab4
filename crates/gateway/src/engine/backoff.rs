//! How long to wait before a connection is tried again, by cause.
//!
//! While a client lives, whatsapp-rust reconnects by itself (Fibonacci waits with jitter, at once
//! after a 515). These waits apply when a whole client was given up: one could not connect in time,
//! or the server said something final for this connection.

use std::time::Duration;

/// Why a connection attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// All QR codes were shown and none was scanned.
    QrExpired,
    /// Linked; WhatsApp wants a fresh login.
    Linked,
    /// The network, or no answer in time.
    Network,
    /// WhatsApp is overloaded or down (500, 503) or limits us (429).
    ServerBusy,
    /// A refusal this version does not know.
    Refused(i32),
    /// The account is banned for a while.
    Banned {
        /// How long, as the server said.
        remaining: Duration,
    },
    /// Another client logged in as this very device.
    Replaced,
    /// The phone unlinked this device, or WhatsApp did.
    LoggedOut,
    /// The account was locked by WhatsApp.
    Locked,
    /// WhatsApp no longer accepts this version of the protocol.
    Outdated,
    /// The session lives elsewhere now, or it is not known where.
    Moved,
    /// The login is gone, and no backup gives it back.
    LoginLost,
    /// Its settings ask for a proxy.
    Proxy,
}

/// What to do after a [`Cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Try again after this wait.
    Retry(Duration),
    /// Stop until somebody starts the session again.
    GiveUp,
}

const NETWORK_FIRST: Duration = Duration::from_secs(1);
const NETWORK_MOST: Duration = Duration::from_mins(1);
const BUSY_FIRST: Duration = Duration::from_secs(30);
const BUSY_MOST: Duration = Duration::from_mins(15);
const BAN_MOST: Duration = Duration::from_hours(24);

/// Decides after the `failures`th failure in a row (0 for the first). `dice` is a random number in
/// `0.0..1.0` that spreads the waits of many sessions.
pub(super) fn decide(cause: &Cause, failures: u32, dice: f64) -> Verdict {
    match cause {
        Cause::Linked => Verdict::Retry(Duration::ZERO),
        // Waiting grows here too: with no one scanning, the server is asked ever less often.
        Cause::QrExpired => Verdict::Retry(jittered(NETWORK_FIRST, Duration::from_secs(10), failures, dice)),
        Cause::Network => Verdict::Retry(jittered(NETWORK_FIRST, NETWORK_MOST, failures, dice)),
        Cause::ServerBusy | Cause::Refused(_) => {
            Verdict::Retry(jittered(BUSY_FIRST, BUSY_MOST, failures, dice))
        }
        Cause::Banned { remaining } => Verdict::Retry((*remaining).clamp(BUSY_FIRST, BAN_MOST)),
        Cause::Replaced
        | Cause::LoggedOut
        | Cause::Locked
        | Cause::Outdated
        | Cause::Moved
        | Cause::LoginLost
        | Cause::Proxy => Verdict::GiveUp,
    }
}

/// Doubles from `first` to `most`, then takes between half and all of it.
fn jittered(first: Duration, most: Duration, failures: u32, dice: f64) -> Duration {
    let grown = first.saturating_mul(2u32.saturating_pow(failures.min(20))).min(most);
    grown.mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0)
}

/// What a person should know about a cause.
pub(super) fn explain(cause: &Cause) -> String {
    match cause {
        Cause::QrExpired => "no QR code was scanned in time; showing new ones".to_owned(),
        Cause::Linked => "linked; logging in".to_owned(),
        Cause::Network => "WhatsApp cannot be reached; trying again".to_owned(),
        Cause::ServerBusy => "WhatsApp is busy or limits this account; trying again later".to_owned(),
        Cause::Refused(code) => format!("WhatsApp refused the login (code {code}); trying again later"),
        Cause::Banned { remaining } => format!(
            "WhatsApp banned this account for {} more minutes; trying again then",
            remaining.as_secs().div_ceil(60)
        ),
        Cause::Replaced => {
            "another client logged in with these credentials and took over. Stop it, then restart this \
                            session; two clients must never share one login"
                .to_owned()
        }
        Cause::LoggedOut => {
            "logged out by the phone or by WhatsApp. The old credentials are kept aside; restart the \
                             session and link it again"
                .to_owned()
        }
        Cause::Locked => {
            "WhatsApp locked this account; look at the phone. The old credentials are kept aside".to_owned()
        }
        Cause::Outdated => "WhatsApp no longer accepts this client version; update wakeeper".to_owned(),
        Cause::Proxy => "its settings ask for a proxy, which this version cannot use".to_owned(),
        Cause::Moved => "the session was moved elsewhere; `wakeeper import` brings it back".to_owned(),
        Cause::LoginLost => {
            "the login cannot be read, and no backup gives it back; put one back and start the session"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wait(cause: &Cause, failures: u32, dice: f64) -> Duration {
        match decide(cause, failures, dice) {
            Verdict::Retry(wait) => wait,
            Verdict::GiveUp => panic!("{cause:?} gives up"),
        }
    }

    #[test]
    fn network_waits_double_up_to_a_minute() {
        let waits: Vec<u64> = (0..8).map(|n| wait(&Cause::Network, n, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn a_login_after_linking_is_tried_at_once() {
        assert_eq!(wait(&Cause::Linked, 5, 0.9), Duration::ZERO);
    }

    #[test]
    fn a_busy_server_is_asked_slowly() {
        assert!(wait(&Cause::ServerBusy, 0, 0.0) >= Duration::from_secs(15));
        assert_eq!(wait(&Cause::ServerBusy, 30, 1.0), BUSY_MOST);
        assert!(wait(&Cause::ServerBusy, 0, 0.5) > wait(&Cause::Network, 0, 0.5));
    }

    #[test]
    fn a_ban_is_waited_out() {
        let remaining = Duration::from_hours(1);
        assert_eq!(wait(&Cause::Banned { remaining }, 9, 0.1), remaining);
    }

    #[test]
    fn what_only_a_person_can_mend_is_not_fought() {
        for cause in [
            Cause::Replaced,
            Cause::LoggedOut,
            Cause::Locked,
            Cause::Outdated,
            Cause::Moved,
            Cause::LoginLost,
        ] {
            assert_eq!(decide(&cause, 0, 0.5), Verdict::GiveUp);
            assert!(!explain(&cause).is_empty());
        }
    }

    proptest! {
        #[test]
        fn waits_stay_within_half_and_all(failures in 0u32..100, dice in 0.0f64..1.0) {
            let most = wait(&Cause::Network, failures, 1.0);
            let taken = wait(&Cause::Network, failures, dice);
            prop_assert!(taken <= most && taken >= most / 2);
        }
    }
}
