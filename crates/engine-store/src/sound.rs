//! Is a record of the store one that the client can use? Judged by the client's own code, before the client meets it: a
//! record that it cannot use fails every message that needs it, while one that is absent is negotiated or made anew.

use wakeeper_doctor::address::Address;
use whatsapp_rust::Jid;
use whatsapp_rust::wacore::libsignal::protocol::{
    PrivateKey, PublicKey, SenderKeyRecord, SenderKeyStateComponents, SessionRecord, SignalProtocolError,
};
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::waproto::codec;

use crate::address;

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// It is no record of its kind.
    #[error("it cannot be decoded ({0})")]
    Encoding(String),
    /// It holds nothing.
    #[error("it is empty")]
    Empty,
    /// A key in it has the wrong length, or is no key.
    #[error("a key in it is damaged")]
    Key,
    /// Its private key does not belong to its public key.
    #[error("its private key does not fit its public key")]
    Pair,
    /// Our own record lacks what only we have.
    #[error("its private key is missing")]
    PrivateKey,
    /// A signature in it does not verify.
    #[error("its signature is not by this identity")]
    Signature,
}

impl From<SignalProtocolError> for Unsound {
    fn from(error: SignalProtocolError) -> Self {
        Self::Encoding(error.to_string())
    }
}

/// Judges the record of a sender key; `own` for the one of this device.
///
/// # Errors
/// When it cannot be used.
pub fn sender_key(record: &[u8], own: bool) -> Result<(), Unsound> {
    let states = SenderKeyRecord::deserialize(record)?.into_components()?.states;
    // The newest state comes first, and is the only one that our own messages use.
    let newest = states.first().ok_or(Unsound::Empty)?;
    states.iter().try_for_each(sender_key_state)?;
    if own && newest.signing_key.private.as_ref().is_none_or(Vec::is_empty) {
        return Err(Unsound::PrivateKey);
    }
    Ok(())
}

fn sender_key_state(state: &SenderKeyStateComponents) -> Result<(), Unsound> {
    if state.chain_key.seed.len() != 32 {
        return Err(Unsound::Key);
    }
    let public = public_key(&state.signing_key.public)?;
    match state.signing_key.private.as_deref() {
        Some(private) if !private.is_empty() => pair(private, &public),
        _ => Ok(()),
    }
}

/// Judges the record of the Signal sessions with a device.
///
/// # Errors
/// When it cannot be used.
pub fn signal_session(record: &[u8]) -> Result<(), Unsound> {
    if record.is_empty() {
        return Err(Unsound::Empty);
    }
    SessionRecord::deserialize(record)?;
    Ok(())
}

/// Judges the record of a one-time pre-key.
///
/// # Errors
/// When it cannot be used.
pub fn pre_key(record: &[u8]) -> Result<(), Unsound> {
    let record =
        codec::pre_key_record_decode(record).map_err(|error| Unsound::Encoding(error.to_string()))?;
    let (Some(private), Some(public)) = (record.private_key, record.public_key) else {
        return Err(Unsound::Empty);
    };
    pair(&private, &public_key(&public)?)
}

/// Judges the record of a signed pre-key that was rotated out or is about to come in.
///
/// # Errors
/// When it cannot be used.
pub fn signed_pre_key_record(record: &[u8]) -> Result<(), Unsound> {
    let record =
        codec::signed_pre_key_record_decode(record).map_err(|error| Unsound::Encoding(error.to_string()))?;
    let (Some(private), Some(public)) = (record.private_key, record.public_key) else {
        return Err(Unsound::Empty);
    };
    pair(&private, &public_key(&public)?)
}

/// Judges a device's signed pre-key.
///
/// # Errors
/// When it cannot be used.
pub fn signed_pre_key(device: &Device) -> Result<(), Unsound> {
    let signed = &device.signed_pre_key;
    pair(signed.private_key.serialize(), &signed.public_key)?;
    signature(&device.identity_key.public_key, &signed.public_key, &device.signed_pre_key_signature)
}

/// Whether an identity signed this pre-key.
pub(crate) fn signature(identity: &PublicKey, signed: &PublicKey, signature: &[u8]) -> Result<(), Unsound> {
    let verified = identity.verify_signature(&signed.serialize(), signature);
    if verified { Ok(()) } else { Err(Unsound::Signature) }
}

/// The addresses of this login, by phone number and by LID.
pub type OwnAddresses = Vec<Address>;

/// The addresses under which a device has sender keys of its own. Empty before it is linked.
pub fn own_addresses(device: &Device) -> OwnAddresses {
    let known = [device.pn.as_ref(), device.lid.as_ref()].into_iter().flatten();
    known.filter_map(|jid: &Jid| Address::from_jid(&jid.to_string())).collect()
}

/// The group of a sender key's row, when the key is one of these devices'.
pub fn own_group(row_key: &str, own: &[Address]) -> Option<String> {
    let (group, sender) = address::of_sender_key(row_key)?;
    own.iter().any(|own| own.user == sender.user && own.device == sender.device).then_some(group)
}

fn public_key(bytes: &[u8]) -> Result<PublicKey, Unsound> {
    let key = match bytes.len() {
        32 => PublicKey::from_djb_public_key_bytes(bytes).map_err(drop),
        _ => PublicKey::deserialize(bytes).map_err(drop),
    };
    key.map_err(|()| Unsound::Key)
}

fn pair(private: &[u8], public: &PublicKey) -> Result<(), Unsound> {
    let derived = PrivateKey::deserialize(private).and_then(|private| private.public_key());
    if derived.map_err(|_| Unsound::Key)? == *public { Ok(()) } else { Err(Unsound::Pair) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_and_emptiness_are_no_records() {
        type Judge = fn(&[u8]) -> Result<(), Unsound>;
        let all: [Judge; 4] =
            [|record| sender_key(record, false), signal_session, pre_key, signed_pre_key_record];
        for judge in all {
            for record in [&[][..], &[0; 64], &[0xaa; 64], &[0xff; 3]] {
                assert!(judge(record).is_err());
            }
        }
    }

    #[test]
    fn a_fresh_device_is_sound_and_one_with_a_flipped_bit_is_not() {
        let mut device = Device::new();
        signed_pre_key(&device).unwrap();
        device.signed_pre_key_signature[7] ^= 1;
        assert!(matches!(signed_pre_key(&device), Err(Unsound::Signature)));
        let mut device = Device::new();
        device.signed_pre_key.private_key = Device::new().signed_pre_key.private_key;
        assert!(matches!(signed_pre_key(&device), Err(Unsound::Pair)));
    }

    #[test]
    fn our_own_sender_keys_are_told_from_others() {
        let own = [Address::from_jid("628111:5@s.whatsapp.net").unwrap()];
        assert_eq!(own_group("1-2@g.us:628111:5@c.us.0", &own).as_deref(), Some("1-2@g.us"));
        assert_eq!(own_group("1-2@g.us:628111@c.us.0", &own), None);
        assert_eq!(own_group("1-2@g.us:628222:5@c.us.0", &own), None);
    }
}
