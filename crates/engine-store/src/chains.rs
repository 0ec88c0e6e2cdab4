//! Moving our own sending chains on, so that an older copy of a whole machine uses no key a second time.
//!
//! Such a copy cannot be told from a process that was killed: everything that could tell it was rolled back with it. What it
//! cannot know of is the server. So two things are done together. The gateway uploads one pre-key of its own before the
//! first send of a run and again after every few: a copy from before such an upload sees on the server a pre-key that it
//! never made. And what can have been sent since the last upload is passed over: after a run that uploaded, each chain moves
//! on by more than that, when its record is read first.
//!
//! Which chains moved on already is written into the records themselves, behind what the client writes: a protobuf field
//! that its readers skip. So a record and what is known of it are always of one age, whatever is lost around them, and a
//! chain that nobody uses for many runs still moves on when it is used at last.
//!
//! Receivers keep a key for each message that they did not get, and refuse one that is too far ahead: 2,000 messages
//! (`MAX_FORWARD_JUMPS` of wacore-libsignal 0.7.0; libsignal-node's `session_cipher.js` has the same number). A chain that
//! came near that without having been used stays where it is, until it is used again.

use whatsapp_rust::wacore::libsignal::protocol::{SenderKeyRecord, SessionRecord};

/// How far a chain moves on: more than the server may not be able to tell of. The client adds its own reserve, up to 64.
pub const STEPS: u32 = 80;

/// How far a chain may have moved on since it was used last.
const MAX_UNUSED_STEPS: u32 = 1_500;

/// Field 1001, length-delimited, of twelve bytes. Numbers 100 and 101 are the client's own additions (`local_field.rs` of
/// wacore-libsignal 0.7.0); those below are Signal's.
const TAG: [u8; 3] = [0xca, 0x3e, 12];
const FIELD: usize = TAG.len() + 12;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChainKind {
    /// The Signal sessions with a device.
    SignalSession,
    /// Our own sender key of a group.
    SenderKey,
}

/// Where a chain stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// The epoch in which the record was stored: it moved on in that one, or was made in it.
    pub epoch: u32,
    /// The counter that it moved on to; 0 when it never did.
    pub moved_to: u32,
    /// By how many steps it moved on without having been used.
    pub unused: u32,
}

/// A record as it is to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// As it was stored, without our field.
    AsStored(Vec<u8>, Position),
    /// Its chain moved on.
    MovedOn(Vec<u8>, Position),
}

/// The record with our field behind it.
pub fn with_position(record: &[u8], position: Position) -> Vec<u8> {
    let mut stored = Vec::with_capacity(record.len() + FIELD);
    stored.extend_from_slice(record);
    stored.extend_from_slice(&TAG);
    for number in [position.epoch, position.moved_to, position.unused] {
        stored.extend_from_slice(&number.to_le_bytes());
    }
    stored
}

/// The client's part of a stored record, and our field.
fn split(stored: &[u8]) -> (&[u8], Position) {
    let Some((record, field)) = stored.split_last_chunk::<FIELD>() else {
        return (stored, Position::default());
    };
    let Some(numbers) = field.strip_prefix(&TAG) else { return (stored, Position::default()) };
    let mut numbers = numbers.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number));
    let mut next = || numbers.next().unwrap_or_default();
    (record, Position { epoch: next(), moved_to: next(), unused: next() })
}

/// Reads a stored record in an epoch; it can be decoded (see [`crate::sound`]). One that cannot stays as it is.
pub fn load(kind: ChainKind, stored: &[u8], epoch: u32) -> Loaded {
    let (record, position) = split(stored);
    if position.epoch == epoch {
        return Loaded::AsStored(record.to_vec(), position);
    }
    let moved = match kind {
        ChainKind::SignalSession => signal_session(record),
        ChainKind::SenderKey => sender_key(record),
    };
    let stored_record = record;
    let Some((record, from, to)) = moved else { return Loaded::AsStored(record.to_vec(), position) };
    let before = if position.moved_to == from { position.unused } else { 0 };
    let unused = before.saturating_add(to.saturating_sub(from));
    if unused > MAX_UNUSED_STEPS {
        return Loaded::AsStored(stored_record.to_vec(), position);
    }
    Loaded::MovedOn(record, Position { epoch, moved_to: to, unused })
}

/// The client's own reserve does the work: a record that another process stored is used from the end of its reserve on.
fn signal_session(record: &[u8]) -> Option<(Vec<u8>, u32, u32)> {
    let mut record = SessionRecord::deserialize(record).ok()?;
    let from = record.session_state()?.get_sender_chain_key().ok()?.index();
    record.reserve_sender_chain_counters(from.saturating_add(STEPS));
    Some((record.serialize().ok()?, from, record.reserved_sender_chain_index()))
}

fn sender_key(record: &[u8]) -> Option<(Vec<u8>, u32, u32)> {
    let mut record = SenderKeyRecord::deserialize(record).ok()?;
    let from = record.sender_key_state().ok()?.sender_chain_key()?.iteration();
    record.reserve_iterations(from.saturating_add(STEPS));
    Some((record.serialize().ok()?, from, record.reserved_iteration()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use whatsapp_rust::wacore::libsignal::protocol::{
        SenderChainKeyComponents, SenderKeyRecordComponents, SenderKeyStateComponents,
        SenderSigningKeyComponents,
    };

    fn record(iteration: u32) -> Vec<u8> {
        let state = SenderKeyStateComponents {
            key_id: 7,
            chain_key: SenderChainKeyComponents { iteration, seed: vec![1; 32] },
            signing_key: SenderSigningKeyComponents {
                public: [&[5_u8][..], &[9; 32]].concat(),
                private: Some(vec![3; 32]),
            },
            message_keys: Vec::new(),
        };
        SenderKeyRecord::from_components(SenderKeyRecordComponents { states: vec![state] })
            .unwrap()
            .serialize()
            .unwrap()
    }

    fn iteration(record: &[u8]) -> u32 {
        let record = SenderKeyRecord::deserialize(record).unwrap();
        record.sender_key_state().unwrap().sender_chain_key().unwrap().iteration()
    }

    fn moved(loaded: Loaded) -> (Vec<u8>, Position) {
        match loaded {
            Loaded::MovedOn(record, position) => (record, position),
            other @ Loaded::AsStored(..) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_chain_moves_on_once_in_an_epoch() {
        let (first, position) = moved(load(ChainKind::SenderKey, &record(10), 1));
        assert!(iteration(&first) >= 10 + STEPS, "came to {}", iteration(&first));
        assert_eq!(
            position,
            Position { epoch: 1, moved_to: iteration(&first), unused: iteration(&first) - 10 }
        );
        let stored = with_position(&first, position);
        assert_eq!(load(ChainKind::SenderKey, &stored, 1), Loaded::AsStored(first, position));
        // Read again without having been stored: from the same place to the same place.
        assert_eq!(load(ChainKind::SenderKey, &record(10), 1), load(ChainKind::SenderKey, &record(10), 1));
    }

    #[test]
    fn nothing_moves_before_the_first_epoch() {
        assert_eq!(
            load(ChainKind::SenderKey, &record(10), 0),
            Loaded::AsStored(record(10), Position::default())
        );
    }

    #[test]
    fn the_client_reads_a_record_with_our_field() {
        let stored = with_position(&record(10), Position { epoch: 3, moved_to: 10, unused: 64 });
        assert_eq!(iteration(&stored), 10);
        crate::sound::sender_key(&stored, true).unwrap_err();
        let bare = crate::sound::sender_key(&record(10), true).unwrap_err().to_string();
        let with = crate::sound::sender_key(&stored, true).unwrap_err().to_string();
        assert_eq!(bare, with);
    }

    #[test]
    fn a_chain_that_nobody_uses_stays_before_receivers_refuse_it() {
        let mut stored = record(10);
        for epoch in 1..100 {
            match load(ChainKind::SenderKey, &stored, epoch) {
                Loaded::MovedOn(record, position) => {
                    assert!(iteration(&record) < 10 + 2_000 - 64, "came to {}", iteration(&record));
                    stored = with_position(&record, position);
                }
                Loaded::AsStored(record, _) => {
                    assert!(iteration(&record) > 10 + 1_000, "stayed at {}", iteration(&record));
                    return;
                }
            }
        }
        panic!("it never stayed");
    }

    #[test]
    fn a_chain_in_use_always_moves_on() {
        let mut stored = record(10);
        for epoch in 1..100 {
            let (record, position) = moved(load(ChainKind::SenderKey, &stored, epoch));
            let mut used = SenderKeyRecord::deserialize(&record).unwrap();
            let at = used.sender_key_state().unwrap().sender_chain_key().unwrap().iteration();
            used.reserve_iterations(at);
            stored = with_position(&used.serialize().unwrap(), position);
        }
    }

    #[test]
    fn what_is_no_record_stays_as_it_is() {
        for (kind, bytes) in [(ChainKind::SenderKey, &b"no record"[..]), (ChainKind::SignalSession, b"")] {
            assert_eq!(load(kind, bytes, 1), Loaded::AsStored(bytes.to_vec(), Position::default()));
        }
    }
}
