//! Files of received messages.

use std::fmt;

use bytes::Bytes;

/// A received file, decrypted.
#[derive(Clone)]
pub struct MediaFile {
    /// What the sender said it is, for example `image/jpeg`.
    pub mimetype: String,
    /// The sender's file name, of documents.
    pub filename: Option<String>,
    /// The file.
    pub bytes: Bytes,
}

impl fmt::Debug for MediaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaFile({}, {} bytes)", self.mimetype, self.bytes.len())
    }
}
