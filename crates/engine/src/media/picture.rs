//! Pictures of groups and of the account: small, and sent as they are.

use std::io::Read;
use std::sync::Arc;

use crate::FetchError;
use crate::media::fetch;
use crate::outbound::outgoing::{FileBody, MediaSource};

/// Largest picture, in bytes. WhatsApp's apps send some 100 KB.
const LARGEST: u64 = 5 << 20;
/// How every JPEG begins.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// Why a file is not taken as a picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    /// It could not be fetched.
    #[error("cannot fetch the file: {0}")]
    Fetch(#[from] FetchError),
    /// It is larger than allowed.
    #[error("the file has more than {LARGEST} bytes")]
    TooLarge,
    /// It is of another kind.
    #[error("file: a picture must be a JPEG; other kinds are not converted by this version")]
    NoJpeg,
    /// It went away on its way.
    #[error("the file cannot be read any more")]
    Unreadable,
}

impl PictureError {
    /// Most bytes that a picture may have.
    pub(crate) const LIMIT: u64 = LARGEST;
}

/// The bytes of a JPEG that a caller gives.
pub(crate) async fn jpeg(limits: &fetch::Limits, file: FileBody) -> Result<Vec<u8>, PictureError> {
    let bytes = bytes(limits, file).await?;
    if bytes.starts_with(&JPEG) { Ok(bytes) } else { Err(PictureError::NoJpeg) }
}

async fn bytes(limits: &fetch::Limits, file: FileBody) -> Result<Vec<u8>, PictureError> {
    let limits = fetch::Limits { max_bytes: LARGEST, ..limits.clone() };
    let spooled = match file.source {
        MediaSource::Data(bytes) => {
            return match bytes.len() as u64 {
                0..=LARGEST => Ok(bytes.to_vec()),
                _ => Err(PictureError::TooLarge),
            };
        }
        MediaSource::Spooled(file) => file,
        MediaSource::Url(url) => Arc::new(fetch::fetch(&url, &limits).await?.content),
    };
    if spooled.length() > LARGEST {
        return Err(PictureError::TooLarge);
    }
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        spooled.reader(0).read_to_end(&mut bytes).map(|_| bytes)
    });
    match read.await {
        Ok(Ok(bytes)) => Ok(bytes),
        _ => Err(PictureError::Unreadable),
    }
}
