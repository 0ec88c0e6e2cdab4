//! Names of events.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Events this gateway emits, named as WAHA names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum EventName {
    /// A session changed its status.
    #[serde(rename = "session.status")]
    SessionStatus,
    /// Somebody wrote.
    #[serde(rename = "message")]
    Message,
    /// Somebody wrote, or this account did from any of its devices.
    #[serde(rename = "message.any")]
    MessageAny,
    /// A message came that cannot be read yet, or not on this device.
    #[serde(rename = "message.waiting")]
    MessageWaiting,
    /// A message got further: server, device, read, played.
    #[serde(rename = "message.ack")]
    MessageAck,
    /// A message in a group got further with one of its members.
    #[serde(rename = "message.ack.group")]
    MessageAckGroup,
    /// Somebody reacted, or took a reaction back.
    #[serde(rename = "message.reaction")]
    MessageReaction,
    /// A message was deleted for everyone.
    #[serde(rename = "message.revoked")]
    MessageRevoked,
    /// A message was edited.
    #[serde(rename = "message.edited")]
    MessageEdited,
    /// This account joined a group, or was added to it.
    #[serde(rename = "group.v2.join")]
    GroupV2Join,
    /// This account left a group, was removed from it, or it was ended.
    #[serde(rename = "group.v2.leave")]
    GroupV2Leave,
    /// A group was changed: its name, description or settings.
    #[serde(rename = "group.v2.update")]
    GroupV2Update,
    /// Members of a group came, went or got another role.
    #[serde(rename = "group.v2.participants")]
    GroupV2Participants,
    /// Somebody asks to join a group, or does so no more.
    #[serde(rename = "group.v2.participants.join-request")]
    GroupV2ParticipantsJoinRequest,
    /// Somebody chose in a poll, or took the choice back.
    #[serde(rename = "poll.vote")]
    PollVote,
    /// Somebody chose in a poll, and what they chose cannot be read.
    #[serde(rename = "poll.vote.failed")]
    PollVoteFailed,
    /// A label was made or changed.
    #[serde(rename = "label.upsert")]
    LabelUpsert,
    /// A label was deleted.
    #[serde(rename = "label.deleted")]
    LabelDeleted,
    /// A chat got a label.
    #[serde(rename = "label.chat.added")]
    LabelChatAdded,
    /// A label was taken off a chat.
    #[serde(rename = "label.chat.deleted")]
    LabelChatDeleted,
    /// Somebody calls.
    #[serde(rename = "call.received")]
    CallReceived,
    /// A call was taken.
    #[serde(rename = "call.accepted")]
    CallAccepted,
    /// A call was declined, or ended before anybody took it.
    #[serde(rename = "call.rejected")]
    CallRejected,
    /// Somebody answered an event of the calendar.
    #[serde(rename = "event.response")]
    EventResponse,
    /// Somebody answered an event of the calendar, and the answer cannot be read.
    #[serde(rename = "event.response.failed")]
    EventResponseFailed,
    /// A chat went to the archive, or came back.
    #[serde(rename = "chat.archive")]
    ChatArchive,
    /// Somebody came, went, or writes in a chat.
    #[serde(rename = "presence.update")]
    PresenceUpdate,
    /// An incident of a session began, went on or ended.
    #[serde(rename = "session.incident")]
    SessionIncident,
    /// Something was seen that tells whether a session works.
    #[serde(rename = "session.evidence")]
    SessionEvidence,
}

/// The text names no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown event; known are {} and *", EventName::ALL.map(EventName::as_str).join(", "))]
pub struct EventNameError;

impl EventName {
    /// Every event.
    pub const ALL: [Self; 29] = [
        Self::SessionStatus,
        Self::Message,
        Self::MessageAny,
        Self::MessageWaiting,
        Self::MessageAck,
        Self::MessageAckGroup,
        Self::MessageReaction,
        Self::MessageRevoked,
        Self::MessageEdited,
        Self::GroupV2Join,
        Self::GroupV2Leave,
        Self::GroupV2Update,
        Self::GroupV2Participants,
        Self::GroupV2ParticipantsJoinRequest,
        Self::PollVote,
        Self::PollVoteFailed,
        Self::LabelUpsert,
        Self::LabelDeleted,
        Self::LabelChatAdded,
        Self::LabelChatDeleted,
        Self::CallReceived,
        Self::CallAccepted,
        Self::CallRejected,
        Self::EventResponse,
        Self::EventResponseFailed,
        Self::ChatArchive,
        Self::PresenceUpdate,
        Self::SessionIncident,
        Self::SessionEvidence,
    ];

    /// When it happens, for the OpenAPI document.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::SessionStatus => "A session changed its status",
            Self::Message => "Somebody wrote",
            Self::MessageAny => "Somebody wrote, or this account did from any of its devices",
            Self::MessageWaiting => "A message came that cannot be read yet, or not on this device",
            Self::MessageAck => "A message got further: server, device, read, played",
            Self::MessageAckGroup => "A message in a group got further with one of its members",
            Self::MessageReaction => "Somebody reacted, or took a reaction back",
            Self::MessageRevoked => "A message was deleted for everyone",
            Self::MessageEdited => "A message was edited",
            Self::GroupV2Join => "This account joined a group, or was added to it",
            Self::GroupV2Leave => "This account left a group, was removed from it, or it was ended",
            Self::GroupV2Update => "A group was changed: its name, description or settings",
            Self::GroupV2Participants => "Members of a group came, went or got another role",
            Self::GroupV2ParticipantsJoinRequest => "Somebody asks to join a group, or does so no more",
            Self::PollVote => "Somebody chose in a poll, or took the choice back",
            Self::PollVoteFailed => "Somebody chose in a poll, and what they chose cannot be read",
            Self::LabelUpsert => "A label was made or changed",
            Self::LabelDeleted => "A label was deleted",
            Self::LabelChatAdded => "A chat got a label",
            Self::LabelChatDeleted => "A label was taken off a chat",
            Self::CallReceived => "Somebody calls",
            Self::CallAccepted => "A call was taken",
            Self::CallRejected => "A call was declined, or ended before anybody took it",
            Self::EventResponse => "Somebody answered an event of the calendar",
            Self::EventResponseFailed => {
                "Somebody answered an event of the calendar, and the answer cannot be read"
            }
            Self::ChatArchive => "A chat went to the archive, or came back",
            Self::PresenceUpdate => "Somebody came, went, or writes in a chat",
            Self::SessionIncident => "An incident of a session began, went on or ended",
            Self::SessionEvidence => "Something was seen that tells whether a session works",
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionStatus => "session.status",
            Self::Message => "message",
            Self::MessageAny => "message.any",
            Self::MessageWaiting => "message.waiting",
            Self::MessageAck => "message.ack",
            Self::MessageAckGroup => "message.ack.group",
            Self::MessageReaction => "message.reaction",
            Self::MessageRevoked => "message.revoked",
            Self::MessageEdited => "message.edited",
            Self::GroupV2Join => "group.v2.join",
            Self::GroupV2Leave => "group.v2.leave",
            Self::GroupV2Update => "group.v2.update",
            Self::GroupV2Participants => "group.v2.participants",
            Self::GroupV2ParticipantsJoinRequest => "group.v2.participants.join-request",
            Self::PollVote => "poll.vote",
            Self::PollVoteFailed => "poll.vote.failed",
            Self::LabelUpsert => "label.upsert",
            Self::LabelDeleted => "label.deleted",
            Self::LabelChatAdded => "label.chat.added",
            Self::LabelChatDeleted => "label.chat.deleted",
            Self::CallReceived => "call.received",
            Self::CallAccepted => "call.accepted",
            Self::CallRejected => "call.rejected",
            Self::EventResponse => "event.response",
            Self::EventResponseFailed => "event.response.failed",
            Self::ChatArchive => "chat.archive",
            Self::PresenceUpdate => "presence.update",
            Self::SessionIncident => "session.incident",
            Self::SessionEvidence => "session.evidence",
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventName {
    type Err = EventNameError;

    fn from_str(text: &str) -> Result<Self, EventNameError> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or(EventNameError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for name in EventName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
        assert_eq!("message.unknown".parse::<EventName>(), Err(EventNameError));
    }
}
