//! Key pairs, and the pre-key files that hold one each.

use super::field::{Defect, Fields};
use crate::curve;
use crate::json::Value;
use crate::secret::Secret;

/// The greatest id of a pre-key: the protocol writes three bytes of it.
pub const HIGHEST_PRE_KEY_ID: u32 = 0x00ff_ffff;

/// Credentials from a backup forget the pre-keys that were made since. Those that are still here tell their ids;
/// those that were given away and used do not, so the counters jump over a gap that no gateway fills between two
/// backups. Ids have 24 bits.
const MARGIN: u32 = 1000;

/// An X25519 key pair, as it is stored: the two halves need not belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The private key.
    pub private: Secret<32>,
    /// The public key, without a type byte.
    pub public: [u8; 32],
}

impl KeyPair {
    /// Reads `{private, public}`; Baileys stores both as buffers of 32 bytes.
    pub fn read(fields: &mut Fields<'_, '_, '_>) -> Option<Self> {
        let private = fields.buffer("private").map(Secret::new);
        let public = fields.buffer("public");
        Some(Self { private: private?, public: public? })
    }

    /// Whether the public key is that of the private key.
    pub fn matches(&self) -> bool {
        curve::public_of(self.private.expose()) == self.public
    }
}

/// What a `pre-key-N.json` holds.
#[derive(Debug)]
pub struct PreKey {
    /// The pair, when both halves can be read.
    pub pair: Option<KeyPair>,
    /// What is wrong with the file.
    pub defects: Vec<Defect>,
}

impl PreKey {
    /// Reads the file.
    pub fn read(value: &Value<'_>) -> Self {
        let mut defects = Vec::new();
        let pair = KeyPair::read(&mut Fields::new(value, "", &mut defects));
        Self { pair, defects }
    }
}

/// The counters behind a gap of ids that may have been given out.
pub(crate) fn past_a_gap(free: u32) -> u32 {
    free.saturating_add(MARGIN).min(HIGHEST_PRE_KEY_ID)
}
