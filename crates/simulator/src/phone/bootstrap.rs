//! What a phone gives to a companion that logs in for the first time: the app-state key and the
//! history (protocol notes, section 8).

use std::collections::BTreeMap;
use std::io::Write;

use buffa::{Message, MessageField};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use waproto::whatsapp as wa;

use super::app_state::PUSH_NAME_COLLECTION;
use super::core::Core;
use super::error::PhoneError;
use crate::jid::SERVER_JID;
use crate::node::Node;

/// Messages of the history that a new companion is given.
const HISTORY: usize = 100;
/// The dictionary from which on clients take history that is sent within the message.
const INLINE_HISTORY: u8 = 3;

impl Core {
    /// Puts the account's push name into its app state, once.
    pub async fn publish_app_state(&self) -> Result<(), PhoneError> {
        if self.state().app_state.published {
            return Ok(());
        }
        let patch = {
            let now = self.now();
            let mut state = self.state();
            let app_state = state.app_state.clone();
            app_state.push_name_patch(&self.account.name, now, state.cipher.rng())
        };
        let collection = Node::new("collection")
            .attr("name", PUSH_NAME_COLLECTION)
            .attr("version", "0")
            .attr("return_snapshot", "false")
            .child(Node::new("patch").bytes(patch));
        let request = Node::new("iq")
            .attr("to", SERVER_JID)
            .attr("type", "set")
            .attr("xmlns", "w:sync:app:state")
            .child(Node::new("sync").child(collection));
        self.request("the app state", request).await?;
        self.state().app_state.published = true;
        Ok(())
    }

    /// Sends a companion the app-state key and the history.
    pub async fn bootstrap(&self, device: u16, dictionary: u8) {
        self.share_app_state_key(device).await;
        let result = self.share_history(device, dictionary).await;
        if let Err(error) = result {
            tracing::warn!(%error, device, "a new companion got no history");
        }
        let past = self.state().past.filter(|_| dictionary >= INLINE_HISTORY);
        if let Some(past) = past
            && let Err(error) = self.share_past(device, past).await
        {
            tracing::warn!(%error, device, "a new companion got only a part of the history");
        }
        self.notify();
    }

    /// Sends a companion the key of the account's app state.
    pub async fn share_app_state_key(&self, device: u16) {
        use wa::message::protocol_message::Type;
        let share = self.state().app_state.key_share();
        let message = protocol(wa::message::ProtocolMessage {
            r#type: Some(Type::APP_STATE_SYNC_KEY_SHARE),
            app_state_sync_key_share: MessageField::some(share),
            ..Default::default()
        });
        if let Err(error) = self.send_peer(device, &message).await {
            tracing::warn!(%error, device, "a companion got no app-state key");
        }
    }

    async fn share_history(&self, device: u16, dictionary: u8) -> Result<(), PhoneError> {
        use wa::message::HistorySyncType;
        let inline = dictionary >= INLINE_HISTORY;
        // Baileys 6 has no inline history and would ask WhatsApp's own host for a file. It takes
        // no interest in this type, but it does go on with its start.
        let kind =
            if inline { HistorySyncType::INITIAL_BOOTSTRAP } else { HistorySyncType::INITIAL_STATUS_V3 };
        let payload = inline.then(|| compress(&self.history().encode_to_vec()));
        let notification = wa::message::HistorySyncNotification {
            sync_type: Some(kind),
            chunk_order: Some(1),
            progress: Some(100),
            initial_hist_bootstrap_inline_payload: payload,
            ..Default::default()
        };
        let message = protocol(wa::message::ProtocolMessage {
            r#type: Some(wa::message::protocol_message::Type::HISTORY_SYNC_NOTIFICATION),
            history_sync_notification: MessageField::some(notification),
            ..Default::default()
        });
        self.send_peer(device, &message).await
    }

    /// The newest messages of the log by chat, and the names that came with them.
    fn history(&self) -> wa::HistorySync {
        let mut chats: BTreeMap<String, wa::Conversation> = BTreeMap::new();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        names.insert(self.me(false).to_string(), self.account.name.clone());
        let state = self.state();
        let skip = state.log.counts().0.saturating_sub(HISTORY);
        for entry in state.log.after(0).skip(skip) {
            let Ok(message) = wa::Message::decode_from_slice(&entry.proto) else { continue };
            let group = entry.chat.ends_with("@g.us");
            let key = wa::MessageKey {
                remote_jid: Some(entry.chat.clone()),
                from_me: Some(entry.from_me),
                id: Some(entry.id.clone()),
                participant: group.then(|| entry.sender.clone()),
            };
            let info = wa::WebMessageInfo {
                key: MessageField::some(key),
                message: MessageField::some(message),
                message_timestamp: Some(entry.timestamp),
                participant: group.then(|| entry.sender.clone()),
                push_name: entry.push_name.clone(),
                ..Default::default()
            };
            if let Some(name) = entry.push_name.clone().filter(|_| !entry.from_me) {
                names.insert(entry.sender.clone(), name);
            }
            let chat = chats.entry(entry.chat.clone()).or_default();
            chat.id.clone_from(&entry.chat);
            chat.conversation_timestamp = Some(entry.timestamp);
            // The newest message comes first.
            let position = u64::try_from(chat.messages.len()).unwrap_or_default();
            chat.messages.insert(
                0,
                wa::HistorySyncMsg { message: MessageField::some(info), msg_order_id: Some(position) },
            );
        }
        wa::HistorySync {
            sync_type: wa::history_sync::HistorySyncType::INITIAL_BOOTSTRAP,
            chunk_order: Some(1),
            progress: Some(100),
            conversations: chats.into_values().collect(),
            pushnames: names
                .into_iter()
                .map(|(id, name)| wa::Pushname { id: Some(id), pushname: Some(name) })
                .collect(),
            ..Default::default()
        }
    }
}

fn protocol(protocol: wa::message::ProtocolMessage) -> wa::Message {
    wa::Message { protocol_message: MessageField::some(protocol), ..Default::default() }
}

fn compress(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}
