//! Why nothing was restored.

use std::path::PathBuf;

use crate::backup::BackupError;
use crate::backup::archive::ArchiveError;
use crate::examine::ExamineError;
use crate::repair::ApplyError;

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The archive was refused.
    #[error("the backup {} cannot be used: {reason}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        reason: ArchiveError,
    },
    /// It belongs to another login.
    #[error("the backup belongs to another account or an earlier link of it")]
    OtherAccount,
    /// Other backups tell whose folder it is.
    #[error(
        "the backup is of account {account}, made of another folder, and the backups that were made of this folder are of account \
         {own}: name one of those. To take this one nevertheless, restore it into an empty folder, or give `--what all --force \
         REASON`"
    )]
    OtherPlace {
        /// The beginning of the mark of the backup's account.
        account: String,
        /// The same of the folder's.
        own: String,
    },
    /// It is of a store of whatsmeow.
    #[error(
        "{0} is the backup of a whatsmeow store, which wakeeper does not put back: `zstd -d < ARCHIVE | tar x` takes the \
         database out of it (first `age -d`, when it ends in .age). Use it only when the store itself is lost, and with nothing \
         sent since: an older copy uses message keys twice"
    )]
    Store(PathBuf),
    /// It holds no sound credentials.
    #[error("the backup holds no sound credentials")]
    NoCredentials,
    /// A copy holds more than one login, and nothing tells which is meant.
    #[error(
        "{0} holds more than one login, and nothing in the session's folder tells which of them is its own"
    )]
    ManyLogins(PathBuf),
    /// A copy that nobody vouches for gives its login back, and no ratchets.
    #[error(
        "{0} is a plain copy and no backup of wakeeper's: only its login is taken. Use --what credentials, which is the default"
    )]
    OnlyALogin(PathBuf),
    /// Ratchets would go backwards.
    #[error(
        "encryption state in {0} files would go back, for example in {1}: message keys would be used twice. Leave --what all out to \
         restore the login only, or give a reason with --force"
    )]
    Backwards(usize, String),
    /// The session lives elsewhere.
    #[error("the session was moved out of {0}; giving the login back would make two owners of it")]
    Moved(PathBuf),
    /// The folder cannot be made.
    #[error("cannot make {path}: {reason}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// The folder cannot be read.
    #[error(transparent)]
    Examine(#[from] ExamineError),
    /// The present state could not be backed up.
    #[error("nothing was changed, because the backup of the present state failed: {0}")]
    Backup(#[from] BackupError),
    /// Writing failed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}
