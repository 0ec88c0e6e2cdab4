//! Files made into what phones play, for the caller.

use std::sync::Arc;

use wakeeper_model::SessionName;

use crate::life::registry::Sessions;
use crate::media::convert::{Converted, Target};
use crate::media::fetch::{self, FetchError};
use crate::outbound::error::SendError;
use crate::outbound::outgoing::{FileBody, MediaSource};

impl Sessions {
    /// Makes a file into another kind. The session need not be connected.
    ///
    /// # Errors
    /// When there is no such session, the file cannot be had or is too large, or ffmpeg makes nothing of it.
    pub async fn convert(
        &self,
        name: &SessionName,
        file: FileBody,
        target: Target,
    ) -> Result<Converted, SendError> {
        let limits = &self.handle(name).await?.outbound.limits;
        let file = match file.source {
            MediaSource::Spooled(file) => file,
            MediaSource::Data(bytes) => limits.spool.keep(&bytes).await.map_err(FetchError::Spool)?,
            MediaSource::Url(url) => Arc::new(fetch::fetch(&url, limits).await?.content),
        };
        if file.length() > limits.max_bytes {
            return Err(SendError::TooLarge { limit: limits.max_bytes });
        }
        Ok(limits.converter.convert(&file, target).await?)
    }
}
