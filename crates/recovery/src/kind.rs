//! What incidents are about, and how they end.

use wakeeper_doctor::findings::codes;

/// What went wrong. At most one incident of a kind is open for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Stored Signal state or credentials are damaged: messages cannot be decrypted, or the login is gone. The only
    /// kind that is repaired.
    State,
    /// Two processes use one login (440). Repairing under the other one's hands would make it worse.
    TwoOwners,
    /// The phone removed the device (401). Only a person can link it again; nothing is wiped.
    LoggedOut,
    /// WhatsApp refuses the account or the client's version.
    Refused,
    /// The disk or its permissions are at fault.
    Disk,
    /// The gateway ended by itself, ran out of memory, or is not well.
    Gateway,
    /// An older copy of the session was put back, so that keys would have been used twice.
    OlderCopy,
    /// The scheduled backups fail.
    Backup,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::State,
        Self::TwoOwners,
        Self::LoggedOut,
        Self::Refused,
        Self::Disk,
        Self::Gateway,
        Self::OlderCopy,
        Self::Backup,
    ];

    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::State => "session_state",
            Self::TwoOwners => "two_owners",
            Self::LoggedOut => "logged_out",
            Self::Refused => "refused",
            Self::Disk => "disk",
            Self::Gateway => "gateway",
            Self::OlderCopy => codes::OLDER_COPY.as_str(),
            Self::Backup => "backup",
        }
    }

    /// How a report of this kind ends: some are told because they were repaired.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::State | Self::OlderCopy => Outcome::Recovered,
            _ => Outcome::Ceased,
        }
    }

    /// The kind of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// How an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A repair was made, and a check after it passed.
    Recovered,
    /// It healed by itself: nothing was touched.
    Healed,
    /// A closer look showed nothing to repair.
    NothingFound,
    /// What was reported stopped, and a person decides on the rest.
    Ceased,
    /// Repairs did not help; the contacts concerned are left alone.
    GaveUp,
    /// Everything was removed and a new login is waited for.
    Reset,
}

impl Outcome {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Healed => "healed",
            Self::NothingFound => "nothing_found",
            Self::Ceased => "ceased",
            Self::GaveUp => "gave_up",
            Self::Reset => "reset",
        }
    }
}
