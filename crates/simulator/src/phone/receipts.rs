//! Receipts for what this account sent, and messages that a device asks for again.

use std::sync::Arc;

use buffa::Message;

use super::cipher::Bundle;
use super::core::Core;
use super::devices::read_bundle;
use super::error::PhoneError;
use super::send::{Prepared, device_sent, enc_node, sender_key_message};
use crate::jid::Jid;
use crate::node::Node;

/// How often one device is sent the same message again.
const MOST_RESENDS: u32 = 5;

impl Core {
    /// Takes a receipt.
    pub fn take_receipt(self: &Arc<Self>, receipt: &Node) {
        self.acknowledge(receipt);
        let Some(device) = receipt.get("participant").or_else(|| receipt.get("from")).and_then(Jid::parse)
        else {
            return;
        };
        let Some(id) = receipt.get("id").map(str::to_owned) else { return };
        match receipt.get("type") {
            None | Some("delivery" | "inactive") => self.note(receipt, &id, &device, false),
            Some("read" | "played") => self.note(receipt, &id, &device, true),
            Some("retry") => {
                let core = Arc::clone(self);
                let count = receipt.find("retry").and_then(|retry| retry.get("count")?.parse().ok());
                // Who could not decrypt a message twice sends keys along, as WhatsApp's clients do.
                let keys = receipt.find("keys").and_then(|keys| read_bundle(keys, receipt));
                tokio::spawn(async move {
                    if let Err(error) = core.resend(&id, &device, count.unwrap_or(1), keys).await {
                        tracing::warn!(%error, "a message could not be sent again");
                    }
                });
            }
            Some(_) => {}
        }
    }

    fn note(&self, receipt: &Node, id: &str, device: &Jid, read: bool) {
        let device = self.by_number(device).to_string();
        let listed = receipt.find("list").into_iter().flat_map(|list| list.find_all("item"));
        let ids: Vec<&str> = std::iter::once(id).chain(listed.filter_map(|item| item.get("id"))).collect();
        {
            let mut state = self.state();
            for id in ids {
                let Some(entry) = state.log.own_mut(id) else { continue };
                entry.delivered.insert(device.clone());
                if read {
                    entry.read.insert(device.clone());
                }
            }
        }
        self.notify();
    }

    /// Sends a message again to one device that could not decrypt it, over a new Signal session.
    async fn resend(
        &self,
        id: &str,
        device: &Jid,
        count: u32,
        keys: Option<Bundle>,
    ) -> Result<(), PhoneError> {
        if count > MOST_RESENDS {
            return Ok(());
        }
        let prepared = {
            let state = self.state();
            let entry = state.log.by_id(id).filter(|entry| entry.from_me);
            let entry = entry.ok_or(PhoneError::UnknownMessage)?;
            let chat = Jid::parse(&entry.wire_chat).ok_or(PhoneError::Address)?;
            Prepared::again(id, chat, &entry.proto).ok_or(PhoneError::UnknownMessage)?
        };
        let _turn = self.turn.lock().await;
        match keys {
            Some(keys) => self.state().cipher.start_session(device, &keys)?,
            None => self.start_sessions(std::slice::from_ref(device)).await?,
        }
        let stanza = self.resend_stanza(&prepared, device, count)?;
        self.submit(id, stanza).await
    }

    fn resend_stanza(&self, prepared: &Prepared, device: &Jid, count: u32) -> Result<Node, PhoneError> {
        let chat = &prepared.chat;
        let mut message = prepared.message.clone();
        let mut state = self.state();
        let base = Node::new("message").attr("id", prepared.id.clone()).attr("type", prepared.stanza_type);
        let stanza = if chat.is_group() {
            let me = self.me(device.is_lid());
            let distribution = state.cipher.distribute_sender_key(chat, &me)?;
            message.sender_key_distribution_message =
                sender_key_message(chat, &distribution).sender_key_distribution_message;
            base.attr("to", chat.to_string()).attr("participant", device.to_string())
        } else if self.is_me(device) {
            message = device_sent(chat, &message);
            base.attr("to", device.to_string()).attr("recipient", chat.to_string())
        } else {
            base.attr("to", device.to_string())
        };
        let (kind, ciphertext) = state.cipher.encrypt(device, &message.encode_to_vec())?;
        let enc = enc_node(kind, ciphertext, None).attr("count", count.to_string());
        Ok(stanza.child(enc))
    }
}
