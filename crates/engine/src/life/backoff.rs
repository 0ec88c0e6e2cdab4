//! How long to wait before a connection is tried again, by cause.
//!
//! A client has one connection. Left to itself, whatsapp-rust would connect again without telling, after a 515 at once and
//! for ever; so every new connection is made here, and every end has a cause.

use std::time::Duration;

use wakeeper_engine_store::generation::doubt_code;
use wakeeper_model::Backoff;

/// Why a connection attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// All QR codes were shown and none was scanned.
    QrExpired,
    /// Linked; WhatsApp wants a fresh login.
    Linked,
    /// No connection came about: why.
    Unreachable(String),
    /// The server took the connection and did not let us in: how far it came.
    Unanswered(String),
    /// The connection was closed before the login was over: why.
    ClosedEarly(String),
    /// A connection that worked was lost: why.
    Lost(String),
    /// The connection is open, and the server says nothing any more, not even to pings.
    Deaf,
    /// The server wants a new connection (515), other than after linking.
    RestartRequired,
    /// The server ends the stream because it goes down (503).
    Unavailable,
    /// A database cannot be written.
    Disk,
    /// A message could not be stored, though the disk takes writes.
    NotStored,
    /// The server has keys that this copy of the session never made.
    OlderCopy,
    /// No client could be made, or its database failed.
    Engine,
    /// WhatsApp is overloaded or down (500, 503 to a login) or limits us (429).
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
    /// Its settings ask for a proxy that cannot be used.
    Proxy,
}

/// What to do after a [`Cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again after this wait.
    Retry(Duration),
    /// Stop until somebody starts the session again.
    GiveUp,
}

const NETWORK_FIRST: Duration = Duration::from_secs(1);
const NETWORK_MOST: Duration = Duration::from_mins(1);
const RESTART_MOST: Duration = Duration::from_mins(5);
const BUSY_FIRST: Duration = Duration::from_secs(30);
const BUSY_MOST: Duration = Duration::from_mins(15);
const BAN_MOST: Duration = Duration::from_hours(24);

/// Decides after the `failures`th failure in a row (0 for the first). `jitter` is a random number in
/// `0.0..1.0` that spreads the waits of many sessions.
pub(crate) fn decide(cause: &Cause, failures: u32, jitter: f64) -> Verdict {
    match cause {
        Cause::Linked | Cause::OlderCopy => Verdict::Retry(Duration::ZERO),
        // Waiting grows here too: with no one scanning, the server is asked ever less often.
        Cause::QrExpired => {
            Verdict::Retry(jittered(NETWORK_FIRST, Duration::from_secs(10), failures, jitter))
        }
        Cause::Unreachable(_)
        | Cause::Unanswered(_)
        | Cause::ClosedEarly(_)
        | Cause::Lost(_)
        | Cause::Deaf
        | Cause::Disk
        | Cause::Engine => Verdict::Retry(jittered(NETWORK_FIRST, NETWORK_MOST, failures, jitter)),
        Cause::RestartRequired | Cause::Unavailable | Cause::NotStored => {
            Verdict::Retry(jittered(NETWORK_FIRST, RESTART_MOST, failures, jitter))
        }
        Cause::ServerBusy | Cause::Refused(_) => {
            Verdict::Retry(jittered(BUSY_FIRST, BUSY_MOST, failures, jitter))
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
fn jittered(first: Duration, most: Duration, failures: u32, jitter: f64) -> Duration {
    Backoff::new(first, most).wait(failures).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// What a person should know about a cause.
pub(crate) fn explain(cause: &Cause) -> String {
    match cause {
        Cause::QrExpired => "no QR code was scanned in time; showing new ones".to_owned(),
        Cause::Linked => "linked; logging in".to_owned(),
        Cause::Unreachable(why) => format!("WhatsApp cannot be reached: {why}; trying again"),
        Cause::Unanswered(why) => format!("WhatsApp does not let this device log in: {why}; trying again"),
        Cause::ClosedEarly(why) => {
            format!("the connection ended before the login was complete: {why}; trying again")
        }
        Cause::Lost(why) => format!("the connection was lost: {why}; connecting again"),
        Cause::Deaf => "WhatsApp does not answer on the open connection; connecting again".to_owned(),
        Cause::RestartRequired => "WhatsApp wants a new connection (515); connecting again".to_owned(),
        Cause::Unavailable => {
            "WhatsApp ended the connection because it is unavailable (503); trying again".to_owned()
        }
        Cause::Disk => "the disk cannot be written; trying again".to_owned(),
        Cause::NotStored => {
            "a message could not be stored, so the connection was left; trying again. If that goes on, restart wakeeper: at \
             its start it repairs a damaged wakeeper.db"
                .to_owned()
        }
        Cause::OlderCopy => {
            "this is an older copy of the session; new keys for sending are agreed".to_owned()
        }
        Cause::Engine => "the session's database cannot be used; trying again".to_owned(),
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
        Cause::Proxy => "its settings ask for a proxy that cannot be used; change them".to_owned(),
        Cause::Moved => "the session was moved elsewhere; `wakeeper import` brings it back".to_owned(),
        Cause::LoginLost => {
            "the login cannot be read, and no backup gives it back; put one back and start the session"
                .to_owned()
        }
    }
}

impl Cause {
    /// A name for counting, from a closed set.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::QrExpired => "qr_expired",
            Self::Linked => "linked",
            Self::Unreachable(_) => "unreachable",
            Self::Unanswered(_) => "unanswered",
            Self::ClosedEarly(_) => "closed_early",
            Self::Lost(_) => "lost",
            Self::Deaf => "deaf",
            Self::RestartRequired => "restart_required",
            Self::Unavailable => "unavailable",
            Self::Disk => "disk",
            Self::NotStored => "not_stored",
            Self::OlderCopy => doubt_code(),
            Self::Engine => "engine",
            Self::ServerBusy => "server_busy",
            Self::Refused(_) => "refused",
            Self::Banned { .. } => "banned",
            Self::Replaced => "replaced",
            Self::LoggedOut => "logged_out",
            Self::Locked => "locked",
            Self::Outdated => "outdated",
            Self::Moved => "moved",
            Self::LoginLost => "login_lost",
            Self::Proxy => "proxy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wait(cause: &Cause, failures: u32, jitter: f64) -> Duration {
        match decide(cause, failures, jitter) {
            Verdict::Retry(wait) => wait,
            Verdict::GiveUp => panic!("{cause:?} gives up"),
        }
    }

    #[test]
    fn network_waits_double_up_to_a_minute() {
        let waits: Vec<u64> = (0..8).map(|n| wait(&Cause::Deaf, n, 1.0).as_secs()).collect();
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
        assert!(wait(&Cause::ServerBusy, 0, 0.5) > wait(&Cause::Deaf, 0, 0.5));
    }

    #[test]
    fn a_ban_is_waited_out() {
        let remaining = Duration::from_hours(1);
        assert_eq!(wait(&Cause::Banned { remaining }, 9, 0.1), remaining);
    }

    #[test]
    fn what_only_a_person_can_repair_is_not_fought() {
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
        fn waits_stay_within_half_and_all(failures in 0u32..100, jitter in 0.0f64..1.0) {
            let most = wait(&Cause::Deaf, failures, 1.0);
            let taken = wait(&Cause::Deaf, failures, jitter);
            prop_assert!(taken <= most && taken >= most / 2);
        }
    }
}
