//! Sessions that move: from Baileys or another wakeeper into this folder, and out of it again.
//!
//! Source and target are never both able to run. An import writes a note into the session's folder first and removes it
//! when the source is marked as moved; as long as the note is there the session does not start. So a move that is cut short
//! at any point is either finished or taken back.

mod export;
mod first_start;
mod given;
mod import;
mod known;
mod messages;
mod source;
#[cfg(test)]
mod tests;

pub use export::{ExportFormat, ExportOrder, Exported, export};
pub use first_start::FirstStart;
pub use given::{GivenError, given_folder, store_of};
pub use import::{ImportOrder, Imported, import};
pub use known::{Known, known};
pub use source::SourceFormat;

use std::path::PathBuf;
use std::sync::Arc;

use wakeeper_doctor::backup::BackupError;
use wakeeper_doctor::repair::ApplyError;
use wakeeper_doctor::transfer::{PlaceError, TransferError};
use wakeeper_engine::{EngineError, LockError};
use wakeeper_engine_store::move_notes::MoveUnsettled;
use wakeeper_model::SessionName;
use wakeeper_storage::{Storage, StorageError, open_sqlite};

/// Why a session did not move.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The source could not be read, or must not be moved.
    #[error(transparent)]
    Source(#[from] TransferError),
    /// The whatsmeow store could not be read, or must not be moved.
    #[error(transparent)]
    Whatsmeow(#[from] wakeeper_doctor::whatsmeow::StoreError),
    /// A device is taken out of its store only when a backup holds it.
    #[error("a whatsmeow store is moved only with a backup of it: name a backup folder")]
    NoBackup,
    /// Another wakeeper works on the source.
    #[error(transparent)]
    Held(#[from] ApplyError),
    /// Another process holds the session.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The source could not be backed up.
    #[error("nothing was moved, because the backup failed: {0}")]
    Backup(#[from] BackupError),
    /// The store could not be written or read.
    #[error(transparent)]
    Native(#[from] wakeeper_engine_store::NativeError),
    /// What was exported could not be put in place.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The rows could not be read or written.
    #[error("storage failed: {0}")]
    Storage(#[from] StorageError),
    /// A folder of the session could not be used.
    #[error(transparent)]
    Folder(Box<EngineError>),
    /// There is a linked session of that name.
    #[error("session {0} is linked already; name another one with --session, or delete it first")]
    Occupied(SessionName),
    /// There is no such session.
    #[error("there is no session {session} in {}", folder.display())]
    Unknown {
        /// Its name.
        session: SessionName,
        /// The folder of all sessions.
        folder: PathBuf,
    },
    /// It was moved out before.
    #[error("session {session} was moved to {to} already")]
    MovedBefore {
        /// Its name.
        session: SessionName,
        /// Where it lives.
        to: String,
    },
    /// A folder is to be moved onto itself.
    #[error("{} is where session {session} is kept; it cannot be moved onto itself", path.display())]
    Itself {
        /// The folder.
        path: PathBuf,
        /// The session.
        session: SessionName,
    },
    /// The login is in use here already.
    #[error(
        "session {other} of this gateway has the login in {} already, and two sessions of one login break its encryption. \
         Use session {other}; if it is damaged or lost, name it with --session {other}",
        path.display()
    )]
    Twice {
        /// The folder that was to be imported.
        path: PathBuf,
        /// Who has the login.
        other: SessionName,
    },
    /// The database that is there is damaged, and held another login.
    #[error(
        "the database of session {session} is damaged, and held another login: it is not replaced by {}. Name another \
         session with --session, or restore the backup of this one first",
        path.display()
    )]
    DamagedOther {
        /// The session.
        session: SessionName,
        /// The folder that was to be imported.
        path: PathBuf,
    },
    /// A thread that worked on files died.
    #[error("a task that read files failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl From<EngineError> for MoveError {
    fn from(error: EngineError) -> Self {
        Self::Folder(Box::new(error))
    }
}

impl From<MoveUnsettled> for MoveError {
    fn from(error: MoveUnsettled) -> Self {
        EngineError::from(error).into()
    }
}

/// Opens the rows of a folder of sessions, whose lock the caller holds.
///
/// # Errors
/// When they cannot be opened.
pub async fn open_rows(auth_info_dir: &std::path::Path) -> Result<Arc<dyn Storage>, StorageError> {
    open_sqlite(&auth_info_dir.join(wakeeper_storage::ROWS_DATABASE)).await
}
