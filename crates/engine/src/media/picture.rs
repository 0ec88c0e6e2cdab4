//! Pictures of groups, of channels and of the account: small, and JPEG.

use crate::media::convert::{ConvertError, Target};
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
    /// It is of another kind, and is not made into a JPEG.
    #[error(transparent)]
    Convert(#[from] ConvertError),
}

/// The bytes of a picture that a caller gives: a JPEG as it is, anything else made into a square one.
pub(crate) async fn jpeg(limits: &Limits, file: FileBody) -> Result<Vec<u8>, PictureError> {
    let bytes = small::bytes(file, limits, LARGEST).await?;
    if bytes.starts_with(&JPEG) {
        return Ok(bytes);
    }
    let file = limits.spool.keep(&bytes).await.map_err(ConvertError::Spool)?;
    let made = limits.converter.convert(&file, Target::Portrait).await?;
    Ok(small::content(made.file).await?)
}
