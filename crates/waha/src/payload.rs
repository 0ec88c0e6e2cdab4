//! What events carry besides messages; the answers to reactions, edits and deletions are the same.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::{ChatId, MessageId, SessionName};

use super::call::CallData;
use super::care::{EvidenceEvent, IncidentEvent};
use super::chat::ChatArchiveEvent;
use super::event_response::EventResponsePayload;
use super::group::{GroupJoin, GroupJoinRequestChange, GroupLeave, GroupParticipantsChange, GroupUpdated};
use super::label::{Label, LabelChatAssociation};
use super::message::{Message, MessageKey, Source};
use super::passkey::{PasskeyChallenge, PasskeyConfirmation};
use super::poll::PollVotePayload;
use super::presence::ChatPresences;
use super::session::{SessionStatus, StatusChange};

/// The payload of `message.ack` and `message.ack.group`: a message got further (WAHA's `WAMessageAckBody`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WAMessageAckBody)]
pub struct MessageAck {
    /// The message.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// The chat it came from.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub from: Option<ChatId>,
    /// The chat it went to.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub to: Option<ChatId>,
    /// With `message.ack.group`, the member of the group who got it so far; empty elsewhere.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub participant: Option<ChatId>,
    /// This account sent it.
    pub from_me: bool,
    /// How far it got: -1 refused, 0 pending, 1 server, 2 device, 3 read, 4 played.
    #[schema(minimum = -1, maximum = 4)]
    pub ack: i8,
    /// The same as a word.
    pub ack_name: String,
    /// What the wire says.
    #[serde(rename = "_data")]
    pub data: AckData,
}

impl fmt::Debug for MessageAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageAck").field("ack", &self.ack).finish_non_exhaustive()
    }
}

/// What the wire says of an acknowledged message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AckData {
    /// The message's key.
    pub key: MessageKey,
    /// When the message was sent, in seconds since 1970.
    pub timestamp: i64,
}

/// The payload of `message.reaction`: somebody reacted, or took a reaction back (WAHA's `WAMessageReaction`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WAMessageReaction)]
pub struct MessageReaction {
    /// The reaction's own id.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// When, in seconds since 1970.
    pub timestamp: i64,
    /// The chat it came from.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub from: Option<ChatId>,
    /// The chat it went to.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub to: Option<ChatId>,
    /// Who reacted, in groups; empty elsewhere.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub participant: Option<ChatId>,
    /// This account reacted.
    pub from_me: bool,
    /// How it was sent.
    pub source: Source,
    /// The reaction.
    pub reaction: Reaction,
    /// What the wire says.
    #[serde(rename = "_data")]
    pub data: ReactionData,
}

impl fmt::Debug for MessageReaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageReaction").finish_non_exhaustive()
    }
}

/// A reaction (WAHA's `WAReaction`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WAReaction)]
pub struct Reaction {
    /// The emoji; empty when the reaction was taken back.
    pub text: String,
    /// The message reacted to.
    #[schema(value_type = String)]
    pub message_id: MessageId,
}

impl fmt::Debug for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reaction").finish_non_exhaustive()
    }
}

/// What the wire says of a reaction.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReactionData {
    /// The reaction's own key.
    pub key: MessageKey,
    /// The name that its sender chose for themselves.
    pub push_name: Option<String>,
}

impl fmt::Debug for ReactionData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReactionData").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The payload of `message.edited`: the message as it reads now, under the edit's own id (WAHA's `WAMessageEditedBody`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WAMessageEditedBody)]
pub struct MessageEdited {
    /// The message with its new text.
    #[serde(flatten)]
    pub message: Message,
    /// The id on the wire of the message that was edited.
    pub edited_message_id: String,
}

/// The payload of `message.revoked`: a message was deleted for everyone (WAHA's `WAMessageRevokedBody`).
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WAMessageRevokedBody)]
pub struct MessageRevoked {
    /// The id on the wire of the message that was deleted.
    pub revoked_message_id: String,
    /// What is left of it.
    pub after: RevokedMessage,
    /// The message as it was, when it is known.
    pub before: Option<Message>,
    /// What the wire says.
    #[serde(rename = "_data")]
    pub data: RevokedData,
}

impl fmt::Debug for MessageRevoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRevoked")
            .field("revoked_message_id", &self.revoked_message_id)
            .finish_non_exhaustive()
    }
}

/// What is left of a deleted message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokedMessage {
    /// Its id.
    #[schema(value_type = String)]
    pub id: MessageId,
    /// When it was deleted, in seconds since 1970.
    pub timestamp: i64,
    /// The chat that the deletion came from.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub from: Option<ChatId>,
    /// The chat that the deletion went to.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub to: Option<ChatId>,
    /// Who wrote it, in groups; empty elsewhere.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub participant: Option<ChatId>,
    /// This account wrote it.
    pub from_me: bool,
    /// How the deletion was sent.
    pub source: Source,
    /// Always empty.
    pub body: String,
    /// Always `false`.
    pub has_media: bool,
    /// Always empty.
    pub media_url: String,
    /// How far the deletion got.
    #[schema(minimum = -1, maximum = 4)]
    pub ack: i8,
    /// The same as a word.
    pub ack_name: String,
}

impl fmt::Debug for RevokedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevokedMessage").finish_non_exhaustive()
    }
}

/// What the wire says of a deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokedData {
    /// The deletion's own key.
    pub key: MessageKey,
}

/// The payload of `session.status` (WAHA's `WASessionStatusBody`, plus `reason`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = WASessionStatusBody)]
pub struct SessionStatusBody {
    /// The session's name.
    #[schema(value_type = String)]
    pub name: SessionName,
    /// Where it stands.
    pub status: SessionStatus,
    /// The last changes of status, oldest first.
    pub statuses: Vec<StatusChange>,
    /// With `PASSKEY_REQUIRED`, what is to be signed; with `PASSKEY_CONFIRMATION_REQUIRED`, the code to compare; else `null`.
    #[schema(value_type = Option<Object>)]
    pub data: Option<StatusData>,
    /// Why it failed or waits, in plain words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

/// What a status wants of people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StatusData {
    /// Of `PASSKEY_REQUIRED`: the answer of `GET /api/{session}/auth/passkey/challenge`.
    Challenge(Box<PasskeyChallenge>),
    /// Of `PASSKEY_CONFIRMATION_REQUIRED`: the answer of `GET /api/{session}/auth/passkey/confirmation`.
    Confirmation(PasskeyConfirmation),
}

/// What an event carries, and what a send is answered with.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Payload {
    /// Of `message` and `message.any`.
    Message(Box<Message>),
    /// Of `message.ack`.
    Ack(Box<MessageAck>),
    /// Of `message.reaction`.
    Reaction(Box<MessageReaction>),
    /// Of `message.edited`.
    Edited(Box<MessageEdited>),
    /// Of `message.revoked`.
    Revoked(Box<MessageRevoked>),
    /// Of `poll.vote` and `poll.vote.failed`.
    PollVote(Box<PollVotePayload>),
    /// Of `session.status`.
    SessionStatus(Box<SessionStatusBody>),
    /// Of `group.v2.join`.
    GroupJoin(Box<GroupJoin>),
    /// Of `group.v2.leave`.
    GroupLeave(Box<GroupLeave>),
    /// Of `group.v2.update`.
    GroupUpdated(Box<GroupUpdated>),
    /// Of `group.v2.participants`.
    GroupParticipants(Box<GroupParticipantsChange>),
    /// Of `group.v2.participants.join-request`.
    GroupJoinRequest(Box<GroupJoinRequestChange>),
    /// Of `label.upsert` and `label.deleted`.
    Label(Box<Label>),
    /// Of `label.chat.added` and `label.chat.deleted`.
    LabelChat(Box<LabelChatAssociation>),
    /// Of `call.received`, `call.accepted` and `call.rejected`.
    Call(Box<CallData>),
    /// Of `event.response` and `event.response.failed`.
    EventResponse(Box<EventResponsePayload>),
    /// Of `chat.archive`.
    ChatArchive(Box<ChatArchiveEvent>),
    /// Of `presence.update`.
    Presence(Box<ChatPresences>),
    /// Of `session.incident`.
    Incident(Box<IncidentEvent>),
    /// Of `session.evidence`.
    Evidence(Box<EvidenceEvent>),
}

macro_rules! payload_of {
    ($($of:ident($payload:ty)),*) => {$(
        impl From<$payload> for Payload {
            fn from(payload: $payload) -> Self {
                Self::$of(Box::new(payload))
            }
        }
    )*};
}

payload_of!(
    Message(Message),
    Ack(MessageAck),
    Reaction(MessageReaction),
    Edited(MessageEdited),
    Revoked(MessageRevoked),
    PollVote(PollVotePayload),
    SessionStatus(SessionStatusBody),
    GroupJoin(GroupJoin),
    GroupLeave(GroupLeave),
    GroupUpdated(GroupUpdated),
    GroupParticipants(GroupParticipantsChange),
    GroupJoinRequest(GroupJoinRequestChange),
    Label(Label),
    LabelChat(LabelChatAssociation),
    Call(CallData),
    EventResponse(EventResponsePayload),
    ChatArchive(ChatArchiveEvent),
    Presence(ChatPresences),
    Incident(IncidentEvent),
    Evidence(EvidenceEvent)
);
