//! Small files that are looked into: pictures of groups and channels.

use std::io::Read;
use std::sync::Arc;

use crate::FetchError;
use crate::media::fetch::{self, Limits};
use crate::media::spool::Spooled;
use crate::outbound::outgoing::{FileBody, MediaSource};

/// Why a small file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmallFileError {
    /// It could not be fetched.
    #[error("cannot fetch the file: {0}")]
    Fetch(#[from] FetchError),
    /// It is larger than allowed.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It lay on the disk and cannot be read.
    #[error("the file cannot be read any more")]
    Unreadable,
}

/// All bytes of a file that has at most `largest`.
pub(crate) async fn bytes(file: FileBody, limits: &Limits, largest: u64) -> Result<Vec<u8>, SmallFileError> {
    let limits = Limits { max_bytes: largest, ..limits.clone() };
    let spooled = match file.source {
        MediaSource::Data(bytes) if bytes.len() as u64 <= largest => return Ok(bytes.to_vec()),
        MediaSource::Data(_) => return Err(SmallFileError::TooLarge { limit: largest }),
        MediaSource::Spooled(file) => file,
        MediaSource::Url(url) => Arc::new(fetch::fetch(&url, &limits).await?.content),
    };
    if spooled.length() > largest {
        return Err(SmallFileError::TooLarge { limit: largest });
    }
    content(spooled).await
}

/// All bytes of a file that is here and known to be small.
pub(crate) async fn content(file: Arc<Spooled>) -> Result<Vec<u8>, SmallFileError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        file.reader(0).read_to_end(&mut bytes).map(|_| bytes)
    });
    match read.await {
        Ok(Ok(bytes)) => Ok(bytes),
        _ => Err(SmallFileError::Unreadable),
    }
}
