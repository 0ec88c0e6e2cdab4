//! Sender keys: one sender's ratchet in one group.

use super::PublicKey;
use crate::address::Address;
use crate::secret::Secret;

/// Which ratchet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderKeyName {
    /// The group's JID.
    pub group: String,
    /// Whose.
    pub sender: Address,
}

/// A sender's ratchet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderKey {
    /// The newest last; older ones still read late messages.
    pub states: Vec<SenderKeyState>,
}

/// One state of a sender's ratchet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderKeyState {
    /// Its id.
    pub id: u32,
    /// The next message's number.
    pub iteration: u32,
    /// The chain key.
    pub chain_key: Secret<32>,
    /// The public half of the signing key.
    pub signing_public: PublicKey,
    /// The private half, when the ratchet is our own.
    pub signing_private: Option<Secret<32>>,
    /// Seeds of the keys of messages that have not arrived, by number.
    pub message_keys: Vec<(u32, Secret<32>)>,
}

impl SenderKey {
    /// Whether it is our own.
    pub fn is_own(&self) -> bool {
        self.states.iter().any(|state| state.signing_private.is_some())
    }
}
