//! Files of received messages.

use std::fmt;
use std::fs::File;

/// A received file, decrypted.
pub struct MediaFile {
    /// What the sender said it is, for example `image/jpeg`.
    pub mimetype: String,
    /// The sender's file name, of documents.
    pub filename: Option<String>,
    /// The file, open for reading from its start.
    pub file: File,
    /// Its length in bytes.
    pub length: u64,
}

impl fmt::Debug for MediaFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaFile({}, {} bytes)", self.mimetype, self.length)
    }
}
