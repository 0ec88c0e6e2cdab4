//! Why something could not be done to a session that no gateway has open.

use std::path::PathBuf;

use wakeeper_bounded_tar::quoted;
use wakeeper_doctor::backup::{BackupError, NoSoundBackup, RunningBackupError};
use wakeeper_doctor::clean::CleanError;
use wakeeper_doctor::examine::ExamineError;
use wakeeper_doctor::restore::RestoreError;
use wakeeper_doctor::source::NoSessionFolder;
use wakeeper_engine_store::NativeError;
use wakeeper_model::SessionName;
use wakeeper_storage::StorageError;

use super::users::InUse;
use wakeeper_engine::EngineError;

/// Why something could not be done to a session that no gateway has open.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// Its database could not be looked at.
    #[error("cannot examine {path}: {reason}")]
    Examine {
        /// The database.
        path: PathBuf,
        /// Why.
        reason: NativeError,
    },
    /// There is no folder of a session.
    #[error(transparent)]
    NoFolder(#[from] NoSessionFolder),
    /// Baileys' files could not be looked at.
    #[error("cannot examine {path}: {reason}")]
    ExamineFiles {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: ExamineError,
    },
    /// Baileys' files were not repaired.
    #[error("cannot clean {path}: {reason}")]
    Clean {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: Box<CleanError>,
    },
    /// There is no backup of the name that was given, or there are several.
    #[error("{reason}. `{list}` shows all")]
    NoSuchBackup {
        /// What there is.
        reason: BackupError,
        /// The command that shows them.
        list: String,
    },
    /// The backups could not be listed.
    #[error(transparent)]
    Backups(#[from] BackupError),
    /// The whatsmeow store could not be read.
    #[error(transparent)]
    Whatsmeow(#[from] wakeeper_doctor::whatsmeow::StoreError),
    /// It is a store of whatsmeow.
    #[error(
        "{path} is a whatsmeow store, and wakeeper repairs nothing in it: `wakeeper import` takes the session over and leaves \
         behind what is damaged; `wakeeper examine` lists it"
    )]
    NoRepair {
        /// The store.
        path: PathBuf,
    },
    /// Somebody uses it.
    #[error(transparent)]
    InUse(#[from] InUse),
    /// Its database could not be read or written.
    #[error(transparent)]
    Store(#[from] NativeError),
    /// A gateway's session was needed.
    #[error("{path} lies in no gateway's folder; `wakeeper import` makes it a gateway's session")]
    NoGateway {
        /// The database.
        path: PathBuf,
    },
    /// It could not be backed up.
    #[error(transparent)]
    Copy(#[from] RunningBackupError),
    /// It could not be backed up, so nothing was touched.
    #[error("nothing was changed, because the backup failed: {0}")]
    Backup(Box<Self>),
    /// Its rows were taken out, and its next start will take that for an older copy.
    #[error("cannot note what was changed in {path}: {reason}")]
    Note {
        /// The database.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// The note of a repair could not be written or removed.
    #[error("cannot {action} the note of a repair, {path}: {reason}")]
    UnderWay {
        /// What was tried.
        action: &'static str,
        /// The note.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// Its files could not be moved aside.
    #[error(transparent)]
    Aside(Box<EngineError>),
    /// The login of a backup was not given back.
    #[error("no login was given back: {0}")]
    NotGivenBack(RestoreError),
    /// The same, after the damaged database was moved.
    #[error("the damaged database was moved to {aside}, and then: {reason}")]
    NotGivenBackAfter {
        /// Where it is.
        aside: PathBuf,
        /// Why.
        reason: RestoreError,
    },
    /// A backup could not be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A folder was named that is no copy of a session's.
    #[error("{path} is no session's own folder: name the folder that holds creds.json, or an archive")]
    NotACopy {
        /// What was named.
        path: PathBuf,
    },
    /// No backup can be restored.
    #[error(transparent)]
    NoBackup(#[from] NoSoundBackup),
    /// A damaged database could not be kept.
    #[error("cannot move {from} to {to}: {reason}")]
    Keep {
        /// Where it is.
        from: PathBuf,
        /// Where it was to go.
        to: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// The gateway's rows could not be opened.
    #[error("cannot open the gateway's rows: {0}")]
    Rows(StorageError),
    /// It was not removed to its end.
    #[error("cannot remove session {session}: {reason}")]
    Forget {
        /// The session.
        session: SessionName,
        /// Why.
        reason: Box<EngineError>,
    },
    /// A backup is of a session that is restored another way.
    #[error(
        "the backup is of session {session}, which is not the default one. Restore it into a folder of its own, and import \
         that: wakeeper restore {} --auth-info-dir NEW_FOLDER; {import}", quoted(.archive)
    )]
    OtherSession {
        /// The session.
        session: SessionName,
        /// The archive.
        archive: PathBuf,
        /// The command that imports it.
        import: String,
    },
    /// A backup holds somebody else's login.
    #[error(
        "the backup is of another login than session {session} has or had. Restore it into a folder of its own, and import \
         that: wakeeper restore {} --auth-info-dir NEW_FOLDER; {import}", quoted(.archive)
    )]
    OtherLogin {
        /// The session.
        session: SessionName,
        /// The archive.
        archive: PathBuf,
        /// The command that imports it.
        import: String,
    },
    /// The work ended with a panic.
    #[error("the work ended unexpectedly: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

impl From<EngineError> for OfflineError {
    fn from(error: EngineError) -> Self {
        Self::Aside(Box::new(error))
    }
}
