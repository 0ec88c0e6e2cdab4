//! Votes in polls, as the payloads of `poll.vote` and `poll.vote.failed`.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::{ChatId, MessageId};

use super::message::MessageKey;

/// The payload of `poll.vote`: somebody chose in a poll, or took the choice back. Of `poll.vote.failed`: somebody did, and
/// what they chose cannot be read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PollVotePayload {
    /// The choice.
    pub vote: PollVote,
    /// The poll.
    pub poll: MessageDestination,
    /// What the wire says.
    #[serde(rename = "_data")]
    pub data: VoteData,
}

impl fmt::Debug for PollVotePayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollVotePayload").finish_non_exhaustive()
    }
}

/// A choice in a poll.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PollVote {
    /// The vote's own id.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// All answers that are chosen now; none when the choice was taken back or cannot be read.
    pub selected_options: Vec<String>,
    /// When, in seconds since 1970.
    pub timestamp: i64,
    /// The chat that it came from; this account when it voted.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub from: Option<ChatId>,
    /// The chat that it went to; this account when somebody else voted.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub to: Option<ChatId>,
    /// This account voted.
    pub from_me: bool,
    /// Who voted, in groups; empty elsewhere.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub participant: Option<ChatId>,
}

impl fmt::Debug for PollVote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollVote").finish_non_exhaustive()
    }
}

/// Which message, between whom.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageDestination {
    /// Its id.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// The chat that it came from; this account when it sent the message.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub from: Option<ChatId>,
    /// The chat that it went to; this account when somebody else sent it.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub to: Option<ChatId>,
    /// This account sent it.
    pub from_me: bool,
    /// Who sent it, in groups; empty elsewhere.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub participant: Option<ChatId>,
}

impl fmt::Debug for MessageDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageDestination").finish_non_exhaustive()
    }
}

/// What the wire says of a vote.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoteData {
    /// The vote's own key.
    pub key: MessageKey,
    /// The name that the voter chose for themselves.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub push_name: Option<String>,
}

impl fmt::Debug for VoteData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoteData").field("key", &self.key).finish_non_exhaustive()
    }
}
