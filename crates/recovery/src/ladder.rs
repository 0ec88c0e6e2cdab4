//! The ladder of least destruction: what a repair touches, from nothing to everything.

use wakeeper_doctor::finding::{Finding, Repair, Subject};
use wakeeper_doctor::findings::codes::SIGNAL_SESSION_FAILING;

/// A rung. A higher one is never taken while a lower one fits the evidence and has not failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// Wait for the retry handshake.
    Wait,
    /// Negotiate single Signal sessions anew.
    SignalSession,
    /// Mend damaged, contaminated or rolled-back records.
    Records,
    /// Mend sender keys.
    SenderKeys,
    /// Move pre-key counters on, or take missing pre-keys from a backup.
    PreKeys,
    /// Take the credentials from a backup.
    Credentials,
    /// Stop and start, touching nothing: what is spoilt may be in the gateway's memory.
    Restart,
    /// Remove everything. A new QR code is needed.
    FullReset,
}

impl Rung {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::SignalSession => "signal_session",
            Self::Records => "records",
            Self::SenderKeys => "sender_keys",
            Self::PreKeys => "pre_keys",
            Self::Credentials => "credentials",
            Self::Restart => "restart",
            Self::FullReset => "full_reset",
        }
    }

    /// What is done, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Wait => "wait for the retry handshake",
            Self::SignalSession => "agree new keys with the contacts whose messages fail",
            Self::Records => "repair the damaged records",
            Self::SenderKeys => "repair the damaged sender keys",
            Self::PreKeys => "repair the pre-keys and their counters",
            Self::Credentials => "take the credentials from a backup",
            Self::Restart => "restart the gateway",
            Self::FullReset => "remove everything and link the device anew",
        }
    }

    /// The rung of a finding's repair.
    pub fn of_finding(finding: &Finding) -> Self {
        if finding.code == SIGNAL_SESSION_FAILING {
            return Self::SignalSession;
        }
        match (&finding.repair, &finding.subject) {
            (Repair::AdvancePreKeyCounters { .. } | Repair::RestorePreKeys, _)
            | (_, Subject::PreKeys | Subject::PreKey(_)) => Self::PreKeys,
            (_, Subject::Credentials) => Self::Credentials,
            (_, Subject::SenderKey(_) | Subject::SenderKeyMemory(_)) => Self::SenderKeys,
            _ => Self::Records,
        }
    }
}
