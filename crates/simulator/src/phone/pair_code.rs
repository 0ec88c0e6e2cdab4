//! Pairing by code: the phone's half of the key exchange (protocol notes, section 5).

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use rand::{CryptoRng, RngExt};
use wacore::crypto::hkdf_sha256_into;
use wacore::libsignal::crypto::aes_256_gcm_decrypt;
use wacore::libsignal::protocol::{KeyPair, PublicKey};
use wacore::pair_code::PairCodeUtils;

use crate::server::CompanionFinish;

use super::keys::{PhoneKeys, raw};

/// Salt in front of a wrapped key.
const SALT: usize = 32;
/// Counter block after the salt.
const IV: usize = 16;
/// GCM nonce of the key bundle.
const NONCE: usize = 12;
const KEY: usize = 32;

/// An exchange that failed; usually the code was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairCodeError {
    /// Something has the wrong length.
    #[error("cannot read the {0} of the pairing exchange")]
    Malformed(&'static str),
    /// The key bundle does not open: the two sides do not share a secret.
    #[error("the pairing code is wrong")]
    WrongCode,
    /// Two keys do not agree.
    #[error("cannot derive the pairing secrets")]
    Agreement,
}

/// The phone's side of one exchange, between its hello and the companion's finish.
pub struct Exchange {
    ephemeral: KeyPair,
    companion_ephemeral: [u8; KEY],
    /// For the companion: `salt || iv || encrypted ephemeral key`.
    pub wrapped_primary_ephemeral: Vec<u8>,
}

/// Brings a typed code into the form that the key is derived from: `abcd-efgh` is `ABCDEFGH`.
pub fn normalise(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

impl Exchange {
    /// Opens the companion's hello with the code and prepares the answer. It takes a tenth of a
    /// second of computing, on purpose of the protocol.
    pub fn begin<R: CryptoRng>(
        code: &str,
        wrapped_companion_ephemeral: &[u8],
        rng: &mut R,
    ) -> Result<Self, PairCodeError> {
        if wrapped_companion_ephemeral.len() != SALT + IV + KEY {
            return Err(PairCodeError::Malformed("companion's hello"));
        }
        let (salt, rest) = wrapped_companion_ephemeral.split_at(SALT);
        let (iv, key) = rest.split_at(IV);
        let mut companion_ephemeral = [0; KEY];
        companion_ephemeral.copy_from_slice(key);
        apply_code(code, salt, iv, &mut companion_ephemeral)?;

        let ephemeral = KeyPair::generate(rng);
        let salt: [u8; SALT] = rng.random();
        let iv: [u8; IV] = rng.random();
        let mut wrapped = raw(&ephemeral.public_key);
        apply_code(code, &salt, &iv, &mut wrapped)?;
        Ok(Self {
            ephemeral,
            companion_ephemeral,
            wrapped_primary_ephemeral: [&salt[..], &iv, &wrapped].concat(),
        })
    }

    /// Opens the companion's last message and derives the ADV secret.
    pub fn finish(&self, keys: &PhoneKeys, finish: &CompanionFinish) -> Result<[u8; 32], PairCodeError> {
        let bundle = &finish.wrapped_key_bundle;
        if bundle.len() <= SALT + NONCE {
            return Err(PairCodeError::Malformed("key bundle"));
        }
        let (salt, rest) = bundle.split_at(SALT);
        let (nonce, sealed) = rest.split_at(NONCE);
        let shared = agree(&self.ephemeral, &self.companion_ephemeral)?;
        let mut key = [0; KEY];
        hkdf_sha256_into(&shared, Some(salt), b"link_code_pairing_key_bundle_encryption_key", &mut key)
            .map_err(|_| PairCodeError::Agreement)?;
        let nonce: &[u8; NONCE] = nonce.try_into().map_err(|_| PairCodeError::Malformed("key bundle"))?;
        let mut opened = Vec::new();
        aes_256_gcm_decrypt(&key, nonce, b"", sealed, &mut opened).map_err(|_| PairCodeError::WrongCode)?;
        if opened.len() != 3 * KEY
            || opened[..KEY] != finish.companion_identity
            || opened[KEY..2 * KEY] != keys.identity_public()
        {
            return Err(PairCodeError::Malformed("identities in the key bundle"));
        }
        let identity = KeyPair::new(*keys.identity().public_key(), keys.identity().private_key().clone());
        let identities = agree(&identity, &finish.companion_identity)?;
        let mut secret = [0; 32];
        hkdf_sha256_into(
            &[&shared[..], &identities, &opened[2 * KEY..]].concat(),
            None,
            b"adv_secret",
            &mut secret,
        )
        .map_err(|_| PairCodeError::Agreement)?;
        Ok(secret)
    }
}

fn agree(ours: &KeyPair, theirs: &[u8; 32]) -> Result<[u8; 32], PairCodeError> {
    let theirs = PublicKey::from_djb_public_key_bytes(theirs).map_err(|_| PairCodeError::Agreement)?;
    ours.calculate_agreement(&theirs).map_err(|_| PairCodeError::Agreement)
}

/// AES-256-CTR with the key that the code gives; the same call wraps and unwraps.
fn apply_code(code: &str, salt: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), PairCodeError> {
    let salt = salt.try_into().map_err(|_| PairCodeError::Malformed("salt"))?;
    let key = PairCodeUtils::derive_key(code, salt);
    Ctr128BE::<Aes256>::new_from_slices(&key, iv)
        .map_err(|_| PairCodeError::Malformed("counter block"))?
        .apply_keystream(data);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Link;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    /// whatsapp-rust's companion against this phone.
    fn exchange(code_of_companion: &str, code_of_phone: &str) -> ([u8; 32], Result<[u8; 32], PairCodeError>) {
        let mut rng = StdRng::seed_from_u64(1);
        let keys = PhoneKeys::generate(&mut rng);
        let ephemeral = KeyPair::generate(&mut rng);
        let identity = KeyPair::generate(&mut rng);
        let hello = PairCodeUtils::encrypt_ephemeral_pub(&raw(&ephemeral.public_key), code_of_companion);
        let phone = Exchange::begin(code_of_phone, &hello, &mut rng).unwrap();
        let primary =
            PairCodeUtils::decrypt_primary_ephemeral_pub(&phone.wrapped_primary_ephemeral, code_of_companion)
                .unwrap();
        let (wrapped_key_bundle, secret) =
            PairCodeUtils::prepare_key_bundle(&ephemeral, &primary, &keys.identity_public(), &identity)
                .unwrap();
        let finish = CompanionFinish {
            link: Link(1),
            wrapped_key_bundle,
            companion_identity: raw(&identity.public_key),
            reference: Vec::new(),
        };
        (secret, phone.finish(&keys, &finish))
    }

    #[test]
    fn both_sides_derive_the_same_secret() {
        let (secret, result) = exchange("ABCD1234", &normalise("abcd-1234"));
        assert_eq!(result, Ok(secret));
    }

    #[test]
    fn a_wrong_code_is_told() {
        let (_, result) = exchange("ABCD1234", "ABCD1235");
        assert_eq!(result, Err(PairCodeError::WrongCode));
    }
}
