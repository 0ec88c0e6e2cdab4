//! Encrypting and decrypting with the phone's Signal state, for one device and for groups.

use std::sync::Arc;

use futures::FutureExt;
use rand::rngs::StdRng;
use rand::{CryptoRng, RngExt, SeedableRng};
use wacore::libsignal::protocol::{
    CiphertextMessage, IdentityKey, PreKeyBundle, PreKeySignalMessage, ProtocolAddress, PublicKey,
    SenderKeyDistributionMessage, SenderKeyName, SignalMessage, SignalProtocolError, UsePQRatchet,
    create_sender_key_distribution_message, group_decrypt, group_encrypt, message_decrypt_prekey,
    message_decrypt_signal, message_encrypt, process_prekey_bundle, process_sender_key_distribution_message,
};

use crate::Jid;
use crate::jid::{LID_SERVER, PHONE_SERVER};

use super::keys::PhoneKeys;
use super::store::{StoreError, Stores, StoresState};

/// A Signal operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum CipherError {
    /// The Signal library refused. Its text may hold addresses, so only the kind is shown.
    #[error("cannot {operation}: {kind}")]
    Signal {
        /// What was tried.
        operation: &'static str,
        /// Which kind of failure it was.
        kind: &'static str,
    },
    /// The text under the encryption is not padded as WhatsApp pads it.
    #[error("cannot unpad a decrypted message")]
    Padding,
    /// An `<enc>` of a type that the phone does not know.
    #[error("cannot decrypt a ciphertext of unknown type")]
    UnknownType,
    /// A key bundle holds something that is no key.
    #[error("cannot use a key bundle: {0}")]
    Bundle(&'static str),
}

/// How one `<enc>` of a one-to-one message is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncType {
    /// First messages of a Signal session (`pkmsg`).
    PreKey,
    /// Later messages (`msg`).
    Message,
}

impl EncType {
    /// The value of the `type` attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreKey => "pkmsg",
            Self::Message => "msg",
        }
    }
}

/// Another device's public keys, as the server answers them.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Signal registration id.
    pub registration_id: u32,
    /// Identity key, raw.
    pub identity: [u8; 32],
    /// Signed pre-key: id, key, signature.
    pub signed_prekey: (u32, [u8; 32], Vec<u8>),
    /// One-time pre-key, when the server had one left.
    pub one_time: Option<(u32, [u8; 32])>,
}

/// The phone's Signal state with its source of randomness.
pub struct Cipher {
    stores: Stores,
    rng: StdRng,
}

impl Cipher {
    /// Fresh state over these keys.
    pub fn new<R: CryptoRng>(keys: &Arc<PhoneKeys>, rng: &mut R) -> Self {
        Self { stores: Stores::new(keys), rng: StdRng::from_rng(rng) }
    }

    /// Brings back saved state.
    pub fn restore<R: CryptoRng>(
        keys: &Arc<PhoneKeys>,
        state: &StoresState,
        rng: &mut R,
    ) -> Result<Self, StoreError> {
        Ok(Self { stores: Stores::restore(keys, state)?, rng: StdRng::from_rng(rng) })
    }

    /// The state as it is written to a state file.
    pub fn state(&self) -> Result<StoresState, StoreError> {
        self.stores.state()
    }

    /// The phone's source of randomness, also for ids and media keys.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    /// Is there a Signal session with this device?
    pub fn has_session(&self, device: &Jid) -> bool {
        self.stores.sessions.has(&address(device))
    }

    /// Forgets the Signal session with this device.
    pub fn forget_session(&mut self, device: &Jid) {
        self.stores.sessions.remove(&address(device));
    }

    /// Starts a Signal session from the device's key bundle.
    pub fn start_session(&mut self, device: &Jid, bundle: &Bundle) -> Result<(), CipherError> {
        let bundle = signal_bundle(device, bundle)?;
        let stores = &mut self.stores;
        ready(
            "start a Signal session",
            process_prekey_bundle(
                &address(device),
                &mut stores.sessions,
                &mut stores.identities,
                &bundle,
                &mut self.rng,
                UsePQRatchet::No,
            ),
        )
        .map(|_| ())
    }

    /// Pads and encrypts for one device, with which there must be a session.
    pub fn encrypt(&mut self, device: &Jid, plaintext: &[u8]) -> Result<(EncType, Vec<u8>), CipherError> {
        let padded = pad(plaintext, &mut self.rng);
        let stores = &mut self.stores;
        let message = ready(
            "encrypt for a device",
            message_encrypt(&padded, &address(device), &mut stores.sessions, &mut stores.identities),
        )?;
        let kind = match &message {
            CiphertextMessage::PreKeySignalMessage(_) => EncType::PreKey,
            _ => EncType::Message,
        };
        Ok((kind, message.serialize().to_vec()))
    }

    /// Decrypts an `<enc type=pkmsg|msg>` from one device and unpads it.
    ///
    /// Some clients keep one Signal session per device and some keep one per address (phone number
    /// and LID), so `aliases` (the same device's other addresses) are tried as well.
    pub fn decrypt(
        &mut self,
        device: &Jid,
        aliases: &[Jid],
        kind: EncType,
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, CipherError> {
        let first = self.decrypt_as(device, kind, ciphertext);
        let padded = match first {
            Ok(padded) => padded,
            Err(error) => {
                let other = aliases
                    .iter()
                    .filter(|alias| self.has_session(alias))
                    .cloned()
                    .collect::<Vec<_>>()
                    .iter()
                    .find_map(|alias| self.decrypt_as(alias, kind, ciphertext).ok());
                other.ok_or(error)?
            }
        };
        unpad(padded)
    }

    fn decrypt_as(&mut self, device: &Jid, kind: EncType, ciphertext: &[u8]) -> Result<Vec<u8>, CipherError> {
        const OPERATION: &str = "decrypt a message";
        let address = address(device);
        let stores = &mut self.stores;
        let result = match kind {
            EncType::PreKey => {
                let message =
                    PreKeySignalMessage::try_from(ciphertext).map_err(|e| refused(OPERATION, &e))?;
                ready(
                    OPERATION,
                    message_decrypt_prekey(
                        &message,
                        &address,
                        &mut stores.sessions,
                        &mut stores.identities,
                        &mut stores.prekeys,
                        &stores.signed_prekeys,
                        &mut self.rng,
                        UsePQRatchet::No,
                    ),
                )?
            }
            EncType::Message => {
                let message = SignalMessage::try_from(ciphertext).map_err(|e| refused(OPERATION, &e))?;
                ready(
                    OPERATION,
                    message_decrypt_signal(
                        &message,
                        &address,
                        &mut stores.sessions,
                        &mut stores.identities,
                        &mut self.rng,
                    ),
                )?
            }
        };
        if let Some(id) = result.consumed_prekey_id {
            use wacore::libsignal::protocol::PreKeyStore;
            ready("consume a pre-key", stores.prekeys.remove_pre_key(id))?;
        }
        Ok(result.plaintext)
    }

    /// The message that tells a device this phone's sender key of a group, as it is now.
    pub fn distribute_sender_key(&mut self, group: &Jid, me: &Jid) -> Result<Vec<u8>, CipherError> {
        ready(
            "make a sender key",
            create_sender_key_distribution_message(
                &sender_key(group, me),
                &mut self.stores.sender_keys,
                &mut self.rng,
            ),
        )
        .map(|message| message.serialized().to_vec())
    }

    /// Forgets this phone's sender key of a group, so that those who left cannot read on.
    pub fn rotate_sender_key(&mut self, group: &Jid, me: &Jid) {
        self.stores.sender_keys.remove(&sender_key(group, me));
    }

    /// Learns another device's sender key of a group.
    pub fn learn_sender_key(&mut self, group: &Jid, sender: &Jid, message: &[u8]) -> Result<(), CipherError> {
        const OPERATION: &str = "learn a sender key";
        let message = SenderKeyDistributionMessage::try_from(message).map_err(|e| refused(OPERATION, &e))?;
        ready(
            OPERATION,
            process_sender_key_distribution_message(
                &sender_key(group, sender),
                &message,
                &mut self.stores.sender_keys,
            ),
        )
    }

    /// Pads and encrypts for a group with this phone's sender key.
    pub fn encrypt_group(&mut self, group: &Jid, me: &Jid, plaintext: &[u8]) -> Result<Vec<u8>, CipherError> {
        let padded = pad(plaintext, &mut self.rng);
        ready(
            "encrypt for a group",
            group_encrypt(&mut self.stores.sender_keys, &sender_key(group, me), &padded, &mut self.rng),
        )
        .map(|message| message.serialized().to_vec())
    }

    /// Decrypts a group's `<enc type=skmsg>` and unpads it; `aliases` as for [`Self::decrypt`].
    pub fn decrypt_group(
        &mut self,
        group: &Jid,
        sender: &Jid,
        aliases: &[Jid],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, CipherError> {
        let mut names = vec![sender_key(group, sender)];
        names.extend(aliases.iter().map(|alias| sender_key(group, alias)));
        names.retain(|name| self.stores.sender_keys.has(name));
        let mut last = CipherError::Signal { operation: "decrypt for a group", kind: "no sender key" };
        for name in &names {
            match ready("decrypt for a group", group_decrypt(ciphertext, &mut self.stores.sender_keys, name))
            {
                Ok(padded) => return unpad(padded),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// The address under which the Signal state of a device is kept.
fn address(device: &Jid) -> ProtocolAddress {
    ProtocolAddress::new(&format!("{}@{}", device.user, device.server), u32::from(device.device).into())
}

fn sender_key(group: &Jid, sender: &Jid) -> SenderKeyName {
    SenderKeyName::new(group.to_string(), address(sender).to_string())
}

fn signal_bundle(device: &Jid, bundle: &Bundle) -> Result<PreKeyBundle, CipherError> {
    let key = |bytes: &[u8; 32], which| {
        PublicKey::from_djb_public_key_bytes(bytes).map_err(|_| CipherError::Bundle(which))
    };
    let (id, signed, signature) = &bundle.signed_prekey;
    let one_time = match &bundle.one_time {
        Some((id, one_time)) => Some(((*id).into(), key(one_time, "one-time pre-key")?)),
        None => None,
    };
    PreKeyBundle::new(
        bundle.registration_id,
        u32::from(device.device).into(),
        one_time,
        (*id).into(),
        key(signed, "signed pre-key")?,
        signature.clone(),
        IdentityKey::new(key(&bundle.identity, "identity key")?),
    )
    .map_err(|_| CipherError::Bundle("parts do not fit"))
}

/// Runs a future of the Signal library, which never waits on these stores.
fn ready<T>(
    operation: &'static str,
    future: impl Future<Output = Result<T, SignalProtocolError>>,
) -> Result<T, CipherError> {
    match future.now_or_never() {
        Some(result) => result.map_err(|error| refused(operation, &error)),
        None => Err(CipherError::Signal { operation, kind: "the store did not answer at once" }),
    }
}

fn refused(operation: &'static str, error: &SignalProtocolError) -> CipherError {
    let kind = match error {
        SignalProtocolError::SessionNotFound(_) => "no Signal session",
        SignalProtocolError::BadMac(_) => "bad MAC",
        SignalProtocolError::DuplicatedMessage(..) => "message key used already",
        SignalProtocolError::InvalidPreKeyId | SignalProtocolError::InvalidSignedPreKeyId => {
            "unknown pre-key"
        }
        SignalProtocolError::NoSenderKeyState(_) | SignalProtocolError::InvalidSenderKeySession => {
            "no sender key"
        }
        SignalProtocolError::SignatureValidationFailed => "bad signature",
        SignalProtocolError::InvalidMessage(..) => "invalid message",
        SignalProtocolError::InvalidProtobufEncoding | SignalProtocolError::CiphertextMessageTooShort(_) => {
            "not a Signal message"
        }
        _ => "refused by the Signal library",
    };
    CipherError::Signal { operation, kind }
}

/// Is this the failure of a message that was decrypted before (a second copy)?
pub fn is_duplicate(error: &CipherError) -> bool {
    matches!(error, CipherError::Signal { kind: "message key used already", .. })
}

/// WhatsApp's padding: 1 to 16 bytes, each holding the length of the padding.
pub fn pad<R: CryptoRng>(plaintext: &[u8], rng: &mut R) -> Vec<u8> {
    let length: u8 = rng.random_range(1..=16);
    let mut padded = Vec::with_capacity(plaintext.len() + usize::from(length));
    padded.extend_from_slice(plaintext);
    padded.resize(plaintext.len() + usize::from(length), length);
    padded
}

/// Takes the padding off again.
pub fn unpad(mut padded: Vec<u8>) -> Result<Vec<u8>, CipherError> {
    let length = usize::from(*padded.last().ok_or(CipherError::Padding)?);
    if length == 0 || length > 16 || length > padded.len() {
        return Err(CipherError::Padding);
    }
    padded.truncate(padded.len() - length);
    Ok(padded)
}

/// The other address of an account's device, given both users of the account.
pub fn alias(device: &Jid, number: &str, lid: &str) -> Option<Jid> {
    let (user, server) = match device.server.as_str() {
        PHONE_SERVER if device.user == number => (lid, LID_SERVER),
        LID_SERVER if device.user == lid => (number, PHONE_SERVER),
        _ => return None,
    };
    Some(Jid { user: user.to_owned(), device: device.device, server: server.to_owned() })
}

#[cfg(test)]
#[path = "cipher/tests.rs"]
mod tests;
