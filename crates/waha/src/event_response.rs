//! Answers to events of the calendar, as the payloads of `event.response` and `event.response.failed`.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::{ChatId, MessageId};

use super::message::Source;
use super::poll::{MessageDestination, VoteData};

/// Whether somebody comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventAnswer {
    /// They took their answer back, or it is of a kind that is not known here.
    Unknown,
    /// They come.
    Going,
    /// They do not.
    NotGoing,
    /// They may.
    Maybe,
}

/// An answer to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventResponse {
    /// Whether they come.
    pub response: EventAnswer,
    /// When they answered, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// How many they bring along.
    pub extra_guest_count: i32,
}

/// The payload of `event.response`: somebody answered an event. Of `event.response.failed`: somebody did, and the answer
/// cannot be read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventResponsePayload {
    /// The answer's own id.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// When, in seconds since 1970.
    pub timestamp: i64,
    /// The chat that it came from; this account when it answered.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub from: Option<ChatId>,
    /// This account answered.
    pub from_me: bool,
    /// How it was sent.
    pub source: Source,
    /// The chat that it went to; this account when somebody else answered.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub to: Option<ChatId>,
    /// Who answered, in groups; empty elsewhere.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub participant: Option<ChatId>,
    /// The event's message.
    pub event_creation_key: MessageDestination,
    /// The answer; left out when it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub event_response: Option<EventResponse>,
    /// What the wire says.
    #[serde(rename = "_data")]
    pub data: VoteData,
}

impl fmt::Debug for EventResponsePayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventResponsePayload").finish_non_exhaustive()
    }
}
