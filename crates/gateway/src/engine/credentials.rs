//! A session's folder and the engine's database in it.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wakeeper_native::{DATABASE, SIDE_FILES};
use wakeeper_session::formats::baileys::name::MOVED_MARKER;
use wakeeper_storage::disk::{DiskCause, DiskTrouble};
use whatsapp_rust::store::{SqliteStoreConfig, Synchronous};

use super::generation::NOTE;
use super::store::{self, EngineStore, Ledger};
use super::{EngineError, transfer};
use crate::model::SessionName;

/// Creates a folder, 0700, when it is missing.
pub(super) fn create_folder(path: &Path) -> Result<(), EngineError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| EngineError::Folder {
        operation: "create",
        path: path.to_owned(),
        source,
    })
}

/// The folder of a session.
pub(super) fn folder(auth_info: &Path, session: &SessionName) -> PathBuf {
    auth_info.join("sessions").join(session.as_str())
}

/// Finishes a move that was cut short, and tells whether the session lives here.
///
/// # Errors
/// When it lives elsewhere, or it is not known where.
pub(super) fn is_ours(folder: &Path, session: &SessionName) -> Result<(), EngineError> {
    transfer::settle(folder, session)?;
    match transfer::moved_to(folder) {
        Some(to) => Err(EngineError::Moved { session: session.clone(), to }),
        None => Ok(()),
    }
}

/// Opens the engine's database of a session, created 0600 when missing. One that lives elsewhere stays closed.
pub(super) async fn open(
    folder: &Path,
    session: &SessionName,
    ledger: Option<Arc<dyn Ledger>>,
) -> Result<Arc<EngineStore>, EngineError> {
    is_ours(folder, session)?;
    let path = folder.join(DATABASE);
    // Made before SQLite does, so that it is never readable by others; its side files inherit the mode.
    OpenOptions::new().append(true).create(true).mode(0o600).open(&path).map_err(|source| {
        match DiskCause::of_io(&source) {
            DiskCause::Gone | DiskCause::Failed => {
                EngineError::Folder { operation: "create", path: path.clone(), source }
            }
            cause => EngineError::Disk { trouble: Arc::new(DiskTrouble::new(&path, cause)) },
        }
    })?;
    // FULL: a ratchet that was on disk before a power cut must be there after it (a reused key is
    // worse than a slow disk).
    let config = SqliteStoreConfig { synchronous: Synchronous::Full, ..SqliteStoreConfig::default() };
    EngineStore::open(&path, config, ledger).await.map_err(|error| match store::opening_cause(&error) {
        Some(cause) => EngineError::Disk { trouble: Arc::new(DiskTrouble::new(&path, cause).looked_into()) },
        None => EngineError::EngineDatabase { session: session.clone(), reason: error.to_string() },
    })
}

/// Moves the engine's database of a logged-out session aside, so that the next start links anew and
/// nothing is lost. Answers where it went.
pub(super) fn set_aside(folder: &Path, now_ms: i64) -> Result<PathBuf, EngineError> {
    set_aside_as(folder, &format!("logged-out-{now_ms}"))
}

/// Moves the engine's database and its marker aside under a name. Answers where it went.
pub(super) fn set_aside_as(folder: &Path, name: &str) -> Result<PathBuf, EngineError> {
    move_aside(folder, name, true)
}

/// The same; the note of whose login it was goes along only `with_note`. The note goes first, so that what is cut short never
/// looks like a login that was lost.
pub(super) fn move_aside(folder: &Path, name: &str, with_note: bool) -> Result<PathBuf, EngineError> {
    let aside = folder.join(name);
    create_folder(&aside)?;
    let note = [NOTE].into_iter().filter(|_| with_note);
    for name in note.chain([DATABASE]).chain(SIDE_FILES).chain([MOVED_MARKER]) {
        let from = folder.join(name);
        match std::fs::rename(&from, aside.join(name)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(EngineError::Folder { operation: "move aside", path: from, source }),
        }
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn the_database_is_private_and_moves_aside_whole() {
        let root = tempfile::tempdir().unwrap();
        let name: SessionName = "default".parse().unwrap();
        let folder = folder(root.path(), &name);
        create_folder(&folder).unwrap();
        let store = open(&folder, &name, None).await.unwrap();
        for file in std::fs::read_dir(&folder).unwrap() {
            let mode = file.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "others must not read it");
        }
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        drop(store);
        let aside = set_aside(&folder, 5).unwrap();
        assert!(aside.join(DATABASE).exists());
        assert!(!folder.join(DATABASE).exists());
    }
}
