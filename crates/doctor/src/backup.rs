//! Backups: one archive each, verified before it counts.
//!
//! An archive is a tar stream, compressed with zstd and, with a passphrase, encrypted with age, so that it can
//! be opened without wakeeper: `age -d x.tar.zst.age | zstd -d | tar x`. Its first member is the manifest: what
//! the archive holds, with a SHA-256 for every file, and what was known of the session's health.

pub mod archive;
pub mod create;
mod info;
mod keys;
pub(crate) mod kin;
mod label;
mod locked;
pub(crate) mod login;
pub mod manifest;
pub(crate) mod packed;
mod place;
pub(crate) mod plain;
pub mod reached;
mod read_back;
mod reason;
pub mod retention;
mod running;
mod series;
pub mod shelf;
mod sound;

pub use create::{CreateOptions, Created, create, create_because};
pub(crate) use create::{Stock, create_from};
pub use info::BackupInfo;
pub use label::{label_of, plain_label};
pub use locked::not_opened;
pub use login::{Login, login_in};
pub use manifest::{MARK, Manifest};
pub use place::place_mark;
pub use plain::is_plain as is_plain_copy;
pub use reached::{Reached, ReachedLogin};
pub use read_back::read_back;
pub use reason::Reason;
pub use retention::{Retention, prune};
pub use running::{RunningBackupError, create_running, create_scheduled};
pub use series::{Own, account_in, accounts_of};
pub use shelf::Shelf;
pub(crate) use sound::newest_sound;
pub use sound::{NoSoundBackup, SoundBackup};

use std::path::{Path, PathBuf};

use crate::examine::{ExamineError, Options, Report, examine};
use crate::whatsmeow;
use archive::ArchiveError;
use wakeeper_private_fs::shown;

/// Why a backup could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The session could not be read.
    #[error("cannot read the session to back up: {0}")]
    Examine(#[from] ExamineError),
    /// The backup folder or a file in it could not be used.
    #[error("cannot {action} {path}: {reason}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// A file kept changing while it was copied.
    #[error("{name} changed while it was backed up: stop what is running on the session")]
    Changing {
        /// The file.
        name: String,
    },
    /// More than an archive may hold.
    #[error(
        "the session has {files} files of {bytes} bytes together, and one backup holds at most 200000 files of 800 MB; \
         copy the folder by other means"
    )]
    TooLarge {
        /// Its files.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// There is no such archive.
    #[error("there is no backup {name}, neither as a path nor in {}{}", folder.display(), names(.newest))]
    NoSuch {
        /// What was asked for.
        name: String,
        /// The backup folder.
        folder: PathBuf,
        /// Times of the newest ones that are there.
        newest: Vec<String>,
    },
    /// A link was named, which may lead anywhere.
    #[error(
        "{} is a link, and links in a backup folder are not followed: name the file itself that it leads to",
        path.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A time means archives of several accounts.
    #[error("{name} means backups of {} accounts in {}; name one of them: {}", .names.len(), folder.display(), .names.join(", "))]
    Several {
        /// What was asked for.
        name: String,
        /// The backup folder.
        folder: PathBuf,
        /// The newest archive of each, by its name.
        names: Vec<String>,
    },
    /// The archive could not be read back.
    #[error("the backup {path} cannot be used: {reason}")]
    Unsound {
        /// The archive.
        path: PathBuf,
        /// Why.
        reason: ArchiveError,
    },
}

fn names(newest: &[String]) -> String {
    if newest.is_empty() {
        return "; no backup of this session is there".to_owned();
    }
    format!("; the newest there: {}", newest.join(", "))
}

/// What a verified backup turned out to be.
#[derive(Debug, serde::Serialize)]
pub struct Verified {
    /// The archive.
    pub path: PathBuf,
    /// Its own words about itself; every file's hash was compared.
    pub manifest: Manifest,
    /// The examination of what it would restore.
    pub report: Report,
}

impl Verified {
    /// The archive is what it says: its hashes agree, or it would not be here, and so does what it holds. One that was made
    /// before a repair says that it holds damage.
    pub fn is_what_it_says(&self) -> bool {
        self.manifest.credentials == self.report.credentials
    }
}

/// Reads a backup to its end, compares every hash and examines what it would restore, all in memory.
pub fn verify(path: &Path, options: &Options<'_>) -> Result<Verified, BackupError> {
    let unsound = |reason| BackupError::Unsound { path: shown(path), reason };
    let manifest = archive::read(path, options.passphrase, &options.limits, |_| Ok(())).map_err(unsound)?;
    let report = if manifest.format == whatsmeow::FORMAT {
        whatsmeow::report_of_archive(path, options)?
    } else {
        examine(path, options)?
    };
    Ok(Verified { path: shown(path), manifest, report })
}
