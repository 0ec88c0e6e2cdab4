//! Reads a part piece by piece. Where it begins and ends is not known here: whoever takes the pieces sets the pace.

use std::path::Path;

use tokio::sync::mpsc::Sender;
use wakeeper_private_fs::{FsError, read_own};
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::prelude::wa;
use whatsapp_rust::waproto::codec;

use super::fields::{Field, Fields, bounds};

/// Largest part, compressed; WhatsApp's have some megabytes.
const LARGEST_PART: u64 = 64 << 20;
/// Messages in one piece.
const MESSAGES: usize = 200;
/// Bytes of the messages in one piece, beyond which no other is added.
const BYTES: usize = 1 << 20;
/// Larger messages are left out: pictures are not in them.
const LARGEST_MESSAGE: usize = 1 << 20;
/// Smaller ones have no key.
const SMALLEST_MESSAGE: usize = 8;
/// Messages of one chat; what comes behind them is left out.
const MOST_MESSAGES: usize = 250_000;
/// Bytes of what is kept of a chat beside its messages.
const LARGEST_HEAD: usize = 256 << 10;
/// The field of a conversation that has its messages (whatsapp.proto, `Conversation`).
const MESSAGES_FIELD: u64 = 2;
/// Those that are kept beside: id, times, unread, names, archived, marked as unread, pinned, muted, terminated, both JIDs.
const HEAD_FIELDS: [u64; 13] = [1, 5, 6, 12, 13, 16, 19, 24, 25, 30, 38, 39, 42];

/// The fields of a part (whatsapp.proto, `HistorySync`) that have conversations, names that people chose, and pairs of names.
const CONVERSATIONS: u64 = 2;
const PUSH_NAMES: u64 = 7;
const PAIRS: u64 = 15;
const INLINE_CONTACTS: u64 = 20;
/// People in one piece.
const PEOPLE: usize = 500;
/// Bytes of the people in one piece, beyond which no other is added.
const PEOPLE_BYTES: usize = 128 << 10;
/// What says more of one person is left out.
const LARGEST_PERSON: usize = 4 << 10;
/// Entries for people in one part; what comes behind them is left out.
const MOST_PEOPLE: usize = 200_000;

/// What is stored in one go.
pub(super) enum Piece {
    /// The names of some people, from all over the part. They come first.
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
    Damaged(String),
    /// Reading it broke off.
    #[error("reading it broke off")]
    Broken,
}

impl WalkError {
    /// The end of a part is missing.
    pub(super) fn cut_off() -> Self {
        Self::Damaged("its end is missing".to_owned())
    }
}

/// Reads the part at `path`. It ends early when nobody takes the pieces any more.
pub(super) fn walk(path: &Path, pieces: &Sender<Piece>) -> Result<(), WalkError> {
    read(&read_own(path, LARGEST_PART)?, pieces)
}

fn read(compressed: &[u8], pieces: &Sender<Piece>) -> Result<(), WalkError> {
    // Names stand behind the chats that need them.
    if !everybody(compressed, pieces)? {
        return Ok(());
    }
    let mut fields = Fields::new(compressed);
    while let Some(field) = fields.next()? {
        if (field.number, field.kind) == (CONVERSATIONS, 2) && !conversation(field.content, pieces) {
            return Ok(());
        }
    }
    Ok(())
}

/// Hands over all people of a part; `false` when nobody takes them.
fn everybody(compressed: &[u8], pieces: &Sender<Piece>) -> Result<bool, WalkError> {
    let mut fields = Fields::new(compressed);
    let (mut some, mut all) = (Crowd::default(), 0);
    while let Some(field) = fields.next()? {
        if all == MOST_PEOPLE {
            continue;
        }
        all += usize::from(some.add(&field));
        if all == MOST_PEOPLE {
            tracing::warn!(
                read = all,
                "a part of the history names too many people; the others are left out"
            );
        }
        if some.is_full() && pieces.blocking_send(Piece::People(std::mem::take(&mut some).people)).is_err() {
            return Ok(false);
        }
    }
    Ok(some.count == 0 || pieces.blocking_send(Piece::People(some.people)).is_ok())
}

/// The people of one piece.
#[derive(Default)]
struct Crowd {
    people: Box<wa::HistorySync>,
    count: usize,
    bytes: usize,
}

impl Crowd {
    /// Adds whom a field names; `false` when it names nobody.
    fn add(&mut self, field: &Field<'_>) -> bool {
        let bytes = field.content;
        if field.kind != 2 || bytes.is_empty() || bytes.len() > LARGEST_PERSON {
            return false;
        }
        let people = &mut self.people;
        let added = match field.number {
            PUSH_NAMES => wa::Pushname::decode_from_slice(bytes).map(|one| people.pushnames.push(one)),
            PAIRS => wa::PhoneNumberToLIDMapping::decode_from_slice(bytes)
                .map(|one| people.phone_number_to_lid_mappings.push(one)),
            INLINE_CONTACTS => {
                wa::InlineContact::decode_from_slice(bytes).map(|one| people.inline_contacts.push(one))
            }
            _ => return false,
        };
        if added.is_ok() {
            self.count += 1;
            self.bytes += bytes.len();
        }
        added.is_ok()
    }

    fn is_full(&self) -> bool {
        self.count >= PEOPLE || self.bytes >= PEOPLE_BYTES
    }
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
        let Some((field, kind, start, end)) = bounds(bytes, at).filter(|(.., end)| *end <= bytes.len())
        else {
            return (None, messages);
        };
        if field == MESSAGES_FIELD && kind == 2 {
            if end - start >= SMALLEST_MESSAGE && messages.len() < MOST_MESSAGES {
                messages.push(&bytes[start..end]);
            }
        } else if HEAD_FIELDS.contains(&field) && head.len() + (end - at) <= LARGEST_HEAD {
            head.extend_from_slice(&bytes[at..end]);
        }
        at = end;
    }
    (Some(head), messages)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use whatsapp_rust::buffa::MessageField;
    use whatsapp_rust::wacore::history_sync::MAX_DECOMPRESSED;

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

    /// zlib (RFC 1950) with stored blocks.
    fn stored(bytes: &[u8]) -> Vec<u8> {
        let mut zlib = vec![0x78, 0x01];
        let blocks: Vec<&[u8]> = bytes.chunks(0xffff).collect();
        for (number, block) in blocks.iter().enumerate() {
            let length = u16::try_from(block.len()).unwrap();
            zlib.push(u8::from(number + 1 == blocks.len()));
            zlib.extend_from_slice(&length.to_le_bytes());
            zlib.extend_from_slice(&(!length).to_le_bytes());
            zlib.extend_from_slice(block);
        }
        let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
            let low = (low + u32::from(*byte)) % 65_521;
            (low, (high + low) % 65_521)
        });
        zlib.extend_from_slice(&((high << 16) | low).to_be_bytes());
        zlib
    }

    /// What is read of a part: how many entries each piece of people has, and whether it was read to its end.
    fn people(part: &[u8]) -> (Vec<usize>, Result<(), WalkError>) {
        let (pieces, mut taken) = tokio::sync::mpsc::channel(10_000);
        let end = read(&stored(part), &pieces);
        let mut counts = Vec::new();
        while let Ok(piece) = taken.try_recv() {
            if let Piece::People(some) = piece {
                let all = [
                    some.pushnames.len(),
                    some.phone_number_to_lid_mappings.len(),
                    some.inline_contacts.len(),
                ];
                counts.push(all.iter().sum());
            }
        }
        (counts, end)
    }

    #[test]
    fn people_come_in_pieces_and_no_more_than_so_many() {
        let part = |count: usize| {
            let one =
                wa::Pushname { id: Some("1@s.whatsapp.net".to_owned()), pushname: Some("A".to_owned()) };
            wa::HistorySync { pushnames: vec![one; count], ..Default::default() }.encode_to_vec()
        };
        assert_eq!(people(&part(0)).0, Vec::<usize>::new());
        let (counts, end) = people(&part(1_200));
        assert!(end.is_ok() && counts == [500, 500, 200], "{counts:?}");
        let (counts, end) = people(&part(MOST_PEOPLE + 1_000));
        assert!(end.is_ok());
        assert_eq!(counts.iter().sum::<usize>(), MOST_PEOPLE);
    }

    /// Each takes two bytes, and many times as much once it is decoded.
    #[test]
    fn entries_that_say_nothing_cost_nothing() {
        let empty = [PUSH_NAMES, PAIRS, INLINE_CONTACTS].map(|field| [(field << 3 | 2) as u8, 0]).concat();
        let (counts, end) = people(&empty.repeat(1_000_000));
        assert!(end.is_ok() && counts.is_empty(), "{counts:?}");
        let (counts, end) =
            people(&[(PUSH_NAMES << 3 | 2) as u8, 0].repeat(MAX_DECOMPRESSED as usize / 2 + 1));
        assert!(matches!(end, Err(WalkError::Damaged(_))) && counts.is_empty());
        let chat = [[(MESSAGES_FIELD << 3 | 2) as u8, 0].repeat(1_000_000), vec![0x0a, 1, b'1']].concat();
        let (head, messages) = split(&chat);
        assert!(messages.is_empty() && head == Some(vec![0x0a, 1, b'1']));
    }

    #[test]
    fn a_part_that_is_cut_off_is_damaged() {
        let part = wa::HistorySync { progress: Some(7), ..Default::default() }.encode_to_vec();
        assert!(people(&part).1.is_ok());
        assert!(matches!(people(&part[..part.len() - 1]).1, Err(WalkError::Damaged(_))));
        let (pieces, _taken) = tokio::sync::mpsc::channel(8);
        let whole = stored(&part);
        assert!(matches!(read(&whole[..whole.len() - 5], &pieces), Err(WalkError::Damaged(_))));
    }

    proptest! {
        #[test]
        fn no_part_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (pieces, _taken) = tokio::sync::mpsc::channel(1_000);
            let _ = read(&stored(&bytes), &pieces);
            let _ = read(&bytes, &pieces);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (pieces, _read) = tokio::sync::mpsc::channel(1_000);
            conversation(&bytes, &pieces);
        }
    }
}
