//! Linking by a passkey: the phone's half of the exchange after the assertion (`wacore::shortcake` has the companion's).

use std::sync::Arc;
use std::time::Duration;

use buffa::Message;
use rand::RngExt;
use wacore::libsignal::crypto::aes_256_gcm_decrypt;
use wacore::libsignal::protocol::KeyPair;
use wacore::shortcake::ShortcakeUtils;
use waproto::whatsapp as wa;

use super::core::Core;
use super::error::PhoneError;
use super::keys::raw;
use super::qr::QrCode;
use crate::server::{PairingOffer, PasskeyStep};

/// The companion takes its new secret over when its last request is answered; on a network the grant comes later than that.
const GRANT: Duration = Duration::from_millis(200);

/// The phone's identity comes over a network of its own, too.
const ANSWERS_AFTER: Duration = Duration::from_millis(200);

/// A link that is under way.
pub struct Exchange {
    ephemeral: KeyPair,
    nonce: [u8; 32],
    companion_identity: Vec<u8>,
    companion_public: [u8; 32],
    commitment: Vec<u8>,
    platform: wa::device_props::PlatformType,
    reference: String,
    /// What the phone shows, to be compared, once the companion revealed its part.
    pub code: Option<String>,
}

impl Core {
    /// Scans a QR code: the device that shows it is asked for the account's passkey.
    pub fn scan_for_passkey(&self, text: &str) -> Result<(), PhoneError> {
        let code = QrCode::parse(text)?;
        let offer = self.server.pairing_by_ref(&code.reference).ok_or(PhoneError::QrExpired)?;
        if offer.noise_public != code.noise_public || offer.identity_public != code.identity_public {
            return Err(PhoneError::QrForged);
        }
        Ok(self.server.ask_for_passkey(offer.link, &self.account.number)?)
    }

    /// Takes a step of the companion.
    pub fn passkey_step(self: &Arc<Self>, offer: &PairingOffer, step: PasskeyStep) {
        let done = match step {
            PasskeyStep::Prologue { payload, reference } => self.begin(offer, &payload, reference),
            PasskeyStep::Nonce(nonce) => self.reveal(&nonce),
            PasskeyStep::Request(request) => self.open_request(offer, &request),
        };
        if done.is_none() {
            tracing::warn!("a link by passkey went wrong");
            self.state().passkey = None;
        }
        self.notify();
    }

    fn begin(&self, offer: &PairingOffer, payload: &[u8], reference: String) -> Option<()> {
        let payload = wa::ProloguePayload::decode_from_slice(payload).ok()?;
        let companion_identity = payload.companion_ephemeral_identity?;
        let commitment = payload.commitment.into_option()?.hash?;
        let identity = wa::CompanionEphemeralIdentity::decode_from_slice(&companion_identity).ok()?;
        if identity.r#ref.as_deref() != Some(&reference) {
            return None;
        }
        let (ephemeral, nonce) = {
            let mut state = self.state();
            let rng = state.cipher.rng();
            (KeyPair::generate(rng), rng.random::<[u8; 32]>())
        };
        let answer = wa::PrimaryEphemeralIdentity {
            public_key: Some(raw(&ephemeral.public_key).to_vec()),
            nonce: Some(Vec::from(nonce)),
        };
        let exchange = Exchange {
            ephemeral,
            nonce,
            companion_public: identity.public_key?.try_into().ok()?,
            companion_identity,
            commitment,
            platform: identity.device_type.unwrap_or_default(),
            reference,
            code: None,
        };
        self.state().passkey = Some(exchange);
        let (server, link, answer) = (self.server.clone(), offer.link, answer.encode_to_vec());
        tokio::spawn(async move {
            // A phone answers over a network of its own: the companion first hears that its assertion was taken.
            tokio::time::sleep(ANSWERS_AFTER).await;
            if let Err(error) = server.send_primary_identity(link, answer) {
                tracing::debug!(%error, "a link by passkey was given up meanwhile");
            }
        });
        Some(())
    }

    /// The companion shows its nonce: it must be the one that it committed itself to.
    fn reveal(&self, companion_nonce: &[u8]) -> Option<()> {
        let companion_nonce: [u8; 32] = companion_nonce.try_into().ok()?;
        let mut state = self.state();
        let exchange = state.passkey.as_mut()?;
        let commitment = ShortcakeUtils::commitment_hash(&exchange.companion_identity, &companion_nonce);
        if commitment[..] != exchange.commitment[..] {
            return None;
        }
        let own = raw(&exchange.ephemeral.public_key);
        let code = ShortcakeUtils::derive_verification_code(&companion_nonce, &own, &exchange.nonce);
        exchange.code = Some(format!("{}-{}", &code[..4], &code[4..]));
        Some(())
    }

    /// The person at the companion confirmed the code: it sends its keys and the secret of the link.
    fn open_request(self: &Arc<Self>, offer: &PairingOffer, request: &[u8]) -> Option<()> {
        let exchange = self.state().passkey.take().filter(|exchange| exchange.code.is_some())?;
        let key = ShortcakeUtils::derive_encryption_key(
            &exchange.ephemeral,
            &exchange.companion_public,
            exchange.platform,
            &exchange.reference,
        );
        let request = wa::EncryptedPairingRequest::decode_from_slice(request).ok()?;
        let (sealed, iv) = (request.encrypted_payload?, request.iv?);
        let mut opened = Vec::new();
        let iv: [u8; 12] = iv.try_into().ok()?;
        aes_256_gcm_decrypt(&key.ok()?, &iv, b"", &sealed, &mut opened).ok()?;
        let request = wa::PairingRequest::decode_from_slice(&opened).ok()?;
        let is_theirs = request.companion_public_key? == offer.noise_public
            && request.companion_identity_key? == offer.identity_public;
        let secret = request.adv_secret.filter(|_| is_theirs)?;
        let (core, link, identity) = (Arc::clone(self), offer.link, offer.identity_public);
        tokio::spawn(async move {
            tokio::time::sleep(GRANT).await;
            if let Err(error) = core.grant(link, &identity, &secret).await {
                tracing::warn!(%error, "a device was not linked by passkey");
            }
        });
        Some(())
    }
}
