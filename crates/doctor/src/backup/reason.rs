//! Why a backup was made.

use serde::{Deserialize, Serialize};

/// Why a backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody asked for it.
    ByHand,
    /// It was due.
    Schedule,
    /// A repair was about to change the session, so it holds what was wrong.
    BeforeClean,
    /// A restore was about to change the session.
    BeforeRestore,
    /// The session was about to move.
    BeforeImport,
    /// A later version knows more reasons.
    #[serde(other)]
    Other,
}

impl Reason {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::ByHand => "by hand",
            Self::Schedule => "schedule",
            Self::BeforeClean => "before clean",
            Self::BeforeRestore => "before restore",
            Self::BeforeImport => "before import",
            Self::Other => "another reason",
        }
    }
}
