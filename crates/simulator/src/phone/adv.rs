//! ADV: how a phone vouches for the devices that it links.
//!
//! Signatures are XEdDSA with the account's identity key over a two-byte prefix and the encoded
//! details, as Baileys and whatsapp-rust verify them.

use buffa::Message;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use waproto::whatsapp as wa;

use crate::server::KeyIndexGrant;

use super::keys::PhoneKeys;

/// Domain of the account's signature over a device's identity.
const ACCOUNT_SIGNATURE: [u8; 2] = [6, 0];

/// The `ADVSignedDeviceIdentityHMAC` that a phone gives to a device that it links.
///
/// `adv_secret` is the secret that device showed in its QR code, or that both sides derived in
/// pairing by code.
pub fn sign_device(
    keys: &PhoneKeys,
    grant: KeyIndexGrant,
    device_identity: &[u8; 32],
    adv_secret: &[u8],
) -> Vec<u8> {
    let details = wa::ADVDeviceIdentity {
        raw_id: Some(grant.raw_id),
        timestamp: Some(grant.timestamp),
        key_index: Some(grant.key_index),
        account_type: Some(wa::ADVEncryptionType::E2EE),
        device_type: Some(wa::ADVEncryptionType::E2EE),
    }
    .encode_to_vec();
    let signature = keys.sign(&[&ACCOUNT_SIGNATURE[..], &details, device_identity].concat());
    let signed = wa::ADVSignedDeviceIdentity {
        details: Some(details),
        account_signature_key: Some(keys.identity_public().to_vec()),
        account_signature: Some(signature.to_vec()),
        ..Default::default()
    }
    .encode_to_vec();
    let hmac = hmac_sha256(adv_secret, &signed);
    wa::ADVSignedDeviceIdentityHMAC { details: Some(signed), hmac: Some(hmac), ..Default::default() }
        .encode_to_vec()
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so the other arm is never taken.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn device_grant_verifies_as_a_client_verifies_it() {
        let keys = PhoneKeys::generate(&mut StdRng::seed_from_u64(1));
        let grant = KeyIndexGrant { raw_id: 7, key_index: 3, timestamp: 1_700_000_000 };
        let container = sign_device(&keys, grant, &[9; 32], b"secret");
        let container = wa::ADVSignedDeviceIdentityHMAC::decode_from_slice(&container).unwrap();
        let signed = container.details.unwrap();
        assert_eq!(container.hmac.unwrap(), hmac_sha256(b"secret", &signed));
        let signed = wa::ADVSignedDeviceIdentity::decode_from_slice(&signed).unwrap();
        let details = signed.details.unwrap();
        let message = [&[6, 0], &details[..], &[9; 32]].concat();
        let account = keys.identity().public_key();
        assert!(account.verify_signature(&message, &signed.account_signature.unwrap()));
        let details = wa::ADVDeviceIdentity::decode_from_slice(&details).unwrap();
        assert_eq!((details.raw_id, details.key_index), (Some(7), Some(3)));
    }
}
