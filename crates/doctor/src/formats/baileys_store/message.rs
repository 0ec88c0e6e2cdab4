//! One message of a store, as far as people see it.

use crate::json::Value;

/// A message that was kept for display.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredMessage {
    /// The chat's JID.
    pub chat: String,
    /// The stanza id.
    pub id: String,
    /// Sent by this account.
    pub from_me: bool,
    /// The sender's JID, in groups.
    pub participant: Option<String>,
    /// Seconds since 1970.
    pub timestamp_s: i64,
    /// The sender's own name for themselves.
    pub push_name: Option<String>,
    /// Baileys' status: 0 error, 1 pending, 2 server, 3 device, 4 read, 5 played.
    pub status: Option<i64>,
    /// Its kind, as Baileys names the content, without `Message`: `conversation`, `image`, `extendedText`...
    pub kind: String,
    /// Text or caption.
    pub body: String,
    /// The file's type.
    pub mimetype: Option<String>,
    /// A document's name.
    pub file_name: Option<String>,
}

/// Contents that only wrap another one.
const WRAPPERS: [&str; 6] = [
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "documentWithCaptionMessage",
    "editedMessage",
    "deviceSentMessage",
];
/// Contents that no person sees.
const UNSEEN: [&str; 5] = [
    "protocolMessage",
    "senderKeyDistributionMessage",
    "messageContextInfo",
    "reactionMessage",
    "pollUpdateMessage",
];

/// Reads one message; `None` for what is none, or nothing that people see.
pub(super) fn read_message(value: &Value<'_>) -> Option<StoredMessage> {
    let key = value.get("key")?;
    let text = |value: &Value<'_>, field: &str| {
        value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (kind, content) = content(value.get("message")?, 0)?;
    let body = match kind {
        "conversation" => content.as_str()?.to_owned(),
        _ => ["text", "caption", "displayName", "name"]
            .iter()
            .find_map(|field| text(content, field))
            .unwrap_or_default(),
    };
    Some(StoredMessage {
        chat: text(key, "remoteJid")?,
        id: text(key, "id")?,
        from_me: key.get("fromMe").is_some_and(|flag| !flag.is_falsy()),
        participant: text(key, "participant").or_else(|| text(value, "participant")),
        timestamp_s: value.get("messageTimestamp").and_then(whole_number).unwrap_or(0),
        push_name: text(value, "pushName"),
        status: value.get("status").and_then(status),
        kind: kind.strip_suffix("Message").unwrap_or(kind).to_owned(),
        body,
        mimetype: text(content, "mimetype"),
        file_name: text(content, "fileName"),
    })
}

fn content<'v, 'a>(message: &'v Value<'a>, depth: usize) -> Option<(&'v str, &'v Value<'a>)> {
    if depth > 4 {
        return None;
    }
    let member = message
        .members()
        .iter()
        .find(|member| !member.value.is_falsy() && !UNSEEN.contains(&member.key.as_ref()))?;
    if WRAPPERS.contains(&member.key.as_ref()) {
        return content(member.value.get("message")?, depth + 1);
    }
    Some((&member.key, &member.value))
}

/// A number as JavaScript, protobuf's JSON and the `long` package write it.
fn whole_number(value: &Value<'_>) -> Option<i64> {
    if let Some(text) = value.as_str() {
        return text.parse().ok();
    }
    value.as_i64().or_else(|| {
        let low = value.get("low")?.as_i64()?;
        let high = value.get("high")?.as_i64()?;
        Some((high << 32) | (low & 0xffff_ffff))
    })
}

fn status(value: &Value<'_>) -> Option<i64> {
    let names = ["ERROR", "PENDING", "SERVER_ACK", "DELIVERY_ACK", "READ", "PLAYED"];
    match value.as_str() {
        Some(name) => names.iter().position(|known| *known == name).map(|index| index as i64),
        None => value.as_i64().filter(|status| (0..=5).contains(status)),
    }
}
