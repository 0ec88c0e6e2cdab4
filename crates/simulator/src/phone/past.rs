//! A past that never was: chats and messages from before a device was linked, which its phone gives it as history.
//!
//! As real phones do, the phone puts parts of it on the media host and tells the device where each is (protocol notes,
//! section 8; the keys are derived for `WhatsApp History Keys`).

use std::io::Write;

use buffa::{Message, MessageField};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use rand::RngExt;
use serde::Deserialize;
use waproto::whatsapp as wa;

use super::core::Core;
use super::error::PhoneError;
use super::media;

/// When the first message of every chat was written, in seconds since 1970.
const BEGINNING: u64 = 1_600_000_000;
/// The most messages of one past.
const MOST_MESSAGES: usize = 1_000_000;
/// Numbers of people begin so; their LIDs with another digit.
const NUMBERS: u64 = 4_915_500_000_000;
const LIDS: u64 = 77_000_000_000_000;

/// How much there is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// Chats. Every tenth is a group, the others are with one person each; every fourth of these is known by LID alone.
    pub chats: usize,
    /// Messages in each chat; every other one is the account's own.
    pub messages: usize,
    /// Chats in one part.
    #[serde(default = "all")]
    pub chats_in_part: usize,
    /// Messages of others that are not read, in each chat.
    #[serde(default)]
    pub unread: u32,
    /// Letters of each text.
    #[serde(default)]
    pub letters: usize,
}

fn all() -> usize {
    usize::MAX
}

impl Past {
    /// Whether it is not too large.
    pub fn is_bearable(&self) -> bool {
        self.chats_in_part > 0
            && self.letters <= 65_536
            && self.chats.checked_mul(self.messages.max(1)).is_some_and(|all| all <= MOST_MESSAGES)
    }

    /// The parts, each made when its turn comes.
    fn parts(self) -> impl Iterator<Item = wa::HistorySync> {
        let step = self.chats_in_part.min(self.chats.max(1));
        (0..self.chats).step_by(step).zip(1_u32..).map(move |(first, order)| {
            let last = (first + step).min(self.chats);
            wa::HistorySync {
                sync_type: wa::history_sync::HistorySyncType::RECENT,
                chunk_order: Some(order),
                progress: u32::try_from(last * 100 / self.chats).ok(),
                conversations: (first..last).map(|chat| self.conversation(chat)).collect(),
                pushnames: (first..last).map(|chat| name(person(chat, 0), chat)).collect(),
                phone_number_to_lid_mappings: (first..last).map(mapping).collect(),
                ..Default::default()
            }
        })
    }

    fn conversation(&self, chat: usize) -> wa::Conversation {
        let jid = chat_jid(chat);
        let end = BEGINNING + self.messages.saturating_sub(1) as u64;
        wa::Conversation {
            id: jid.clone(),
            messages: (0..self.messages).rev().map(|number| self.message(&jid, chat, number)).collect(),
            conversation_timestamp: Some(end),
            unread_count: Some(self.unread),
            name: is_group(chat).then(|| format!("Group {chat}")),
            archived: Some(chat % 10 == 1),
            pinned: (chat % 10 == 2).then_some(1_650_000_000),
            mute_end_time: (chat % 10 == 3).then_some(4_000_000_000_000),
            ..Default::default()
        }
    }

    fn message(&self, jid: &str, chat: usize, number: usize) -> wa::HistorySyncMsg {
        let from_me = number % 2 == 1;
        let participant = (is_group(chat) && !from_me).then(|| person(chat, number % 3));
        let key = wa::MessageKey {
            remote_jid: Some(jid.to_owned()),
            from_me: Some(from_me),
            id: Some(format!("PAST{chat:06}{number:08}")),
            participant: participant.clone(),
        };
        let text = format!("message {number} of chat {chat}{}", " more".repeat(self.letters / 5));
        let message = wa::Message { conversation: Some(text), ..Default::default() };
        let info = wa::WebMessageInfo {
            key: MessageField::some(key),
            message: MessageField::some(message),
            message_timestamp: Some(BEGINNING + number as u64),
            status: Some(wa::web_message_info::Status::READ),
            participant,
            ..Default::default()
        };
        wa::HistorySyncMsg { message: MessageField::some(info), msg_order_id: Some(number as u64) }
    }
}

fn is_group(chat: usize) -> bool {
    chat % 10 == 9
}

fn chat_jid(chat: usize) -> String {
    match chat {
        _ if is_group(chat) => format!("1203630000000{chat:05}@g.us"),
        _ if chat % 4 == 3 => lid(chat),
        _ => person(chat, 0),
    }
}

/// Somebody in a chat: the one whom it is with, or one of a group's members.
fn person(chat: usize, member: usize) -> String {
    format!("{}@s.whatsapp.net", NUMBERS + (member as u64) * 1_000_000 + chat as u64)
}

fn lid(chat: usize) -> String {
    format!("{}@lid", LIDS + chat as u64)
}

fn mapping(chat: usize) -> wa::PhoneNumberToLIDMapping {
    wa::PhoneNumberToLIDMapping { pn_jid: Some(person(chat, 0)), lid_jid: Some(lid(chat)) }
}

fn name(id: String, chat: usize) -> wa::Pushname {
    wa::Pushname { id: Some(id), pushname: Some(format!("Person {chat}")) }
}

impl Core {
    /// Gives a companion the past, part by part. Answers how many there were.
    pub async fn share_past(&self, device: u16, past: Past) -> Result<usize, PhoneError> {
        use wa::message::HistorySyncType;
        let mut count = 0;
        for part in past.parts() {
            let packed = pack(&part.encode_to_vec());
            let sealed = {
                let mut state = self.state();
                media::encrypt_history(&packed, state.cipher.rng())?
            };
            let location = self.media.put("history", sealed.file.into());
            let session: u64 = self.state().cipher.rng().random();
            let notification = wa::message::HistorySyncNotification {
                sync_type: Some(HistorySyncType::RECENT),
                chunk_order: part.chunk_order,
                progress: part.progress,
                direct_path: Some(location.direct_path),
                media_key: Some(sealed.media_key.to_vec()),
                file_sha256: Some(sealed.sha256.to_vec()),
                file_enc_sha256: Some(sealed.enc_sha256.to_vec()),
                file_length: Some(packed.len() as u64),
                original_message_id: Some(format!("{session:016X}")),
                ..Default::default()
            };
            let protocol = wa::message::ProtocolMessage {
                r#type: Some(wa::message::protocol_message::Type::HISTORY_SYNC_NOTIFICATION),
                history_sync_notification: MessageField::some(notification),
                ..Default::default()
            };
            let message =
                wa::Message { protocol_message: MessageField::some(protocol), ..Default::default() };
            self.send_peer(device, &message).await?;
            count += 1;
        }
        Ok(count)
    }
}

fn pack(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_past_comes_in_parts_and_is_whole() {
        let past = Past { chats: 25, messages: 4, chats_in_part: 10, unread: 1, letters: 0 };
        let parts: Vec<_> = past.parts().collect();
        assert_eq!(parts.iter().map(|part| part.conversations.len()).collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(parts.iter().filter_map(|part| part.progress).collect::<Vec<_>>(), [40, 80, 100]);
        let ids: std::collections::BTreeSet<_> = parts
            .iter()
            .flat_map(|part| &part.conversations)
            .flat_map(|chat| &chat.messages)
            .filter_map(|one| one.message.as_option()?.key.as_option()?.id.clone())
            .collect();
        assert_eq!(ids.len(), 100, "each message once");
        let large = Past { chats: usize::MAX, messages: 2, ..past };
        assert!(past.is_bearable() && !large.is_bearable());
    }
}
