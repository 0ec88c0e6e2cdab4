//! Payloads of WAHA's events, which are also the answers of the HTTP surface.

use serde_json::{Value, json};
use wakeeper_model::{Ack, ChatId, MessageId};

use super::{Content, WireKey};

/// A quoted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Its stanza id.
    pub stanza_id: String,
    /// Its sender's JID, as the wire gave it.
    pub participant: Option<String>,
    /// Its text.
    pub body: Option<String>,
}

/// Who, where and when of a message.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Its id.
    pub id: MessageId,
    /// The same on the wire, both names of each.
    pub wire: WireKey,
    /// This account.
    pub me: Option<ChatId>,
    /// Seconds since 1970, by WhatsApp's clock.
    pub timestamp_s: i64,
    /// How far it got.
    pub ack: Ack,
    /// Sent through this gateway's API (`api`) or from anywhere else (`app`).
    pub from_api: bool,
    /// The sender's own name for themselves.
    pub push_name: Option<String>,
    /// Where the file can be fetched, when there is one.
    pub media_url: Option<String>,
}

impl Facts {
    fn from(&self) -> Option<&ChatId> {
        if self.id.from_me { self.me.as_ref() } else { Some(&self.id.chat) }
    }

    fn to(&self) -> Option<&ChatId> {
        if self.id.from_me { Some(&self.id.chat) } else { self.me.as_ref() }
    }

    /// The key as Baileys writes it, both addresses included.
    fn key(&self) -> Value {
        json!({
            "remoteJid": self.wire.chat,
            "remoteJidAlt": self.wire.chat_alt,
            "fromMe": self.id.from_me,
            "id": self.id.stanza_id,
            "participant": self.wire.participant,
            "participantAlt": self.wire.participant_alt,
        })
    }
}

/// The payload of `message` and `message.any`.
pub(crate) fn message_payload(facts: &Facts, content: &Content) -> Value {
    let media = content.media.as_ref().map(|media| {
        json!({
            "url": facts.media_url,
            "mimetype": media.mimetype,
            "filename": media.filename,
            "s3": null,
            "error": null,
        })
    });
    json!({
        "id": facts.id.to_string(),
        "timestamp": facts.timestamp_s,
        "from": facts.from(),
        "to": facts.to(),
        "participant": facts.id.participant,
        "fromMe": facts.id.from_me,
        "source": if facts.from_api { "api" } else { "app" },
        "body": content.body,
        "hasMedia": media.is_some(),
        "media": media,
        "ack": facts.ack.number(),
        "ackName": facts.ack.name(),
        "location": content.location.as_ref().map(|place| json!({
            "latitude": place.latitude,
            "longitude": place.longitude,
            "description": place.description,
        })),
        "vCards": content.vcards,
        "mentionedIds": content.mentions.iter().map(|jid| outside(jid)).collect::<Vec<_>>(),
        "replyTo": content.reply.as_ref().map(|reply| json!({
            "id": reply.stanza_id,
            "participant": reply.participant.as_deref().map(outside),
            "body": reply.body,
        })),
        "_data": {
            "key": facts.key(),
            "type": content.kind,
            "pushName": facts.push_name,
        },
    })
}

/// The payload of `message.ack`.
pub(crate) fn ack_payload(facts: &Facts) -> Value {
    json!({
        "id": facts.id.to_string(),
        "from": facts.from(),
        "to": facts.to(),
        "participant": facts.id.participant,
        "fromMe": facts.id.from_me,
        "ack": facts.ack.number(),
        "ackName": facts.ack.name(),
        "_data": {"key": facts.key(), "timestamp": facts.timestamp_s},
    })
}

/// The payload of `message.reaction`: `facts` are the reaction's own.
pub(crate) fn reaction_payload(facts: &Facts, target: &MessageId, emoji: &str) -> Value {
    json!({
        "id": facts.id.to_string(),
        "timestamp": facts.timestamp_s,
        "from": facts.from(),
        "to": facts.to(),
        "participant": facts.id.participant,
        "fromMe": facts.id.from_me,
        "source": if facts.from_api { "api" } else { "app" },
        "reaction": {"text": emoji, "messageId": target.to_string()},
        "_data": {"key": facts.key(), "pushName": facts.push_name},
    })
}

/// The payload of `message.revoked`: `facts` are the deletion's own, `before` the message as it was
/// known.
pub(crate) fn revoked_payload(facts: &Facts, target: &MessageId, before: Option<&Value>) -> Value {
    json!({
        "revokedMessageId": target.stanza_id,
        "after": {
            "id": target.to_string(),
            "timestamp": facts.timestamp_s,
            "from": facts.from(),
            "to": facts.to(),
            "participant": target.participant,
            "fromMe": target.from_me,
            "body": "",
            "hasMedia": false,
        },
        "before": before,
        "_data": {"key": facts.key()},
    })
}

/// The payload of `message.edited`: the message as it reads now, under the edit's own id.
pub(crate) fn edited_payload(facts: &Facts, target: &MessageId, content: &Content) -> Value {
    let mut payload = message_payload(facts, content);
    if let Value::Object(fields) = &mut payload {
        fields.insert("editedMessageId".to_owned(), json!(target.stanza_id));
    }
    payload
}

/// A JID of the wire as callers write it; what is no chat id stays as it is.
fn outside(jid: &str) -> String {
    let without_device = match (jid.split_once(':'), jid.split_once('@')) {
        (Some((user, _)), Some((_, server))) => format!("{user}@{server}"),
        _ => jid.to_owned(),
    };
    without_device.parse::<ChatId>().map_or(without_device, String::from)
}
