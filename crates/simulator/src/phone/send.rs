//! Sending: a message to a chat reaches every device of everyone in it, each with its own
//! ciphertext, or in groups one ciphertext for all with the sender key told to each device once.

use std::sync::Arc;

use buffa::{Message, MessageField};
use rand::RngExt;
use waproto::whatsapp as wa;

use super::cipher::EncType;
use super::core::Core;
use super::error::PhoneError;
use super::log::NewEntry;
use super::media::{self, EncryptedMedia};
use super::message::{Body, Frame, Outgoing, Target, Uploaded, build, read};
use crate::jid::{Jid, LID_SERVER, PHONE_SERVER};
use crate::media::MediaLocation;
use crate::node::Node;

/// A message that is ready to be encrypted.
pub(super) struct Prepared {
    pub id: String,
    pub chat: Jid,
    pub message: wa::Message,
    /// `type` of the stanza.
    pub stanza_type: &'static str,
    /// `mediatype` of its ciphertexts.
    pub media_type: Option<&'static str>,
    /// `edit` of the stanza: 1 edits, 7 takes an own message back.
    pub edit: Option<&'static str>,
}

impl Core {
    /// The chat that an address means: a number, a JID of either kind, or a group.
    pub fn chat(&self, address: &str) -> Result<Jid, PhoneError> {
        let text = address.trim().trim_start_matches('+');
        if !text.contains('@') {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            return if digits {
                Ok(self.addressed(Jid::new(text, PHONE_SERVER)))
            } else {
                Err(PhoneError::Address)
            };
        }
        let jid = Jid::parse(text).ok_or(PhoneError::Address)?.with_device(0);
        match jid.server.as_str() {
            "c.us" => Ok(self.addressed(Jid::new(jid.user, PHONE_SERVER))),
            PHONE_SERVER if !jid.user.is_empty() => Ok(self.addressed(jid)),
            LID_SERVER | crate::jid::GROUP_SERVER if !jid.user.is_empty() => Ok(jid),
            _ => Err(PhoneError::Address),
        }
    }

    /// A person's address in the form that this simulator prefers.
    fn addressed(&self, jid: Jid) -> Jid {
        if !self.config.prefer_lid {
            return jid;
        }
        match self.server.account(&jid.user) {
            Some(account) => Jid::new(account.lid, LID_SERVER),
            None => jid,
        }
    }

    /// Sends a message and returns its id once the server has it.
    pub async fn send_message(
        &self,
        to: &str,
        outgoing: &Outgoing,
        id: Option<String>,
    ) -> Result<String, PhoneError> {
        let chat = self.chat(to)?;
        let _turn = self.turn.lock().await;
        let prepared = self.prepare(chat, outgoing, id)?;
        let stanza = if prepared.chat.is_group() {
            self.group_stanza(&prepared).await?
        } else {
            self.direct_stanza(&prepared).await?
        };
        self.log_own(&prepared);
        self.submit(&prepared.id, stanza).await?;
        Ok(prepared.id)
    }

    fn prepare(&self, chat: Jid, outgoing: &Outgoing, id: Option<String>) -> Result<Prepared, PhoneError> {
        let now = self.clock.now();
        let uploaded = self.upload(outgoing)?;
        let mut state = self.state();
        let quoted = match &outgoing.reply_to {
            None => None,
            Some(id) => {
                let entry = state.log.by_id(id).ok_or(PhoneError::UnknownMessage)?;
                let message =
                    wa::Message::decode_from_slice(&entry.proto).map_err(|_| PhoneError::UnknownMessage)?;
                let sender = Jid::parse(&entry.wire_sender).unwrap_or_else(|| self.me(false));
                Some((id.clone(), sender.with_device(0).to_string(), message))
            }
        };
        let frame = Frame {
            chat: &chat.to_string(),
            timestamp_ms: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
            quoted,
            secret: state.cipher.rng().random(),
        };
        let parts = uploaded.as_ref().map(|(encrypted, location)| Uploaded {
            encrypted,
            location,
            timestamp: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        });
        let message = build(outgoing, &frame, parts.as_ref());
        let (stanza_type, media_type, edit) = kinds(&outgoing.body);
        let id = id.unwrap_or_else(|| state.message_id());
        Ok(Prepared { id, chat, message, stanza_type, media_type, edit })
    }

    fn upload(&self, outgoing: &Outgoing) -> Result<Option<(EncryptedMedia, MediaLocation)>, PhoneError> {
        let Body::Media(body) = &outgoing.body else { return Ok(None) };
        let mut encrypted = media::encrypt(body.kind, &body.data, self.state().cipher.rng())?;
        let file = std::mem::take(&mut encrypted.file);
        let location = self.media.put(body.kind.folder(), file.into());
        Ok(Some((encrypted, location)))
    }

    fn log_own(&self, prepared: &Prepared) {
        let timestamp = self.now();
        let chat = self.by_number(&prepared.chat).to_string();
        let me = self.me(false).to_string();
        let wire_sender = self.me(prepared.chat.is_lid()).to_string();
        self.state().log.add(NewEntry {
            id: prepared.id.clone(),
            chat,
            sender: me,
            device: 0,
            from_me: true,
            by_phone: true,
            timestamp,
            push_name: None,
            content: read(&prepared.message),
            wire_chat: prepared.chat.to_string(),
            wire_sender,
            proto: prepared.message.encode_to_vec().into(),
        });
        self.notify();
    }

    async fn direct_stanza(&self, prepared: &Prepared) -> Result<Node, PhoneError> {
        let own = self.me(prepared.chat.is_lid());
        let theirs = self.devices_of(std::slice::from_ref(&prepared.chat)).await?;
        if theirs.is_empty() && !self.is_me(&prepared.chat) {
            return Err(PhoneError::UnknownRecipient);
        }
        let mut devices = theirs;
        if !self.is_me(&prepared.chat) {
            devices.extend(self.devices_of(std::slice::from_ref(&own)).await?);
        }
        self.ensure_sessions(&devices).await?;
        let plain = prepared.message.encode_to_vec();
        let copy = device_sent(&prepared.chat, &prepared.message).encode_to_vec();
        let mut list = Vec::new();
        {
            let mut state = self.state();
            for device in &devices {
                let plaintext = if self.is_me(device) { &copy } else { &plain };
                // Without a bundle there is no session and the device goes without.
                if !state.cipher.has_session(device) {
                    continue;
                }
                let (kind, ciphertext) = state.cipher.encrypt(device, plaintext)?;
                list.push(to_node(device, kind, ciphertext, prepared.media_type));
            }
        }
        Ok(prepared.stanza().child(Node::new("participants").children(list)))
    }

    async fn group_stanza(&self, prepared: &Prepared) -> Result<Node, PhoneError> {
        let group = &prepared.chat;
        let (members, lid) = self.group_members(group).await?;
        let me = self.me(lid);
        let devices = self.devices_of(&members).await?;
        let new: Vec<Jid> = {
            let state = self.state();
            let informed = state.groups.get(&group.to_string()).map(|group| &group.informed);
            let knows = |device: &Jid| informed.is_some_and(|set| set.contains(&device.to_string()));
            devices.iter().filter(|device| !knows(device)).cloned().collect()
        };
        self.ensure_sessions(&new).await?;
        let mut stanza = prepared.stanza().attr("addressing_mode", if lid { "lid" } else { "pn" });
        let mut state = self.state();
        let distribution = state.cipher.distribute_sender_key(group, &me)?;
        let distribution = sender_key_message(group, &distribution).encode_to_vec();
        let mut list = Vec::new();
        for device in &new {
            if !state.cipher.has_session(device) {
                continue;
            }
            let (kind, ciphertext) = state.cipher.encrypt(device, &distribution)?;
            list.push(to_node(device, kind, ciphertext, None));
            state.groups.entry(group.to_string()).or_default().informed.insert(device.to_string());
        }
        if !list.is_empty() {
            stanza = stanza.child(Node::new("participants").children(list));
        }
        let ciphertext = state.cipher.encrypt_group(group, &me, &prepared.message.encode_to_vec())?;
        let enc = Node::new("enc")
            .attr("v", "2")
            .attr("type", "skmsg")
            .attr_opt("mediatype", prepared.media_type)
            .bytes(ciphertext);
        Ok(stanza.child(enc))
    }

    /// Sends a message for one companion only, which its owner does not see.
    pub async fn send_peer(&self, device: u16, message: &wa::Message) -> Result<(), PhoneError> {
        let device = self.me(false).with_device(device);
        let _turn = self.turn.lock().await;
        self.ensure_sessions(std::slice::from_ref(&device)).await?;
        let (id, kind, ciphertext) = {
            let mut state = self.state();
            let (kind, ciphertext) = state.cipher.encrypt(&device, &message.encode_to_vec())?;
            (state.message_id(), kind, ciphertext)
        };
        let stanza = Node::new("message")
            .attr("id", id.clone())
            .attr("to", device.to_string())
            .attr("type", "text")
            .attr("category", "peer")
            .attr("push_priority", "high")
            .child(enc_node(kind, ciphertext, None));
        self.submit(&id, stanza).await
    }

    /// How a message in the log is named in a reaction, edit or revocation.
    pub fn target(&self, id: &str) -> Result<(String, Target), PhoneError> {
        let state = self.state();
        let entry = state.log.by_id(id).ok_or(PhoneError::UnknownMessage)?;
        let in_group = Jid::parse(&entry.wire_chat).is_some_and(|chat| chat.is_group());
        let participant = (in_group && !entry.from_me)
            .then(|| Jid::parse(&entry.wire_sender).map(|sender| sender.with_device(0).to_string()))
            .flatten();
        let target = Target { id: id.to_owned(), from_me: entry.from_me, participant };
        Ok((entry.wire_chat.clone(), target))
    }
}

impl Prepared {
    fn stanza(&self) -> Node {
        Node::new("message")
            .attr("id", self.id.clone())
            .attr("to", self.chat.to_string())
            .attr("type", self.stanza_type)
            .attr_opt("edit", self.edit)
    }

    /// The same message, as the log has it, for a device that asks again.
    pub fn again(id: &str, chat: Jid, proto: &Arc<[u8]>) -> Option<Self> {
        let message = wa::Message::decode_from_slice(proto).ok()?;
        let stanza_type = if message.reaction_message.is_set() {
            "reaction"
        } else if read(&message).media.is_some() {
            "media"
        } else {
            "text"
        };
        Some(Self { id: id.to_owned(), chat, message, stanza_type, media_type: None, edit: None })
    }
}

/// What an own companion gets: the message and where it went.
pub(super) fn device_sent(chat: &Jid, message: &wa::Message) -> wa::Message {
    wa::Message {
        device_sent_message: MessageField::some(wa::message::DeviceSentMessage {
            destination_jid: Some(chat.to_string()),
            message: MessageField::some(message.clone()),
            ..Default::default()
        }),
        message_context_info: message.message_context_info.clone(),
        ..Default::default()
    }
}

/// What tells a device this phone's sender key of a group.
pub(super) fn sender_key_message(group: &Jid, distribution: &[u8]) -> wa::Message {
    wa::Message {
        sender_key_distribution_message: MessageField::some(wa::message::SenderKeyDistributionMessage {
            group_id: Some(group.to_string()),
            axolotl_sender_key_distribution_message: Some(distribution.to_vec()),
        }),
        ..Default::default()
    }
}

pub(super) fn enc_node(kind: EncType, ciphertext: Vec<u8>, media_type: Option<&str>) -> Node {
    Node::new("enc")
        .attr("v", "2")
        .attr("type", kind.as_str())
        .attr_opt("mediatype", media_type)
        .bytes(ciphertext)
}

fn to_node(device: &Jid, kind: EncType, ciphertext: Vec<u8>, media_type: Option<&str>) -> Node {
    Node::new("to").attr("jid", device.to_string()).child(enc_node(kind, ciphertext, media_type))
}

fn kinds(body: &Body) -> (&'static str, Option<&'static str>, Option<&'static str>) {
    match body {
        Body::Text(_) => ("text", None, None),
        Body::Media(media) => {
            let kind = match media.kind {
                media::MediaKind::Image => "image",
                media::MediaKind::Video => "video",
                media::MediaKind::Audio if media.voice => "ptt",
                media::MediaKind::Audio => "audio",
                media::MediaKind::Document => "document",
                media::MediaKind::Sticker => "sticker",
            };
            ("media", Some(kind), None)
        }
        Body::Reaction { .. } => ("reaction", None, None),
        Body::Edit { .. } => ("text", None, Some("1")),
        Body::Revoke { .. } => ("text", None, Some("7")),
    }
}
