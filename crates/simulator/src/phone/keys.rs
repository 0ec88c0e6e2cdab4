//! The long-lived Signal keys of a phone (device 0) and its stock of one-time pre-keys.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{CryptoRng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use wacore::libsignal::protocol::{IdentityKeyPair, KeyPair, PrivateKey};

/// Pre-key ids are three bytes on the wire; 0 is not used by real phones.
const MAX_PREKEY_ID: u32 = 0x00FF_FFFF;
/// Registration ids are 14 bits, as Signal clients draw them.
const MAX_REGISTRATION_ID: u32 = 0x3FFF;
/// Id of the only signed pre-key that a simulated phone has.
const SIGNED_PREKEY_ID: u32 = 1;

/// Saved keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A private key in the saved state is not a Curve25519 key.
    #[error("cannot restore the phone's {0} key")]
    Restore(&'static str),
}

/// A phone's identity key, signed pre-key and one-time pre-keys.
///
/// The server holds it to answer key-bundle requests for device 0; the phone holds it to decrypt
/// and to sign. All public keys are raw (32 bytes, without the type byte 5).
pub struct PhoneKeys {
    identity: IdentityKeyPair,
    registration_id: u32,
    signed_prekey: KeyPair,
    signed_prekey_signature: [u8; 64],
    stock: Mutex<Stock>,
}

/// What changes over time, under one lock.
struct Stock {
    rng: StdRng,
    next_id: u32,
    one_time: HashMap<u32, KeyPair>,
}

/// [`PhoneKeys`] as it is written to a state file. It holds private keys.
#[derive(Clone, Serialize, Deserialize)]
pub struct PhoneKeysState {
    identity: [u8; 32],
    registration_id: u32,
    signed_prekey: [u8; 32],
    signed_prekey_signature: Vec<u8>,
    next_id: u32,
    one_time: Vec<(u32, [u8; 32])>,
}

impl fmt::Debug for PhoneKeysState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneKeysState(..)")
    }
}

impl fmt::Debug for PhoneKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneKeys(..)")
    }
}

impl PhoneKeys {
    /// Draws new keys. Later keys and signatures use a generator seeded from `rng`.
    pub fn generate<R: CryptoRng>(rng: &mut R) -> Self {
        let identity = IdentityKeyPair::generate(rng);
        let signed_prekey = KeyPair::generate(rng);
        let signed_prekey_signature =
            xeddsa(identity.private_key(), &signed_prekey.public_key.serialize(), rng);
        Self {
            identity,
            registration_id: rng.random_range(1..=MAX_REGISTRATION_ID),
            signed_prekey,
            signed_prekey_signature,
            stock: Mutex::new(Stock { rng: StdRng::from_rng(rng), next_id: 1, one_time: HashMap::new() }),
        }
    }

    /// Brings back saved keys. `rng` seeds later keys, so that a restored phone does not repeat
    /// the keys that the saved one drew afterwards.
    pub fn restore<R: CryptoRng>(state: &PhoneKeysState, rng: &mut R) -> Result<Self, KeysError> {
        let identity = pair(&state.identity, "identity")?;
        let mut one_time = HashMap::with_capacity(state.one_time.len());
        for (id, private) in &state.one_time {
            one_time.insert(*id, pair(private, "one-time pre-")?);
        }
        Ok(Self {
            identity: identity.into(),
            registration_id: state.registration_id,
            signed_prekey: pair(&state.signed_prekey, "signed pre-")?,
            signed_prekey_signature: state
                .signed_prekey_signature
                .as_slice()
                .try_into()
                .map_err(|_| KeysError::Restore("signed pre-"))?,
            stock: Mutex::new(Stock { rng: StdRng::from_rng(rng), next_id: state.next_id, one_time }),
        })
    }

    /// The keys as they are written to a state file.
    pub fn state(&self) -> PhoneKeysState {
        let stock = self.stock();
        let mut one_time: Vec<_> =
            stock.one_time.iter().map(|(id, pair)| (*id, *pair.private_key.serialize())).collect();
        one_time.sort_unstable_by_key(|(id, _)| *id);
        PhoneKeysState {
            identity: *self.identity.private_key().serialize(),
            registration_id: self.registration_id,
            signed_prekey: *self.signed_prekey.private_key.serialize(),
            signed_prekey_signature: self.signed_prekey_signature.to_vec(),
            next_id: stock.next_id,
            one_time,
        }
    }

    /// The identity key, which is also the account signature key of every linked device.
    pub fn identity_public(&self) -> [u8; 32] {
        raw(self.identity.public_key())
    }

    /// The identity key pair, for the phone's own Signal sessions.
    pub fn identity(&self) -> &IdentityKeyPair {
        &self.identity
    }

    /// The Signal registration id.
    pub fn registration_id(&self) -> u32 {
        self.registration_id
    }

    /// Id, public key and signature of the signed pre-key.
    pub fn signed_prekey(&self) -> (u32, [u8; 32], [u8; 64]) {
        (SIGNED_PREKEY_ID, raw(&self.signed_prekey.public_key), self.signed_prekey_signature)
    }

    /// The signed pre-key pair with this id, when it is ours.
    pub fn signed_prekey_pair(&self, id: u32) -> Option<(&KeyPair, &[u8; 64])> {
        (id == SIGNED_PREKEY_ID).then_some((&self.signed_prekey, &self.signed_prekey_signature))
    }

    /// Makes a fresh one-time pre-key for a bundle; its private half waits for the first message.
    pub fn mint_one_time(&self) -> (u32, [u8; 32]) {
        let mut stock = self.stock();
        let id = stock.next_id;
        stock.next_id = if id >= MAX_PREKEY_ID { 1 } else { id + 1 };
        let pair = KeyPair::generate(&mut stock.rng);
        let public = raw(&pair.public_key);
        stock.one_time.insert(id, pair);
        (id, public)
    }

    /// The private half of a one-time pre-key that was handed out and not used yet.
    pub fn one_time_pair(&self, id: u32) -> Option<KeyPair> {
        self.stock().one_time.get(&id).cloned()
    }

    /// Forgets a one-time pre-key after its first use.
    pub fn consume_one_time(&self, id: u32) {
        self.stock().one_time.remove(&id);
    }

    /// XEdDSA signature with the identity key.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        xeddsa(self.identity.private_key(), message, &mut self.stock().rng)
    }

    fn stock(&self) -> std::sync::MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The 32 bytes of a public key without its type byte.
pub(crate) fn raw(key: &wacore::libsignal::protocol::PublicKey) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&key.serialize()[1..]);
    bytes
}

/// Signs with XEdDSA. A key pair that libsignal made never fails here; an all-zero signature, which
/// no one accepts, stands for the impossible case.
fn xeddsa<R: CryptoRng>(key: &PrivateKey, message: &[u8], rng: &mut R) -> [u8; 64] {
    let mut signature = [0; 64];
    if let Ok(made) = key.calculate_signature(message, rng)
        && made.len() == signature.len()
    {
        signature.copy_from_slice(&made);
    }
    signature
}

fn pair(private: &[u8; 32], which: &'static str) -> Result<KeyPair, KeysError> {
    let private = PrivateKey::deserialize(private).map_err(|_| KeysError::Restore(which))?;
    KeyPair::try_from(private).map_err(|_| KeysError::Restore(which))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(seed: u64) -> PhoneKeys {
        PhoneKeys::generate(&mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn signature_verifies_under_the_identity_key() {
        let keys = keys(1);
        let signature = keys.sign(b"details");
        assert!(keys.identity().public_key().verify_signature(b"details", &signature));
        assert!(!keys.identity().public_key().verify_signature(b"other", &signature));
    }

    #[test]
    fn signed_prekey_is_signed_with_its_type_byte() {
        let keys = keys(2);
        let (_, public, signature) = keys.signed_prekey();
        let mut typed = vec![5];
        typed.extend_from_slice(&public);
        assert!(keys.identity().public_key().verify_signature(&typed, &signature));
    }

    #[test]
    fn one_time_keys_are_distinct_and_used_once() {
        let keys = keys(3);
        let (first, first_public) = keys.mint_one_time();
        let (second, second_public) = keys.mint_one_time();
        assert_ne!(first, second);
        assert_ne!(first_public, second_public);
        assert_eq!(raw(&keys.one_time_pair(first).unwrap().public_key), first_public);
        keys.consume_one_time(first);
        assert!(keys.one_time_pair(first).is_none());
        assert!(keys.one_time_pair(second).is_some());
    }

    #[test]
    fn restored_keys_are_the_same_and_draw_new_ones() {
        let keys = keys(4);
        let (id, public) = keys.mint_one_time();
        let text = serde_json::to_string(&keys.state()).unwrap();
        let restored =
            PhoneKeys::restore(&serde_json::from_str(&text).unwrap(), &mut StdRng::seed_from_u64(5)).unwrap();
        assert_eq!(restored.identity_public(), keys.identity_public());
        assert_eq!(restored.signed_prekey(), keys.signed_prekey());
        assert_eq!(restored.registration_id(), keys.registration_id());
        assert_eq!(raw(&restored.one_time_pair(id).unwrap().public_key), public);
        let (next, fresh) = restored.mint_one_time();
        assert_ne!(next, id);
        assert_ne!(fresh, keys.mint_one_time().1, "a restored phone must not repeat later keys");
    }
}
