//! Chats as lists show them, and what happens to them as a whole.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::{ChatId, MessageId};

use super::message::Message;

/// A chat. WAHA leaves its shape open; the names of its fields are those of WAHA's engine NOWEB.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// Its id: of a person the phone number where it is known.
    #[schema(value_type = String, example = "628111222333@c.us")]
    pub id: ChatId,
    /// The hidden id of the person, when both are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "123456789012345@lid")]
    pub lid: Option<ChatId>,
    /// Its name: as the address book says, else as the group or the person is called.
    #[schema(required)]
    pub name: Option<String>,
    /// It is a group.
    pub is_group: bool,
    /// When it was last written in, in seconds since 1970.
    pub conversation_timestamp: i64,
    /// How many messages were not read.
    pub unread_count: u32,
    /// Somebody marked it as unread.
    pub marked_as_unread: bool,
    /// It is in the archive.
    pub archived: bool,
    /// Since when it is pinned, in seconds since 1970; `null` when it is not.
    #[schema(required)]
    pub pinned: Option<i64>,
    /// Until when it is muted, in milliseconds since 1970; -1 for good, `null` when it is not.
    #[schema(required)]
    pub mute_end_time: Option<i64>,
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat").field("unread_count", &self.unread_count).finish_non_exhaustive()
    }
}

/// A chat with what a list of chats shows of it (WAHA's `ChatSummary`).
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatSummary {
    /// Its id.
    #[schema(value_type = String, example = "628111222333@c.us")]
    pub id: ChatId,
    /// Its name.
    #[schema(required)]
    pub name: Option<String>,
    /// Where its picture can be fetched for some days; `null` where none is shown to this account, or it cannot be asked for now.
    #[schema(required)]
    pub picture: Option<String>,
    /// The last message; an empty object when it has none any more.
    #[serde(with = "or_empty_object")]
    #[schema(schema_with = or_empty_object::schema)]
    pub last_message: Option<Message>,
    /// The chat itself.
    #[serde(rename = "_chat")]
    pub chat: Chat,
}

impl fmt::Debug for ChatSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatSummary").field("chat", &self.chat).finish_non_exhaustive()
    }
}

/// The messages that were marked as read (WAHA's `ReadChatMessagesResponse`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadChatMessagesResponse {
    /// Their ids.
    #[schema(value_type = Vec<String>)]
    pub ids: Vec<MessageId>,
}

/// The payload of `chat.archive`: a chat went to the archive, or came back (WAHA's `ChatArchiveEvent`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatArchiveEvent {
    /// The chat.
    #[schema(value_type = String, example = "628111222333@c.us")]
    pub id: ChatId,
    /// It is in the archive now.
    pub archived: bool,
    /// When, in seconds since 1970.
    pub timestamp: i64,
}

impl fmt::Debug for ChatArchiveEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatArchiveEvent").field("archived", &self.archived).finish_non_exhaustive()
    }
}

/// WAHA's documents allow no `null` there.
mod or_empty_object {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::{Map, Value};
    use utoipa::ToSchema;
    use utoipa::openapi::Ref;
    use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema};

    use crate::Message;

    /// As it is described.
    pub(super) fn schema() -> Schema {
        let nothing = ObjectBuilder::new()
            .description(Some("There is none any more"))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let last = OneOfBuilder::new().item(Ref::from_schema_name(Message::name())).item(nothing);
        last.description(Some("The last message; an empty object when it has none any more.")).into()
    }

    #[expect(clippy::ref_option, reason = "serde gives the field as it is")]
    pub(super) fn serialize<S: Serializer>(message: &Option<Message>, to: S) -> Result<S::Ok, S::Error> {
        match message {
            Some(message) => message.serialize(to),
            None => Map::<String, Value>::new().serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Message>, D::Error> {
        let value = Value::deserialize(from)?;
        if value.as_object().is_some_and(Map::is_empty) {
            return Ok(None);
        }
        serde_json::from_value(value).map(Some).map_err(serde::de::Error::custom)
    }
}
