//! The server's static Noise key and the certificate chain that vouches for it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use buffa::{Message, MessageField};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use wacore::libsignal::protocol::{KeyPair, PrivateKey};
use waproto::whatsapp::{CertChain, cert_chain::NoiseCertificate, cert_chain::noise_certificate::Details};

/// Serial of the root, which every client demands as the intermediate's issuer.
const ROOT_SERIAL: u32 = 0;
/// Serial of the one intermediate certificate.
const INTERMEDIATE_SERIAL: u32 = 1;

/// Why an identity could not be made or restored.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A saved private key is no Curve25519 key.
    #[error("restore server identity: the {0} key is broken")]
    Key(&'static str),
    /// Signing failed.
    #[error("sign server certificate: the {0} key cannot sign")]
    Sign(&'static str),
}

/// When certificates hold, in seconds since the Unix epoch. Clients resume with Noise IK only
/// while both certificates hold by their own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// First second.
    pub not_before: u64,
    /// First second when it no longer holds.
    pub not_after: u64,
}

impl Validity {
    /// From a day before `now` (for clients whose clock is slow) until ten years after.
    #[must_use]
    pub fn around(now: u64) -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self { not_before: now.saturating_sub(DAY), not_after: now.saturating_add(3650 * DAY) }
    }
}

/// The server's own root, an intermediate certificate under it, and the leaf with the static
/// Noise key. Only the leaf changes, by [`ServerIdentity::rotate`].
pub struct ServerIdentity {
    root: KeyPair,
    intermediate: KeyPair,
    leaf: RwLock<Arc<Leaf>>,
}

/// The static Noise key of new connections, with its certificate chain.
pub(super) struct Leaf {
    pub(super) key: KeyPair,
    /// Encoded `CertChain`.
    pub(super) chain: Vec<u8>,
    serial: u32,
    validity: Validity,
}

/// A [`ServerIdentity`] as it is kept in a file. Holds private keys.
#[derive(Clone, Serialize, Deserialize)]
pub struct SavedIdentity {
    root: [u8; 32],
    intermediate: [u8; 32],
    leaf: [u8; 32],
    leaf_serial: u32,
    validity: Validity,
    chain: Vec<u8>,
}

impl ServerIdentity {
    /// New keys and certificates.
    pub fn generate(rng: &mut impl CryptoRng, validity: Validity) -> Result<Self, IdentityError> {
        let root = KeyPair::generate(rng);
        let intermediate = KeyPair::generate(rng);
        let leaf = Leaf::issue(&root, &intermediate, INTERMEDIATE_SERIAL + 1, validity, rng)?;
        Ok(Self { root, intermediate, leaf: RwLock::new(Arc::new(leaf)) })
    }

    /// The key that signs the intermediate certificate. Clients that check signatures (Baileys 7)
    /// must be given it in place of WhatsApp's.
    #[must_use]
    pub fn root_public(&self) -> [u8; 32] {
        raw(&self.root)
    }

    /// The static Noise key that new connections are answered with.
    #[must_use]
    pub fn static_public(&self) -> [u8; 32] {
        raw(&self.leaf().key)
    }

    /// Replaces the static Noise key and its certificate. A client that resumes with the old key
    /// (Noise IK) is led through XXfallback; live connections are not touched.
    pub fn rotate(&self, rng: &mut impl CryptoRng, validity: Validity) -> Result<(), IdentityError> {
        let serial = self.leaf().serial.wrapping_add(1).max(INTERMEDIATE_SERIAL + 1);
        let leaf = Leaf::issue(&self.root, &self.intermediate, serial, validity, rng)?;
        *self.leaf.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(leaf);
        Ok(())
    }

    /// What [`ServerIdentity::restore`] needs. Holds private keys: write it for its owner only.
    #[must_use]
    pub fn save(&self) -> SavedIdentity {
        let leaf = self.leaf();
        SavedIdentity {
            root: *self.root.private_key.serialize(),
            intermediate: *self.intermediate.private_key.serialize(),
            leaf: *leaf.key.private_key.serialize(),
            leaf_serial: leaf.serial,
            validity: leaf.validity,
            chain: leaf.chain.clone(),
        }
    }

    /// The identity that was saved: the same root, static key and certificates.
    pub fn restore(saved: SavedIdentity) -> Result<Self, IdentityError> {
        let leaf = Leaf {
            key: pair(&saved.leaf, "leaf")?,
            chain: saved.chain,
            serial: saved.leaf_serial,
            validity: saved.validity,
        };
        Ok(Self {
            root: pair(&saved.root, "root")?,
            intermediate: pair(&saved.intermediate, "intermediate")?,
            leaf: RwLock::new(Arc::new(leaf)),
        })
    }

    pub(super) fn leaf(&self) -> Arc<Leaf> {
        self.leaf.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Leaf {
    fn issue(
        root: &KeyPair,
        intermediate: &KeyPair,
        serial: u32,
        validity: Validity,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, IdentityError> {
        let key = KeyPair::generate(rng);
        let details = |serial, issuer, key: &KeyPair| Details {
            serial: Some(serial),
            issuer_serial: Some(issuer),
            key: Some(raw(key).to_vec()),
            not_before: Some(validity.not_before),
            not_after: Some(validity.not_after),
        };
        let upper = details(INTERMEDIATE_SERIAL, ROOT_SERIAL, intermediate);
        let lower = details(serial, INTERMEDIATE_SERIAL, &key);
        let chain = CertChain {
            intermediate: MessageField::some(certificate(root, &upper, "root", rng)?),
            leaf: MessageField::some(certificate(intermediate, &lower, "intermediate", rng)?),
        };
        Ok(Self { key, chain: chain.encode_to_vec(), serial, validity })
    }
}

fn certificate(
    issuer: &KeyPair,
    details: &Details,
    issuer_name: &'static str,
    rng: &mut impl CryptoRng,
) -> Result<NoiseCertificate, IdentityError> {
    let details = details.encode_to_vec();
    let signature =
        issuer.calculate_signature(&details, rng).map_err(|_| IdentityError::Sign(issuer_name))?;
    Ok(NoiseCertificate { details: Some(details), signature: Some(signature.to_vec()) })
}

fn pair(private: &[u8; 32], name: &'static str) -> Result<KeyPair, IdentityError> {
    PrivateKey::deserialize(private).and_then(KeyPair::try_from).map_err(|_| IdentityError::Key(name))
}

fn raw(pair: &KeyPair) -> [u8; 32] {
    let mut raw = [0; 32];
    raw.copy_from_slice(pair.public_key.public_key_bytes());
    raw
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerIdentity(..)")
    }
}

impl fmt::Debug for SavedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SavedIdentity(..)")
    }
}
