//! Signal sessions, as libsignal's own terms have them.

use super::PublicKey;
use crate::secret::Secret;

/// All Signal sessions with one device: at most one is open, the others still read late messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalRecord {
    /// In the order stored.
    pub sessions: Vec<SignalSession>,
}

/// One Signal session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalSession {
    /// The contact's registration id.
    pub registration_id: u32,
    /// Our current ratchet pair.
    pub ratchet: RatchetPair,
    /// The contact's current ratchet key.
    pub last_remote: PublicKey,
    /// How far our previous sending chain went: the index of its last message, -1 when it sent none.
    pub previous_counter: i64,
    /// The root key.
    pub root_key: Secret<32>,
    /// The key exchange it came from.
    pub base_key: PublicKey,
    /// Who began it.
    pub base_key_owner: BaseKeyOwner,
    /// Milliseconds since 1970 of its closing; `None` while it is open.
    pub closed: Option<i64>,
    /// Milliseconds since 1970 of its last use.
    pub used: i64,
    /// Milliseconds since 1970 of its making.
    pub created: i64,
    /// The contact's identity.
    pub remote_identity: PublicKey,
    /// The sending chain and the receiving ones, in the order stored.
    pub chains: Vec<Chain>,
    /// The key exchange, as long as the contact has not answered it.
    pub pending: Option<PendingPreKey>,
}

/// Our half of a ratchet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatchetPair {
    /// The public key.
    pub public: PublicKey,
    /// The private key.
    pub private: Secret<32>,
}

/// Who began a key exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseKeyOwner {
    /// We did.
    Ours,
    /// The contact did.
    Theirs,
}

/// One message chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The ratchet key it belongs to.
    pub ratchet_key: PublicKey,
    /// Which way.
    pub kind: ChainKind,
    /// Index of the last message, -1 before the first.
    pub counter: i64,
    /// The chain key; a receiving chain that was left has none.
    pub key: Option<Secret<32>>,
    /// Seeds of the keys of messages that have not arrived, by index.
    pub message_keys: Vec<(u32, Secret<32>)>,
    /// Keys of such messages where the store did not keep the seed.
    pub derived_keys: Vec<DerivedKeys>,
}

/// The keys of one message, derived from its seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedKeys {
    /// The message's index.
    pub index: u32,
    /// The key that it is encrypted with.
    pub cipher: Secret<32>,
    /// The key of its MAC.
    pub mac: Secret<32>,
    /// The initialisation vector.
    pub iv: [u8; 16],
}

impl Chain {
    /// How many keys of late messages it keeps.
    pub fn skipped(&self) -> usize {
        self.message_keys.len() + self.derived_keys.len()
    }
}

/// Which way a chain goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainKind {
    /// Ours.
    Sending,
    /// The contact's.
    Receiving,
}

/// A key exchange that was not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingPreKey {
    /// The contact's signed pre-key.
    pub signed_pre_key_id: u32,
    /// Our base key.
    pub base_key: PublicKey,
    /// The contact's one-time pre-key, when there was one.
    pub pre_key_id: Option<u32>,
}

impl SignalRecord {
    /// How many keys of late messages it keeps.
    pub fn skipped(&self) -> usize {
        self.sessions.iter().flat_map(|session| &session.chains).map(Chain::skipped).sum()
    }

    /// The open session, or else the one used last.
    pub fn current(&self) -> Option<&SignalSession> {
        let open = self.sessions.iter().find(|session| session.closed.is_none());
        open.or_else(|| self.sessions.iter().max_by_key(|session| session.used))
    }

    /// When any of its sessions was used last, milliseconds since 1970.
    pub fn used(&self) -> i64 {
        self.sessions.iter().map(|session| session.used).max().unwrap_or(0)
    }

    /// Takes in the Signal sessions that the same device has under its other number. The two were negotiated apart,
    /// so both may still be in use: the one used last stays open, the other goes on reading late messages. Where both
    /// hold the same one, it is a copy, and the copy used last counts.
    pub fn merge(&mut self, other: Self) {
        for session in other.sessions {
            match self.sessions.iter_mut().find(|known| known.base_key == session.base_key) {
                Some(known) if known.used >= session.used => {}
                Some(known) => *known = session,
                None => self.sessions.push(session),
            }
        }
        let open = self.sessions.iter().filter(|session| session.closed.is_none());
        let newest = open.max_by_key(|session| session.used).map(|session| session.base_key);
        for session in &mut self.sessions {
            if session.closed.is_none() && Some(session.base_key) != newest {
                session.closed = Some(session.used.max(0));
            }
        }
    }
}
