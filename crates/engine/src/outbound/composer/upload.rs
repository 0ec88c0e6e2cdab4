//! Files on their way out: fetched, encrypted to disk, uploaded from there.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use whatsapp_rust::upload::UploadResponse;
use whatsapp_rust::wacore::download::MediaType;
use whatsapp_rust::wacore::upload::{UploadSource, encrypt_media_streaming, encrypted_len};

use super::Composer;
use crate::life::transport::proxy::Proxy;
use crate::media::fetch::{self, FetchError};
use crate::media::spool::Spooled;
use crate::outbound::error::SendError;
use crate::outbound::outgoing::{FileBody, MediaSource};

impl Composer<'_> {
    /// Fetches a file that is elsewhere.
    pub(super) async fn file(&self, file: FileBody) -> Result<Loaded, SendError> {
        let limit = self.limits.max_bytes;
        let length = match &file.source {
            MediaSource::Data(bytes) => bytes.len() as u64,
            MediaSource::Spooled(file) => file.length(),
            MediaSource::Url(url) => {
                let fetched = fetch::fetch(url, self.limits).await?;
                return Ok(Loaded {
                    source: Source::File(Arc::new(fetched.content)),
                    mimetype: file.mimetype.or(fetched.mimetype),
                    filename: file.filename.or(fetched.filename),
                });
            }
        };
        if length > limit {
            return Err(SendError::TooLarge { limit });
        }
        let source = match file.source {
            MediaSource::Spooled(file) => Source::File(file),
            MediaSource::Data(bytes) => Source::Bytes(bytes),
            MediaSource::Url(_) => return Err(SendError::Upload),
        };
        Ok(Loaded { source, mimetype: file.mimetype, filename: file.filename })
    }

    /// Encrypts a file to disk and uploads it from there.
    pub(super) async fn upload(
        &self,
        source: Source,
        media_type: MediaType,
    ) -> Result<UploadResponse, SendError> {
        let sealed_length = encrypted_len(usize::try_from(source.length()).unwrap_or(usize::MAX)) as u64;
        let (file, room) = self.limits.spool.reserve(sealed_length).await.map_err(FetchError::Spool)?;
        let sealed = tokio::task::spawn_blocking(move || {
            let mut writer = std::io::BufWriter::with_capacity(64 << 10, file);
            let info = encrypt_media_streaming(source.reader(), &mut writer, media_type)?;
            let file = writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            Ok::<_, whatsapp_rust::anyhow::Error>((file, info))
        });
        let failed = |error: &dyn std::fmt::Display| {
            let proxy = Proxy::of_session(self.state).ok().flatten().map(|proxy| proxy.name());
            tracing::warn!(session = %self.state.name(), proxy, "an upload failed");
            tracing::debug!(session = %self.state.name(), %error, "an upload failed");
            SendError::Upload
        };
        let (file, info) = sealed.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let sealed = Sealed(Arc::new(Spooled::new(file, sealed_length, room)));
        self.client.upload_stream(sealed, info, media_type).await.map_err(|error| failed(&error))
    }
}

/// A file that is here.
#[derive(Clone)]
pub(super) enum Source {
    /// In memory.
    Bytes(Bytes),
    /// On disk.
    File(Arc<Spooled>),
}

impl Source {
    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.length(),
        }
    }

    /// All of it; blocks.
    pub(super) fn bytes(self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn reader(self) -> Box<dyn Read + Send> {
        match self {
            Self::Bytes(bytes) => Box::new(std::io::Cursor::new(bytes)),
            Self::File(file) => Box::new(std::io::BufReader::with_capacity(64 << 10, file.reader(0))),
        }
    }
}

/// An encrypted file.
struct Sealed(Arc<Spooled>);

impl UploadSource for Sealed {
    fn len(&self) -> u64 {
        self.0.length()
    }

    fn reader_from(&self, offset: u64) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.0.reader(offset)))
    }
}

/// A file that is here, with what is known of it.
pub(super) struct Loaded {
    /// Its bytes.
    pub source: Source,
    /// Its type.
    pub mimetype: Option<String>,
    /// Its name.
    pub filename: Option<String>,
}
