//! Who is there, and who is writing.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::ChatId;

/// What is seen of a person, or shown of this account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Not there.
    Offline,
    /// There.
    Online,
    /// Writes in a chat.
    Typing,
    /// Records a voice note in a chat.
    Recording,
    /// Stopped writing or recording in a chat.
    Paused,
}

/// What one person was last seen doing in a chat (WAHA's `WAHAPresenceData`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WAHAPresenceData)]
pub struct PresenceData {
    /// Who.
    #[schema(value_type = String)]
    pub participant: ChatId,
    /// When they were last there, in seconds since 1970, where they show it to this account.
    pub last_seen: Option<i64>,
    /// What was seen last.
    pub last_known_presence: Presence,
}

impl fmt::Debug for PresenceData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresenceData")
            .field("last_known_presence", &self.last_known_presence)
            .finish_non_exhaustive()
    }
}

/// What was seen in one chat (WAHA's `WAHAChatPresences`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WAHAChatPresences)]
pub struct ChatPresences {
    /// The chat.
    #[schema(value_type = String)]
    pub id: ChatId,
    /// Of each person; of a group, of each member of whom anything was seen.
    pub presences: Vec<PresenceData>,
}
