//! Messages that came and cannot be read: their senders are asked to send them again, or they are for other devices alone.
//! Phones show them as "waiting for this message"; when one comes after all, it is told of as any other, under the same id.

use wakeeper_storage::NewEvent;
use wakeeper_waha::EventName;
use whatsapp_rust::wacore::types::events::{DecryptFailMode, UndecryptableMessage};

use crate::inbound::inbox::Inbox;
use crate::message::{Content, message_payload};

/// What such a message is called, as in WhatsApp Web.
const KIND: &str = "ciphertext";

/// The event of one message; none when nobody is to see that it is missing, or its chat is ignored.
pub(super) async fn events(inbox: &Inbox, failed: &UndecryptableMessage) -> Vec<NewEvent> {
    // Phones show nothing of a reaction or a vote that cannot be read.
    if matches!(failed.decrypt_fail_mode, DecryptFailMode::Hide) {
        return Vec::new();
    }
    let Some(client) = inbox.state.client() else { return Vec::new() };
    let Some((facts, _)) = inbox.described(&client, &failed.info).await else { return Vec::new() };
    let payload = message_payload(&facts, &Content { kind: KIND, ..Content::default() });
    let chat = facts.id.chat.as_str();
    inbox
        .journal
        .event(inbox.state.name(), chat, EventName::MessageWaiting, &payload.into())
        .into_iter()
        .collect()
}
