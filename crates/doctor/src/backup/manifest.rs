//! What a backup says about itself.

use serde::{Deserialize, Serialize};

pub(super) mod read;

pub use read::Summary;

use super::Reason;
use crate::examine::CredentialsState;
use crate::formats::baileys::Version;

/// The layout of archives that this version writes, and the newest that it reads.
pub const LAYOUT: u32 = 1;

/// So much of an account's mark is shown.
pub const MARK: usize = 8;

/// The manifest, the archive's first member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`LAYOUT`] of the writer.
    pub layout: u32,
    /// The wakeeper that wrote it.
    pub wakeeper: String,
    /// When, milliseconds since 1970.
    pub created_ms: i64,
    /// The session's name.
    pub label: String,
    /// Why; unknown in backups of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How the session was stored.
    pub format: String,
    /// The major version of Baileys that wrote it, where that shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Which login: see [`account_mark`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Where the session lies: see [`super::place_mark`]; unknown in backups of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The state of the credentials when it was made.
    pub credentials: CredentialsState,
    /// Errors that its examination found in the files when it was made; unknown in backups of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<usize>,
    /// `nextPreKeyId` in the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_pre_key_id: Option<i64>,
    /// Number of records of Signal sessions.
    pub signal_sessions: usize,
    /// One hash over names, lengths and hashes of all files: equal contents have equal ones.
    pub content: String,
    /// The files, in the order of the archive.
    #[serde(deserialize_with = "read::rows::<_, _, { read::FILES }>")]
    pub files: Vec<FileRow>,
    /// Entries of the folder that are not files, and so are not in the archive.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "read::rows::<_, _, { read::LEFT_OUT }>"
    )]
    pub left_out: Vec<LeftOut>,
}

impl Manifest {
    /// The account whose login it holds; see [`account_mark`].
    pub fn login(&self) -> Option<&str> {
        self.account.as_deref().filter(|_| self.credentials != CredentialsState::Missing)
    }
}

impl read::Layered for Manifest {
    fn layout(&self) -> u32 {
        self.layout
    }
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// The member's path: `session/<name>` or `store/<name>`.
    pub path: String,
    /// Length in bytes.
    pub len: u64,
    /// SHA-256 of the content, in hex.
    pub sha256: String,
    /// Permission bits.
    pub mode: u32,
    /// Last change of the content, milliseconds since 1970.
    pub modified_ms: i64,
}

/// An entry that could not be backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// What it is, or why it could not be read.
    pub reason: String,
}

/// A mark that tells logins apart without naming the account: part of a hash of the public identity key.
pub fn account_mark(identity: &[u8; 32]) -> String {
    use sha2::Digest;
    hex::encode(&sha2::Sha256::digest(identity)[..8])
}

/// The hash over all rows.
pub fn content_hash(files: &[FileRow]) -> String {
    use sha2::Digest;
    let mut hash = sha2::Sha256::new();
    for file in files {
        hash.update(format!("{}\0{}\0{}\n", file.path, file.len, file.sha256));
    }
    hex::encode(hash.finalize())
}
