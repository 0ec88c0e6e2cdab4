//! What a person who uses a simulated phone may be told.

use super::cipher::CipherError;
use super::keys::KeysError;
use super::media::MediaCryptoError;
use super::pair_code::PairCodeError;
use super::qr::QrError;
use super::store::StoreError;
use crate::server::ServerError;

/// Something that a simulated phone could not do.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// The address is no number, JID or group.
    #[error("cannot read the address: a phone number, a JID or a group id is expected")]
    Address,
    /// No device of the recipient can be reached.
    #[error("the recipient has no account")]
    UnknownRecipient,
    /// The phone is not in the group, or there is no such group.
    #[error("the group is unknown to this phone")]
    UnknownGroup,
    /// The message is not in the phone's log.
    #[error("the message is not in the phone's log")]
    UnknownMessage,
    /// The message carries no file.
    #[error("the message has no file")]
    NoMedia,
    /// The file is no longer on the media host.
    #[error("the file is not on the media host")]
    MediaGone,
    /// The server did not answer in time.
    #[error("the server did not answer {0} in time")]
    Timeout(&'static str),
    /// The server refused.
    #[error("the server refused {operation}: {code}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// The error code.
        code: String,
    },
    /// The phone is not connected to the server.
    #[error("the phone is not connected")]
    Offline,
    /// The QR code cannot be read.
    #[error(transparent)]
    Qr(#[from] QrError),
    /// The QR code is no longer valid, or never was.
    #[error("no device waits with this QR code: it expired or was replaced by a newer one")]
    QrExpired,
    /// The QR code belongs to another device than the one that waits.
    #[error("the keys in the QR code are not those of the device that waits")]
    QrForged,
    /// No device asked to be linked to this phone by code.
    #[error("no device waits to be linked by code")]
    NoCode,
    /// The exchange of pairing by code failed.
    #[error(transparent)]
    PairCode(#[from] PairCodeError),
    /// The server refused a call.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Signal state refused.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// Media could not be encrypted or opened.
    #[error(transparent)]
    Media(#[from] MediaCryptoError),
    /// Saved keys are damaged.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Saved Signal state is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}
