//! Files on their way out: fetched, encrypted to disk, uploaded from there.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use whatsapp_rust::upload::UploadResponse;
use whatsapp_rust::wacore::download::MediaType;
use whatsapp_rust::wacore::upload::{
    EncryptedMediaInfo, UploadSource, encrypt_media_streaming, encrypted_len,
};

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
        if self.in_the_open {
            return self.upload_plain(source, media_type).await;
        }
        let sealed_length = encrypted_len(usize::try_from(source.length()).unwrap_or(usize::MAX)) as u64;
        let (file, room) = self.limits.spool.reserve(sealed_length).await.map_err(FetchError::Spool)?;
        let sealed = tokio::task::spawn_blocking(move || {
            let mut writer = std::io::BufWriter::with_capacity(64 << 10, file);
            let info = encrypt_media_streaming(source.reader(), &mut writer, media_type)?;
            let file = writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            Ok::<_, whatsapp_rust::anyhow::Error>((file, info))
        });
        let failed = |error: &dyn std::fmt::Display| self.upload_failed(error);
        let (file, info) = sealed.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let sealed = Sealed(Arc::new(Spooled::new(file, sealed_length, room)));
        self.client.upload_stream(sealed, info, media_type).await.map_err(|error| failed(&error))
    }

    /// Uploads a file as it is, for a channel: named by its own hash, as Baileys 7 does (`Utils/messages.js`).
    async fn upload_plain(&self, source: Source, media_type: MediaType) -> Result<UploadResponse, SendError> {
        let failed = |error: &dyn std::fmt::Display| self.upload_failed(error);
        let file_length = source.length();
        let read = source.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let (mut hash, mut reader, mut piece) = (Sha256::new(), read.reader(), vec![0; 64 << 10]);
            loop {
                match reader.read(&mut piece)? {
                    0 => return Ok::<_, std::io::Error>(hash.finalize()),
                    length => hash.update(&piece[..length]),
                }
            }
        });
        let hash: [u8; 32] =
            hashed.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?.into();
        let info = EncryptedMediaInfo {
            media_key: [0; 32],
            file_sha256: hash,
            file_enc_sha256: hash,
            file_length,
            streaming_sidecar: None,
        };
        self.client.upload_stream(Plain(source), info, media_type).await.map_err(|error| failed(&error))
    }

    fn upload_failed(&self, error: &dyn std::fmt::Display) -> SendError {
        let proxy = Proxy::of_session(self.state).ok().flatten().map(|proxy| proxy.name());
        tracing::warn!(session = %self.state.name(), proxy, "an upload failed");
        tracing::debug!(session = %self.state.name(), %error, "an upload failed");
        SendError::Upload
    }
}

/// A file that is uploaded as it is.
struct Plain(Source);

impl UploadSource for Plain {
    fn len(&self) -> u64 {
        self.0.length()
    }

    fn reader_from(&self, offset: u64) -> std::io::Result<Box<dyn Read + Send>> {
        let start = offset.min(self.0.length());
        Ok(match &self.0 {
            Source::Bytes(bytes) => {
                let mut cursor = std::io::Cursor::new(bytes.clone());
                cursor.set_position(start);
                Box::new(cursor)
            }
            Source::File(file) => Box::new(file.reader(start)),
        })
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
