//! The oracle: sees every ciphertext that passes and tells when a ratchet key was used twice.
//!
//! A Signal message is encrypted under a key that its ratchet key (or sender-key id) and counter
//! name. Two different messages under the same name from the same device mean that the sender's
//! state went backwards; the receiver would lose the second one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use sha2::{Digest, Sha256};
use wacore::libsignal::protocol::{PreKeySignalMessage, SenderKeyMessage, SignalMessage};

use crate::server::{CiphertextObserver, RelayedCiphertext};

/// Reuses that are kept with their details; further ones are only counted.
const DETAILS: usize = 1000;

/// What names an encryption key: 128 bits of a hash over sender, receiver, ratchet key and counter.
type Slot = [u8; 16];
/// 64 bits of a hash.
type Short = [u8; 8];

/// Watches ciphertexts for a key that is used twice.
pub struct Oracle {
    inner: Mutex<Inner>,
}

struct Inner {
    seen: HashMap<Slot, Seen>,
    order: VecDeque<Slot>,
    limit: usize,
    summary: OracleSummary,
    reuses: Vec<Reuse>,
}

struct Seen {
    message: Short,
    ciphertext: Short,
    id: String,
}

/// One ratchet key that was used for two messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reuse {
    /// Sending device.
    pub sender: String,
    /// Receiving device, or the group.
    pub receiver: String,
    /// `pkmsg`, `msg` or `skmsg`.
    pub kind: String,
    /// Counter (iteration) within the chain.
    pub counter: u32,
    /// Id of the message that used the key first.
    pub first: String,
    /// Id of the message that used it again.
    pub second: String,
}

/// What the oracle counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OracleSummary {
    /// Ciphertexts that passed.
    pub observed: u64,
    /// Keys that were used for a message with another id: what must never happen.
    pub reused: u64,
    /// The same message passed again, byte for byte.
    pub repeated: u64,
    /// The same message id was encrypted again under the same key, with other bytes.
    pub reencrypted: u64,
    /// Ciphertexts that are no Signal messages.
    pub unreadable: u64,
    /// Keys that are remembered; older ones are forgotten.
    pub remembered: usize,
}

impl Oracle {
    /// An oracle that remembers the newest `limit` keys (about 150 bytes each).
    pub fn new(limit: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                seen: HashMap::new(),
                order: VecDeque::new(),
                limit: limit.max(1),
                summary: OracleSummary::default(),
                reuses: Vec::new(),
            }),
        }
    }

    /// What was counted so far.
    pub fn summary(&self) -> OracleSummary {
        let inner = self.inner();
        OracleSummary { remembered: inner.seen.len(), ..inner.summary }
    }

    /// The first reuses with their details.
    pub fn reuses(&self) -> Vec<Reuse> {
        self.inner().reuses.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CiphertextObserver for Oracle {
    fn relayed(&self, passed: &RelayedCiphertext) {
        let key = key_of(passed);
        let mut inner = self.inner();
        inner.summary.observed += 1;
        match key {
            Some((key, counter)) => inner.note(passed, &key, counter),
            None => inner.summary.unreadable += 1,
        }
    }
}

impl Inner {
    fn note(&mut self, passed: &RelayedCiphertext, key: &[u8], counter: u32) {
        let receiver = passed.group.as_ref().filter(|_| passed.kind == "skmsg").unwrap_or(&passed.receiver);
        let (sender, receiver) = (passed.sender.to_string(), receiver.to_string());
        let slot: Slot = short(&[sender.as_bytes(), receiver.as_bytes(), key, &counter.to_be_bytes()]);
        let message: Short = short(&[passed.message_id.as_bytes()]);
        let ciphertext: Short = short(&[&passed.ciphertext]);
        match self.seen.get(&slot) {
            Some(seen) if seen.message == message && seen.ciphertext == ciphertext => {
                self.summary.repeated += 1;
            }
            Some(seen) if seen.message == message => self.summary.reencrypted += 1,
            Some(seen) => {
                self.summary.reused += 1;
                tracing::warn!(kind = %passed.kind, counter, "a ratchet key was used for two messages");
                if self.reuses.len() < DETAILS {
                    let (first, second) = (seen.id.clone(), passed.message_id.clone());
                    self.reuses.push(Reuse {
                        sender,
                        receiver,
                        kind: passed.kind.clone(),
                        counter,
                        first,
                        second,
                    });
                }
            }
            None => self.remember(slot, Seen { message, ciphertext, id: passed.message_id.clone() }),
        }
    }

    fn remember(&mut self, slot: Slot, seen: Seen) {
        self.seen.insert(slot, seen);
        self.order.push_back(slot);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }
}

/// What names the chain, and the counter within it.
fn key_of(passed: &RelayedCiphertext) -> Option<(Vec<u8>, u32)> {
    let bytes = &*passed.ciphertext;
    match passed.kind.as_str() {
        "pkmsg" => {
            let message = PreKeySignalMessage::try_from(bytes).ok()?;
            let inner = message.message();
            Some((inner.sender_ratchet_key().serialize().to_vec(), inner.counter()))
        }
        "msg" => {
            let message = SignalMessage::try_from(bytes).ok()?;
            Some((message.sender_ratchet_key().serialize().to_vec(), message.counter()))
        }
        "skmsg" => {
            let message = SenderKeyMessage::try_from(bytes).ok()?;
            Some((message.chain_id().to_be_bytes().to_vec(), message.iteration()))
        }
        _ => None,
    }
}

/// The first bytes of a hash over parts whose borders count.
fn short<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut first = [0; N];
    first.copy_from_slice(&digest[..N]);
    first
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::jid::{GROUP_SERVER, Jid, PHONE_SERVER};
    use crate::phone::PhoneKeys;
    use crate::phone::cipher::{Bundle, Cipher};

    fn passed(id: &str, kind: &str, group: Option<Jid>, ciphertext: &[u8]) -> RelayedCiphertext {
        RelayedCiphertext {
            sender: Jid::new("1", PHONE_SERVER),
            receiver: Jid::new("2", PHONE_SERVER),
            group,
            message_id: id.into(),
            kind: kind.into(),
            ciphertext: Arc::from(ciphertext),
        }
    }

    /// A sender with a Signal session towards device `2@s.whatsapp.net`.
    fn sender() -> (Cipher, Jid) {
        let mut rng = StdRng::seed_from_u64(1);
        let keys = Arc::new(PhoneKeys::generate(&mut rng));
        let other = PhoneKeys::generate(&mut rng);
        let mut cipher = Cipher::new(&keys, &mut rng);
        let to = Jid::new("2", PHONE_SERVER);
        let (id, key, signature) = other.signed_prekey();
        let bundle = Bundle {
            registration_id: 1,
            identity: other.identity_public(),
            signed_prekey: (id, key, signature.to_vec()),
            one_time: None,
        };
        cipher.start_session(&to, &bundle).unwrap();
        (cipher, to)
    }

    #[test]
    fn proper_traffic_and_repetitions_are_no_reuse() {
        let oracle = Oracle::new(100);
        let (mut cipher, to) = sender();
        for number in 0..20 {
            let (kind, bytes) = cipher.encrypt(&to, b"text").unwrap();
            oracle.relayed(&passed(&number.to_string(), kind.as_str(), None, &bytes));
            oracle.relayed(&passed(&number.to_string(), kind.as_str(), None, &bytes));
        }
        oracle.relayed(&passed("x", "msg", None, b"nonsense"));
        let summary = oracle.summary();
        assert_eq!((summary.observed, summary.reused, summary.repeated), (41, 0, 20));
        assert_eq!((summary.unreadable, summary.remembered), (1, 20));
    }

    #[test]
    fn a_state_that_went_backwards_is_flagged() {
        let oracle = Oracle::new(100);
        let (mut first, to) = sender();
        let (mut rolled_back, _) = sender();
        let (kind, bytes) = first.encrypt(&to, b"one").unwrap();
        oracle.relayed(&passed("A", kind.as_str(), None, &bytes));
        let (kind, again) = rolled_back.encrypt(&to, b"two").unwrap();
        assert_ne!(bytes, again);
        oracle.relayed(&passed("A", kind.as_str(), None, &again));
        assert_eq!((oracle.summary().reencrypted, oracle.summary().reused), (1, 0));
        oracle.relayed(&passed("B", kind.as_str(), None, &again));
        let [reuse] = &oracle.reuses()[..] else { panic!("one reuse") };
        assert_eq!((reuse.first.as_str(), reuse.second.as_str()), ("A", "B"));
        assert_eq!(oracle.summary().reused, 1);
    }

    #[test]
    fn group_messages_count_once_for_all_receivers() {
        let oracle = Oracle::new(100);
        let (mut cipher, _) = sender();
        let (group, me) = (Jid::new("9", GROUP_SERVER), Jid::new("1", PHONE_SERVER));
        cipher.distribute_sender_key(&group, &me).unwrap();
        let bytes = cipher.encrypt_group(&group, &me, b"all").unwrap();
        let mut to_second = passed("A", "skmsg", Some(group.clone()), &bytes);
        oracle.relayed(&to_second);
        to_second.receiver = Jid::new("3", PHONE_SERVER);
        oracle.relayed(&to_second);
        assert_eq!((oracle.summary().repeated, oracle.summary().reused), (1, 0));
        to_second.message_id = "B".into();
        oracle.relayed(&to_second);
        assert_eq!(oracle.summary().reused, 1);
    }

    #[test]
    fn memory_is_bounded() {
        let oracle = Oracle::new(5);
        let (mut cipher, to) = sender();
        for number in 0..50 {
            let (kind, bytes) = cipher.encrypt(&to, b"text").unwrap();
            oracle.relayed(&passed(&number.to_string(), kind.as_str(), None, &bytes));
        }
        assert_eq!(oracle.summary().remembered, 5);
    }
}
