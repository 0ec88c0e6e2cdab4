//! Linking a session: by QR code, or by a code to enter on the phone.

use std::time::Duration;

use wakeeper_model::SessionName;
use wakeeper_waha::SessionStatus;

use crate::EngineError;
use crate::life::actor::Command;
use crate::life::registry::Sessions;

/// Why there is no code to link a session with.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// The session cannot be asked, or waits for no link.
    #[error(transparent)]
    Session(#[from] EngineError),
    /// WhatsApp gave no pairing code.
    #[error("WhatsApp gave no pairing code: {reason}")]
    Refused {
        /// Why.
        reason: String,
        /// How long to wait before asking again, when WhatsApp says so.
        retry_after: Option<Duration>,
    },
    /// WhatsApp did not take a step of linking by passkey.
    #[error("WhatsApp did not take it: {reason}")]
    Passkey {
        /// Why.
        reason: String,
    },
}

impl Sessions {
    /// The text of the QR code that links a session, once there is one.
    ///
    /// # Errors
    /// When it is unknown, or waits for no link.
    pub async fn qr(&self, name: &SessionName) -> Result<String, EngineError> {
        self.qr_code(name).await.map(|(text, _)| text)
    }

    /// The same, with how long it can still be scanned.
    ///
    /// # Errors
    /// As [`Sessions::qr`].
    pub async fn qr_code(&self, name: &SessionName) -> Result<(String, Duration), EngineError> {
        let handle = self.handle(name).await?;
        // A session that has just been started shows its code within moments.
        let settled = handle.state.until(|status| *status != SessionStatus::Starting);
        let _ = tokio::time::timeout(Duration::from_secs(10), settled).await;
        handle.state.qr_and_rest().ok_or_else(|| EngineError::NotReady {
            session: name.clone(),
            status: handle.state.status(),
            expected: vec![SessionStatus::ScanQrCode],
        })
    }

    /// A code to enter on the phone with this number, instead of scanning.
    ///
    /// # Errors
    /// When the session is unknown or waits for no link, or WhatsApp gives no code.
    pub async fn request_code(&self, name: &SessionName, phone: &str) -> Result<String, PairingError> {
        let handle = self.handle(name).await?;
        let phone = phone.to_owned();
        handle.ask(|done| Command::PairingCode(phone, done)).await?
    }
}
