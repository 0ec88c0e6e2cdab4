//! Taking what the server sends: messages are decrypted and confirmed, everything else is
//! acknowledged and used.

use std::sync::Arc;

use buffa::Message;
use waproto::whatsapp as wa;

use super::cipher::{CipherError, EncType, is_duplicate};
use super::core::Core;
use super::log::NewEntry;
use super::message::{Kind, read, unwrap};
use crate::jid::Jid;
use crate::node::Node;

/// How often the phone asks for a message that it cannot decrypt.
const MOST_RETRIES: u32 = 5;

/// Where a message comes from.
struct Origin {
    id: String,
    /// The chat as the stanza addresses it.
    chat: Jid,
    /// The sending device as the stanza addresses it.
    sender: Jid,
    /// The same device under its other address.
    aliases: Vec<Jid>,
    /// The sender as a person knows it.
    known_sender: Jid,
    in_group: bool,
    own: bool,
    timestamp: u64,
    push_name: Option<String>,
}

impl Core {
    /// Takes one stanza.
    pub fn take(self: &Arc<Self>, stanza: Node) {
        match stanza.tag.as_str() {
            "message" => self.take_message(&stanza),
            "receipt" => self.take_receipt(&stanza),
            "notification" => self.take_notification(&stanza),
            "call" => self.take_call(&stanza),
            "ack" => {
                if let Some(id) = stanza.get("id").map(str::to_owned)
                    && stanza.get("class") == Some("message")
                {
                    self.answered(&id, stanza);
                }
            }
            "iq" => match (stanza.get("type"), stanza.get("id").map(str::to_owned)) {
                (Some("result" | "error"), Some(id)) => self.answered(&id, stanza),
                (_, id) => self.send(Node::new("iq").attr("type", "result").attr_opt("id", id)),
            },
            "chatstate" => self.take_chat_state(&stanza),
            _ => {}
        }
    }

    /// Confirms a stanza that is no message.
    pub fn acknowledge(&self, stanza: &Node) {
        let ack = Node::new("ack")
            .attr("class", stanza.tag.clone())
            .attr_opt("id", stanza.get("id"))
            .attr_opt("to", stanza.get("from"))
            .attr_opt("participant", stanza.get("participant"))
            .attr_opt("type", stanza.get("type"));
        self.send(ack);
    }

    fn take_notification(&self, notification: &Node) {
        let from = notification.get("from").and_then(Jid::parse);
        match (notification.get("type"), from) {
            (Some("devices"), Some(user)) => self.forget_devices(&user),
            (Some("w:gp2"), Some(group)) => self.forget_group(&group),
            _ => {}
        }
        self.acknowledge(notification);
    }

    fn take_chat_state(&self, stanza: &Node) {
        let (Some(from), Some(state)) = (stanza.get("from").and_then(Jid::parse), stanza.nodes().first())
        else {
            return;
        };
        let kind = match (state.tag.as_str(), state.get("media")) {
            ("composing", Some("audio")) => "recording",
            (tag, _) => tag,
        };
        let mut key = self.by_number(&from).with_device(0).to_string();
        if let Some(participant) = stanza.get("participant").and_then(Jid::parse) {
            key = format!("{key} {}", self.by_number(&participant).with_device(0));
        }
        let known = ["composing", "recording", "paused"].contains(&kind);
        if known {
            self.state().chat_states.insert(key, kind.to_owned());
            self.notify();
        }
    }

    fn take_message(self: &Arc<Self>, stanza: &Node) {
        let Some(origin) = self.origin(stanza) else {
            self.acknowledge(stanza);
            return;
        };
        let mut duplicate = false;
        let mut failure = None;
        let mut read_something = false;
        for enc in stanza.find_all("enc") {
            match self.open(&origin, enc) {
                Ok(message) => {
                    read_something = true;
                    self.understand(&origin, stanza, message);
                }
                Err(error) if is_duplicate(&error) => duplicate = true,
                Err(error) => failure = Some(error),
            }
        }
        let person = origin.known_sender.with_device(0).to_string();
        if let Some(error) = failure {
            tracing::debug!(%error, "a message could not be decrypted");
            let count = self.state().log.fail(&person, &origin.id);
            if count <= MOST_RETRIES {
                self.ask_again(&origin, stanza, count);
            } else {
                self.acknowledge(stanza);
            }
        } else {
            if duplicate && !read_something {
                self.state().log.duplicate(&person, &origin.id);
            }
            self.confirm(&origin, stanza);
        }
        self.notify();
    }

    fn origin(&self, stanza: &Node) -> Option<Origin> {
        let from = Jid::parse(stanza.get("from")?)?;
        let participant = stanza.get("participant").and_then(Jid::parse);
        let (in_group, sender) = match participant {
            Some(participant) => (true, participant),
            None => (false, from.clone()),
        };
        let own = self.is_me(&sender);
        let recipient = stanza.get("recipient").and_then(Jid::parse);
        let chat = if in_group { from } else { recipient.filter(|_| own).unwrap_or(from) };
        Some(Origin {
            id: stanza.get("id")?.to_owned(),
            chat: chat.with_device(0),
            aliases: self.alias(&sender).into_iter().collect(),
            known_sender: self.by_number(&sender),
            sender,
            in_group,
            own,
            timestamp: stanza.get("t").and_then(|t| t.parse().ok()).unwrap_or_else(|| self.now()),
            push_name: stanza.get("notify").map(str::to_owned),
        })
    }

    fn open(&self, origin: &Origin, enc: &Node) -> Result<wa::Message, CipherError> {
        let ciphertext = enc.data().unwrap_or_default();
        let mut state = self.state();
        let cipher = &mut state.cipher;
        let plaintext = match enc.get("type") {
            Some("pkmsg") => cipher.decrypt(&origin.sender, &origin.aliases, EncType::PreKey, ciphertext),
            Some("msg") => cipher.decrypt(&origin.sender, &origin.aliases, EncType::Message, ciphertext),
            Some("skmsg") => cipher.decrypt_group(&origin.chat, &origin.sender, &origin.aliases, ciphertext),
            _ => Err(CipherError::UnknownType),
        }?;
        wa::Message::decode_from_slice(&plaintext).map_err(|_| CipherError::Padding)
    }

    /// Uses what a decrypted message says.
    fn understand(self: &Arc<Self>, origin: &Origin, stanza: &Node, mut message: wa::Message) {
        self.learn_sender_key(origin, &message);
        let mut chat = origin.chat.clone();
        if origin.own
            && let Some(sent) = message.device_sent_message.as_option_mut()
        {
            if let Some(to) = sent.destination_jid.as_deref().and_then(Jid::parse) {
                chat = to.with_device(0);
            }
            let Some(inner) = sent.message.take() else { return };
            message = inner;
            self.learn_sender_key(origin, &message);
        }
        if origin.own && stanza.get("category") == Some("peer") {
            self.peer_request(origin.sender.device, &message);
            return;
        }
        let message = unwrap(message);
        let content = read(&message);
        if content.kind == Kind::Protocol || (content.kind == Kind::Other && only_sender_key(&message)) {
            return;
        }
        let known_chat = self.by_number(&chat).to_string();
        let new = self.state().log.add(NewEntry {
            id: origin.id.clone(),
            chat: known_chat,
            sender: origin.known_sender.with_device(0).to_string(),
            device: origin.sender.device,
            from_me: origin.own,
            by_phone: false,
            timestamp: origin.timestamp,
            push_name: origin.push_name.clone(),
            content,
            wire_chat: chat.to_string(),
            wire_sender: origin.sender.to_string(),
            proto: message.encode_to_vec().into(),
        });
        let auto_read = self.state().auto_read;
        if new && auto_read && !origin.own {
            self.send(read_receipt(&chat, &origin.sender, std::slice::from_ref(&origin.id)));
        }
    }

    fn learn_sender_key(&self, origin: &Origin, message: &wa::Message) {
        let Some(distribution) = message.sender_key_distribution_message.as_option() else { return };
        let group =
            distribution.group_id.as_deref().and_then(Jid::parse).unwrap_or_else(|| origin.chat.clone());
        let bytes = distribution.axolotl_sender_key_distribution_message.as_deref().unwrap_or_default();
        let learned = self.state().cipher.learn_sender_key(&group, &origin.sender, bytes);
        if let Err(error) = learned {
            tracing::debug!(%error, "a sender key is unusable");
        }
    }

    /// A companion asks its phone for something.
    fn peer_request(self: &Arc<Self>, device: u16, message: &wa::Message) {
        use wa::message::protocol_message::Type;
        let kind = message.protocol_message.as_option().and_then(|protocol| protocol.r#type);
        if kind == Some(Type::APP_STATE_SYNC_KEY_REQUEST) {
            let core = Arc::clone(self);
            tokio::spawn(async move { core.share_app_state_key(device).await });
        }
    }

    /// Tells the sender (or, for a companion's own message, the server) that it arrived.
    fn confirm(&self, origin: &Origin, stanza: &Node) {
        let from = stanza.get("from").unwrap_or_default();
        let receipt = Node::new("receipt").attr("id", origin.id.clone()).attr("to", from);
        let receipt = if stanza.get("category") == Some("peer") {
            receipt.attr("type", "peer_msg")
        } else if origin.own {
            receipt.attr("type", "sender").attr_opt("recipient", stanza.get("recipient"))
        } else {
            receipt
        };
        self.send(receipt.attr_opt("participant", stanza.get("participant")));
    }

    /// Asks the sender for the message once more. From the second time on it is given keys for a
    /// new Signal session.
    fn ask_again(&self, origin: &Origin, stanza: &Node, count: u32) {
        let retry = Node::new("retry")
            .attr("v", "1")
            .attr("count", count.to_string())
            .attr("id", origin.id.clone())
            .attr("t", origin.timestamp.to_string());
        let mut receipt = Node::new("receipt")
            .attr("id", origin.id.clone())
            .attr("to", stanza.get("from").unwrap_or_default())
            .attr("type", "retry")
            .attr_opt("participant", stanza.get("participant"))
            .attr_opt("recipient", stanza.get("recipient"))
            .attr_opt("category", stanza.get("category"))
            .child(retry)
            .child(Node::new("registration").bytes(self.keys.registration_id().to_be_bytes()));
        if count > 1 {
            receipt = receipt.child(self.fresh_keys());
        }
        self.send(receipt);
        if origin.in_group {
            // The sender key may be the damaged part; a retry brings a new one.
            tracing::debug!("asked for a group message again");
        }
    }

    fn fresh_keys(&self) -> Node {
        let key = |tag: &str, id: u32, value: &[u8; 32]| {
            Node::new(tag)
                .child(Node::new("id").bytes(&id.to_be_bytes()[1..]))
                .child(Node::new("value").bytes(*value))
        };
        let (one_time_id, one_time) = self.keys.mint_one_time();
        let (signed_id, signed, signature) = self.keys.signed_prekey();
        Node::new("keys").children([
            Node::new("type").bytes([5]),
            Node::new("identity").bytes(self.keys.identity_public()),
            key("key", one_time_id, &one_time),
            key("skey", signed_id, &signed).child(Node::new("signature").bytes(signature)),
        ])
    }
}

/// A message that only brings a sender key is not shown to anyone.
fn only_sender_key(message: &wa::Message) -> bool {
    message.sender_key_distribution_message.is_set()
}

/// Tells a sender that its messages were read.
pub(super) fn read_receipt(chat: &Jid, sender: &Jid, ids: &[String]) -> Node {
    let (first, more) = ids.split_first().map_or((String::new(), &[][..]), |(id, more)| (id.clone(), more));
    let mut receipt =
        Node::new("receipt").attr("id", first).attr("to", chat.to_string()).attr("type", "read");
    if chat.is_group() {
        receipt = receipt.attr("participant", sender.with_device(0).to_string());
    }
    if more.is_empty() {
        return receipt;
    }
    receipt.child(Node::new("list").children(more.iter().map(|id| Node::new("item").attr("id", id.clone()))))
}
