//! Messages as callers see them: in answers, and as the payloads of `message` and `message.any`.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::{ChatId, MessageId};

/// How a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Through this gateway.
    Api,
    /// From a phone or any other linked device.
    App,
}

/// A message (WAHA's `WAMessage`).
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WAMessage)]
pub struct Message {
    /// Whether this account sent it, its chat, its id on the wire and, in groups, its sender:
    /// `true_628111@c.us_3EB0...`.
    #[schema(value_type = String, example = "false_628111@c.us_3EB0A0B1C2D3E4F5A6B7")]
    pub id: MessageId,
    /// When it was sent, in seconds since 1970.
    pub timestamp: i64,
    /// The chat it came from; this account when it sent the message.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub from: Option<ChatId>,
    /// The chat it went to; this account when somebody else sent it.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub to: Option<ChatId>,
    /// Who wrote it, in groups; empty elsewhere.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub participant: Option<ChatId>,
    /// This account sent it.
    pub from_me: bool,
    /// How it was sent.
    pub source: Source,
    /// The text, or the caption of a file.
    pub body: String,
    /// It carries a file.
    pub has_media: bool,
    /// The file.
    pub media: Option<Media>,
    /// As `media.url`, where older clients of WAHA look for it; empty without a file.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
    pub media_url: Option<String>,
    /// How far it got: -1 refused, 0 pending, 1 server, 2 device, 3 read, 4 played.
    #[schema(minimum = -1, maximum = 4)]
    pub ack: i8,
    /// The same as a word: `ERROR`, `PENDING`, `SERVER`, `DEVICE`, `READ`, `PLAYED`.
    pub ack_name: String,
    /// The place it shows.
    pub location: Option<Location>,
    /// The contact cards it carries, as vCard texts.
    #[serde(rename = "vCards")]
    pub v_cards: Vec<String>,
    /// Who is mentioned in it.
    pub mentioned_ids: Vec<String>,
    /// The message it answers.
    pub reply_to: Option<ReplyTo>,
    /// It was edited since. Only where stored messages are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub edited: Option<bool>,
    /// It was deleted for everyone since; its text and file are gone. Only where stored messages are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub revoked: Option<bool>,
    /// What the wire says.
    #[serde(rename = "_data")]
    pub data: MessageData,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.data.kind)
            .field("ack", &self.ack)
            .finish_non_exhaustive()
    }
}

/// The file of a message (WAHA's `WAMedia`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WAMedia)]
pub struct Media {
    /// Where it can be fetched, with the API key.
    pub url: Option<String>,
    /// For example `image/jpeg`.
    pub mimetype: String,
    /// A document's name.
    pub filename: Option<String>,
    /// Always `null`: files are not kept in S3.
    #[schema(value_type = Option<Object>)]
    pub s3: (),
    /// Always `null`: a file that cannot be had is told when it is fetched.
    #[schema(value_type = Option<Object>)]
    pub error: (),
}

/// A place on earth (WAHA's `WALocation`, which has texts for numbers).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WALocation)]
pub struct Location {
    /// Degrees north.
    #[schema(example = "-6.175")]
    pub latitude: String,
    /// Degrees east.
    #[schema(example = "106.827")]
    pub longitude: String,
    /// Its sender goes on telling where they are.
    pub live: bool,
    /// Its name.
    pub name: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// A page about it.
    pub url: Option<String>,
    /// Name or address, or what was written to it.
    pub description: Option<String>,
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Location").finish_non_exhaustive()
    }
}

/// The message that another one answers (WAHA's `ReplyToMessage`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReplyToMessage)]
pub struct ReplyTo {
    /// Its id on the wire.
    pub id: String,
    /// Who wrote it.
    pub participant: Option<String>,
    /// Its text.
    pub body: Option<String>,
    /// It carries a file.
    #[serde(default)]
    pub has_media: bool,
}

impl fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the wire says of a message: `_data`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageData {
    /// Its key.
    pub key: MessageKey,
    /// Its kind, for example `text`, `image` or `live_location`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name that its sender chose for themselves.
    pub push_name: Option<String>,
}

impl fmt::Debug for MessageData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageData").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The key of a message as Baileys writes it, with both addresses of chat and sender when both are known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageKey {
    /// The chat's JID.
    pub remote_jid: String,
    /// Its other JID.
    pub remote_jid_alt: Option<String>,
    /// This account sent it.
    pub from_me: bool,
    /// Its id on the wire.
    pub id: String,
    /// The sender's JID, in groups.
    pub participant: Option<String>,
    /// Their other JID.
    pub participant_alt: Option<String>,
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageKey").field("id", &self.id).finish_non_exhaustive()
    }
}
