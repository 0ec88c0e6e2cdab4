//! What a session can be asked to do.

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::CareWork;
use crate::EngineError;
use crate::ops::pairing::PairingError;
use crate::ops::passkey::PasskeyStep;

/// What a session can be told.
pub(crate) enum Command {
    /// Connect, and stay connected.
    Start(oneshot::Sender<Result<(), EngineError>>),
    /// As [`Self::Start`], but connect at this moment, unless somebody wants it earlier.
    StartAt(Instant, oneshot::Sender<Result<(), EngineError>>),
    /// Disconnect; the login stays.
    Stop(oneshot::Sender<Result<(), EngineError>>),
    /// Connect anew where the session is started: the way to WhatsApp changed.
    Reconnect(oneshot::Sender<Result<(), EngineError>>),
    /// Unlink the device. Linking again needs a new QR code, which is shown when the session was
    /// started.
    Logout(oneshot::Sender<Result<(), EngineError>>),
    /// A pairing code for this phone number.
    PairingCode(String, oneshot::Sender<Result<String, PairingError>>),
    /// A step of linking by passkey.
    Passkey(PasskeyStep, oneshot::Sender<Result<(), PairingError>>),
    /// Look after the stored state.
    Care(CareWork),
    /// Close at once and stay closed: somebody else owns it now. The reason is shown.
    Abandon(String),
    /// Flush and leave, keeping what the owner wants for the next boot.
    Shutdown(oneshot::Sender<()>),
}
