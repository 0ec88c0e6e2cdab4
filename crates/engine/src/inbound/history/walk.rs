//! Reads a part piece by piece. Where it begins and ends is not known here: whoever takes the pieces sets the pace.

use std::path::Path;

use tokio::sync::mpsc::Sender;
use wakeeper_private_fs::{FsError, read_own};
use whatsapp_rust::prelude::wa;
use whatsapp_rust::wacore::history_sync::{HistorySyncError, HistorySyncStream, MAX_DECOMPRESSED};
use whatsapp_rust::waproto::codec;

/// Largest part, compressed; WhatsApp's have some megabytes.
const LARGEST_PART: u64 = 64 << 20;
/// Messages in one piece.
const MESSAGES: usize = 200;
/// Bytes of the messages in one piece, beyond which no other is added.
const BYTES: usize = 1 << 20;
/// Larger messages are left out: pictures are not in them.
const LARGEST_MESSAGE: usize = 1 << 20;
/// Bytes of what is said of a chat beside its messages.
const LARGEST_HEAD: usize = 4 << 20;
/// The field of a conversation that has its messages (whatsapp.proto, `Conversation`).
const MESSAGES_FIELD: u64 = 2;

/// What is stored in one go.
pub(super) enum Piece {
    /// The names of people, from all over the part. It comes first.
    People(Box<wa::HistorySync>),
    /// A chat without its messages, and whether these come with the newest first.
    Chat(Box<wa::Conversation>),
    /// Messages of the chat that came last, the newest first.
    Messages(Vec<wa::WebMessageInfo>),
}

/// Why a part cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    /// Its file cannot be read.
    #[error("its file cannot be read: {0}")]
    File(#[from] FsError),
    /// It is not compressed as it should be, or too large.
    #[error("it is damaged: {0}")]
    Damaged(#[from] HistorySyncError),
    /// Reading it broke off.
    #[error("reading it broke off")]
    Broken,
}

/// Reads the part at `path`. It ends early when nobody takes the pieces any more.
pub(super) fn walk(path: &Path, pieces: &Sender<Piece>) -> Result<(), WalkError> {
    let compressed = read_own(path, LARGEST_PART)?;
    // Names stand behind the chats that need them.
    let mut stream = HistorySyncStream::new(&compressed, MAX_DECOMPRESSED);
    while stream.next_conversation_bytes()?.is_some() {}
    if pieces.blocking_send(Piece::People(Box::new(stream.remainder()?))).is_err() {
        return Ok(());
    }
    let mut stream = HistorySyncStream::new(&compressed, MAX_DECOMPRESSED);
    while let Some(bytes) = stream.next_conversation_bytes()? {
        if !conversation(bytes, pieces) {
            return Ok(());
        }
    }
    Ok(())
}

/// Hands over one conversation; `false` when nobody takes it. What cannot be read of it is left out.
fn conversation(bytes: &[u8], pieces: &Sender<Piece>) -> bool {
    let (head, messages) = split(bytes);
    let Some(head) = head.and_then(|head| codec::conversation_decode(&head).ok()) else {
        tracing::warn!("a chat of the history cannot be read");
        return true;
    };
    if pieces.blocking_send(Piece::Chat(Box::new(head))).is_err() {
        return false;
    }
    let mut batch = (Vec::new(), 0);
    for message in newest_first(&messages) {
        let Some(info) = decoded(message) else { continue };
        batch.0.push(info);
        batch.1 += message.len();
        if batch.0.len() >= MESSAGES || batch.1 >= BYTES {
            let (full, _) = std::mem::take(&mut batch);
            if pieces.blocking_send(Piece::Messages(full)).is_err() {
                return false;
            }
        }
    }
    batch.0.is_empty() || pieces.blocking_send(Piece::Messages(batch.0)).is_ok()
}

fn decoded(message: &[u8]) -> Option<wa::WebMessageInfo> {
    if message.len() > LARGEST_MESSAGE {
        return None;
    }
    codec::history_sync_msg_decode(message).ok()?.message.into_option()
}

/// Phones send the newest first; nothing promises that.
fn newest_first<'a>(messages: &'a [&'a [u8]]) -> Box<dyn Iterator<Item = &'a [u8]> + 'a> {
    let time = |message: Option<&&[u8]>| {
        message
            .and_then(|message| decoded(message))
            .and_then(|info| info.message_timestamp)
            .unwrap_or_default()
    };
    let all = messages.iter().copied();
    if time(messages.first()) < time(messages.last()) { Box::new(all.rev()) } else { Box::new(all) }
}

/// A conversation as what is said of it, encoded, and its messages. Of a broken one there is no head.
fn split(bytes: &[u8]) -> (Option<Vec<u8>>, Vec<&[u8]>) {
    let (mut head, mut messages) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        let Some((tag, value)) = varint(bytes, at) else { return (None, messages) };
        let (field, kind) = (tag >> 3, tag & 7);
        let inner = match kind {
            0 => varint(bytes, value).map(|(_, end)| (value, end)),
            1 => value.checked_add(8).map(|end| (value, end)),
            2 => varint(bytes, value)
                .and_then(|(length, start)| Some((start, start.checked_add(usize::try_from(length).ok()?)?))),
            5 => value.checked_add(4).map(|end| (value, end)),
            _ => None,
        };
        let Some((start, end)) = inner.filter(|(_, end)| *end <= bytes.len()) else {
            return (None, messages);
        };
        if field == MESSAGES_FIELD && kind == 2 {
            messages.push(&bytes[start..end]);
        } else if head.len() + (end - at) <= LARGEST_HEAD {
            head.extend_from_slice(&bytes[at..end]);
        }
        at = end;
    }
    (Some(head), messages)
}

/// The number at a place, and where it ends.
fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use whatsapp_rust::buffa::{Message as _, MessageField};

    use super::*;

    fn message(id: &str, timestamp: u64) -> wa::HistorySyncMsg {
        let key = wa::MessageKey { id: Some(id.to_owned()), ..Default::default() };
        let info = wa::WebMessageInfo {
            key: MessageField::some(key),
            message_timestamp: Some(timestamp),
            ..Default::default()
        };
        wa::HistorySyncMsg { message: MessageField::some(info), msg_order_id: None }
    }

    fn ids(conversation: &wa::Conversation) -> (String, Vec<String>) {
        let bytes = conversation.encode_to_vec();
        let (pieces, mut read) = tokio::sync::mpsc::channel(64);
        assert!(super::conversation(&bytes, &pieces));
        let (mut name, mut ids) = (String::new(), Vec::new());
        while let Ok(piece) = read.try_recv() {
            match piece {
                Piece::Chat(head) => {
                    assert!(head.messages.is_empty());
                    name = head.name.unwrap_or_default();
                }
                Piece::Messages(infos) => {
                    ids.extend(infos.into_iter().filter_map(|info| info.key.as_option()?.id.clone()));
                }
                Piece::People(_) => panic!("no people in a chat"),
            }
        }
        (name, ids)
    }

    #[test]
    fn a_chat_comes_before_its_messages_and_these_with_the_newest_first() {
        let conversation = |messages: Vec<wa::HistorySyncMsg>| wa::Conversation {
            id: "1@s.whatsapp.net".to_owned(),
            name: Some("Ann".to_owned()),
            unread_count: Some(3),
            messages,
            ..Default::default()
        };
        for messages in [
            vec![message("C", 3), message("B", 2), message("A", 1)],
            vec![message("A", 1), message("B", 2), message("C", 3)],
        ] {
            let (name, ids) = ids(&conversation(messages));
            assert_eq!((name.as_str(), ids.join("")), ("Ann", "CBA".to_owned()));
        }
        let many = (0..500).rev().map(|n| message(&n.to_string(), n)).collect();
        assert_eq!(ids(&conversation(many)).1.len(), 500, "in several pieces");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (pieces, _read) = tokio::sync::mpsc::channel(1_000);
            conversation(&bytes, &pieces);
        }
    }
}
