//! What arrived from others, in one form for every kind of client.

use std::collections::HashSet;

use serde_json::Value;

use crate::webhook::Delivery;

/// One message from someone else.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The message's id, without any prefix.
    pub id: String,
    /// Who sent it, in whichever form of address the client shows.
    pub sender: String,
    /// What it says.
    pub what: What,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A text.
    Text(String),
    /// A picture.
    Image,
    /// A reaction to the message of that id.
    Reaction(String, String),
    /// The message of that id says something else now.
    Edit(String, String),
    /// The message of that id is taken back.
    Delete(String),
    /// Something the stories do not use.
    Other,
}

impl Seen {
    /// The text, when it is one.
    pub fn text(&self) -> Option<&String> {
        match &self.what {
            What::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The id inside `{true|false}_{chatId}_{ID}[_{participant}]`.
pub fn stanza_id(full: &str) -> &str {
    full.split('_').nth(2).unwrap_or(full)
}

fn text_at(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// What the gateway told its webhook; repeats of an event count once.
pub fn in_webhooks(all: &[Delivery]) -> Vec<Seen> {
    let mut known = HashSet::new();
    all.iter().filter(|delivery| known.insert(delivery.id())).filter_map(of_webhook).collect()
}

fn of_webhook(delivery: &Delivery) -> Option<Seen> {
    let payload = delivery.payload();
    let target = |field: &str| stanza_id(payload[field].as_str().unwrap_or_default()).to_owned();
    let what = match delivery.event() {
        "message" if payload["hasMedia"] == true => What::Image,
        "message" => What::Text(text_at(payload, "body")),
        "message.reaction" => {
            let reaction = &payload["reaction"];
            let id = stanza_id(reaction["messageId"].as_str().unwrap_or_default());
            What::Reaction(id.to_owned(), text_at(reaction, "text"))
        }
        "message.edited" => What::Edit(target("editedMessageId"), text_at(payload, "body")),
        "message.revoked" => What::Delete(target("revokedMessageId")),
        _ => return None,
    };
    // A revocation tells about two messages, each complete.
    let message = if payload["after"].is_object() { &payload["after"] } else { payload };
    if message["fromMe"] == true {
        return None;
    }
    // Outside of groups the participant is an empty text.
    let participant = message["participant"].as_str().filter(|participant| !participant.is_empty());
    let sender = participant.or(message["from"].as_str()).unwrap_or_default();
    Some(Seen { id: stanza_id(&text_at(message, "id")).to_owned(), sender: sender.to_owned(), what })
}

/// What a Baileys client emitted. Every emission counts, also repeats of one id.
pub fn in_baileys(all: &[Value]) -> Vec<Seen> {
    all.iter().filter(|e| e["event"] == "message" && e["key"]["fromMe"] == false).map(of_baileys).collect()
}

fn of_baileys(event: &Value) -> Seen {
    let content = &event["content"];
    let target = || text_at(&content["target"], "id");
    let what = match content["kind"].as_str() {
        Some("text") => What::Text(text_at(content, "text")),
        Some("image") => What::Image,
        Some("reaction") => What::Reaction(target(), text_at(content, "text")),
        Some("edit") => What::Edit(target(), text_at(content, "text")),
        Some("revoke") => What::Delete(target()),
        _ => What::Other,
    };
    let key = &event["key"];
    let sender = key["participant"].as_str().or(key["remoteJid"].as_str()).unwrap_or_default();
    Seen { id: text_at(key, "id"), sender: sender.to_owned(), what }
}

/// What others sent to a simulated contact.
pub fn in_inbox(all: &[Value]) -> Vec<Seen> {
    all.iter().filter(|message| message["from_me"] == false).map(of_inbox).collect()
}

fn of_inbox(message: &Value) -> Seen {
    let target = || text_at(&message["target"], "id");
    let what = match message["kind"].as_str() {
        Some("text") => What::Text(text_at(message, "text")),
        Some("image") => What::Image,
        Some("reaction") => What::Reaction(target(), text_at(message, "emoji")),
        Some("edit") => What::Edit(target(), text_at(message, "text")),
        Some("revoke") => What::Delete(target()),
        _ => What::Other,
    };
    Seen { id: text_at(message, "id"), sender: text_at(message, "sender"), what }
}
