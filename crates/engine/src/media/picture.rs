//! Pictures of groups, of channels and of the account: small, and sent as they are.

use crate::media::fetch::Limits;
use crate::media::small::{self, SmallFileError};
use crate::outbound::outgoing::FileBody;

/// Largest picture, in bytes. WhatsApp's apps send some 100 KB.
const LARGEST: u64 = 5 << 20;
/// How every JPEG begins.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// Why a file is not taken as a picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    /// It cannot be had.
    #[error(transparent)]
    File(#[from] SmallFileError),
    /// It is of another kind.
    #[error("file: a picture must be a JPEG; other kinds are not converted by this version")]
    NoJpeg,
}

/// The bytes of a JPEG that a caller gives.
pub(crate) async fn jpeg(limits: &Limits, file: FileBody) -> Result<Vec<u8>, PictureError> {
    let bytes = small::bytes(file, limits, LARGEST).await?;
    if bytes.starts_with(&JPEG) { Ok(bytes) } else { Err(PictureError::NoJpeg) }
}
