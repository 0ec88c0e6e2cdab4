//! Linking a device to the phone's account: by QR code and by pairing code.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::adv::sign_device;
use super::core::Core;
use super::error::PhoneError;
use super::pair_code::{Exchange, PairCodeError, normalise};
use super::qr::QrCode;
use crate::server::{Link, PairingGrant, PrimaryHello};

/// What the phone says it is.
const PLATFORM: &str = "android";
/// How long a companion may take to answer in pairing by code.
const FINISH: Duration = Duration::from_secs(30);

impl Core {
    /// Links the device that shows this QR code and returns its device id.
    pub async fn scan(&self, text: &str) -> Result<u16, PhoneError> {
        let code = QrCode::parse(text)?;
        let offer = self.server.pairing_by_ref(&code.reference).ok_or(PhoneError::QrExpired)?;
        if offer.noise_public != code.noise_public || offer.identity_public != code.identity_public {
            return Err(PhoneError::QrForged);
        }
        self.grant(offer.link, &offer.identity_public, &code.adv_secret).await
    }

    /// Links the device that asked for this account and shows this code; returns its device id.
    pub async fn confirm_code(self: &Arc<Self>, code: &str) -> Result<u16, PhoneError> {
        let code = normalise(code);
        let waiting = self.server.pairing_code_offer(&self.account.number).ok_or(PhoneError::NoCode)?;
        let mut rng = StdRng::from_rng(self.state().cipher.rng());
        let wrapped = waiting.wrapped_companion_ephemeral.clone();
        // Deriving the key takes long on purpose, so that it is done beside the other tasks.
        let exchange = tokio::task::spawn_blocking(move || Exchange::begin(&code, &wrapped, &mut rng))
            .await
            .map_err(|_| PairCodeError::Agreement)??;
        let finish = self.expect_finish();
        let hello = PrimaryHello {
            wrapped_primary_ephemeral: exchange.wrapped_primary_ephemeral.clone(),
            primary_identity: self.keys.identity_public(),
        };
        self.server.send_primary_hello(waiting.offer.link, hello)?;
        let Ok(Ok(finish)) = tokio::time::timeout(FINISH, finish).await else {
            return Err(PhoneError::Timeout("the pairing code"));
        };
        let secret = exchange.finish(&self.keys, &finish)?;
        self.grant(finish.link, &finish.companion_identity, &secret).await
    }

    pub(super) async fn grant(
        &self,
        link: Link,
        identity: &[u8; 32],
        secret: &[u8],
    ) -> Result<u16, PhoneError> {
        // The device reads its name from the app state soon after its first login.
        self.publish_app_state().await?;
        let index = self.server.reserve_key_index(&self.account.number)?;
        let container = sign_device(&self.keys, index, identity, secret);
        let grant = PairingGrant { container, key_index: index.key_index, platform: PLATFORM.to_owned() };
        let device = self.server.complete_pairing(link, &self.account.number, grant)?;
        self.forget_devices(&self.me(false));
        Ok(device)
    }
}
