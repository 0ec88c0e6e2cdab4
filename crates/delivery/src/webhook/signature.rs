//! The headers that let a receiver trust a body: WAHA's and those of standardwebhooks.com.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Sha256, Sha512};

/// How Standard Webhooks marks a secret whose bytes are written in base64.
const STANDARD_PREFIX: &str = "whsec_";

/// Hex HMAC-SHA512 of the body, WAHA's `X-Webhook-Hmac`. The key is taken as text.
pub(super) fn waha(key: &SecretString, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key.expose_secret().as_bytes()).ok()?;
    mac.update(body);
    Some(hex::encode(mac.finalize().into_bytes()))
}

/// `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`, the `webhook-signature` of Standard
/// Webhooks. A key written `whsec_...` is decoded, any other is taken as text.
pub(super) fn standard(key: &SecretString, id: &str, timestamp_s: i64, body: &[u8]) -> Option<String> {
    let text = key.expose_secret();
    let decoded = text.strip_prefix(STANDARD_PREFIX).and_then(|encoded| STANDARD.decode(encoded).ok());
    let bytes = decoded.as_deref().unwrap_or(text.as_bytes());
    let mut mac = Hmac::<Sha256>::new_from_slice(bytes).ok()?;
    mac.update(format!("{id}.{timestamp_s}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_webhooks_own_example() {
        // From the specification's reference libraries.
        let key = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature =
            standard(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn wahas_is_hmac_sha512() {
        // RFC 4231, test case 2.
        let expected = concat!(
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554",
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        );
        let signed = waha(&SecretString::from("Jefe"), b"what do ya want for nothing?");
        assert_eq!(signed.as_deref(), Some(expected));
    }

    #[test]
    fn wahas_documented_example() {
        // From WAHA's documentation of webhook authentication.
        let body = br#"{"event":"message","session":"default","engine":"WEBJS"}"#;
        let expected = concat!(
            "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8",
            "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89",
        );
        assert_eq!(waha(&SecretString::from("my-secret-key"), body).as_deref(), Some(expected));
    }
}
