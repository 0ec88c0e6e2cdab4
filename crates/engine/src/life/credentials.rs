//! A session's folder and the engine's database in it.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wakeeper_engine_store::move_notes::{self, MOVED_MARKER};
use wakeeper_engine_store::{DATABASE, SIDE_FILES};
use wakeeper_model::SessionName;
use wakeeper_private_fs::{Folder, create_private_folders, read_own};
use wakeeper_storage::disk::{DiskCause, DiskTrouble, settle_wal};

use crate::EngineError;
use crate::life::generation::NOTE;
use crate::life::lock::{Lock, SESSION_LOCK};
use crate::life::store::{self, EngineStore, Ledger};
use crate::outbound::retry_requests;

/// How the folders of logins begin that were set aside; the time follows, in milliseconds since 1970.
const LOGGED_OUT: &str = "logged-out-";
/// In such a folder: whose login it is.
const ACCOUNT: &str = "account";
/// A chat id is shorter.
const LONGEST_ACCOUNT: u64 = 1 << 10;
/// So many logins that are over are kept at least.
const LOGINS_KEPT: usize = 5;
/// For so long every login that is over is kept.
const LOGINS_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Creates a folder, 0700, when it is missing.
///
/// # Errors
/// When it cannot be made.
pub fn create_folder(path: &Path) -> Result<(), EngineError> {
    create_private_folders(path).map_err(|source| EngineError::Folder {
        operation: "create",
        path: path.to_owned(),
        source,
    })
}

/// The folder of a session.
#[must_use]
pub fn folder(auth_info: &Path, session: &SessionName) -> PathBuf {
    auth_info.join("sessions").join(session.as_str())
}

/// Finishes a move that was cut short, and tells whether the session lives here.
///
/// # Errors
/// When it lives elsewhere, or it is not known where.
pub(crate) fn is_ours(folder: &Path, session: &SessionName) -> Result<(), EngineError> {
    move_notes::settle(folder, session)?;
    match move_notes::moved_to(folder) {
        Some(to) => Err(EngineError::Moved { session: session.clone(), to }),
        None => Ok(()),
    }
}

/// Is there a login, or the beginning of one?
pub(crate) fn is_there(folder: &Path) -> bool {
    folder.join(DATABASE).symlink_metadata().is_ok()
}

/// Locks a session's folder, made when it is missing.
pub(crate) fn lock(folder: &Path, session: &SessionName) -> Result<Lock, EngineError> {
    create_folder(folder)?;
    Ok(Lock::take(&folder.join(SESSION_LOCK), format!("session {session}"))?)
}

/// Makes sure that what lies in the log beside a session's database is on the disk, before anything reads it.
pub(crate) fn settle(folder: &Path) -> Result<(), EngineError> {
    let path = folder.join(DATABASE);
    if path.symlink_metadata().is_ok_and(|found| found.is_file() && found.nlink() > 1) {
        return Err(EngineError::SecondName { path });
    }
    settle_wal(&path).map_err(|error| EngineError::Disk {
        trouble: Arc::new(DiskTrouble::new(&path, DiskCause::of_io(&error)).looked_into()),
    })
}

/// Opens the engine's database of a session, created 0600 when missing. One that lives elsewhere stays closed.
pub(crate) async fn open(
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
    EngineStore::open(&path, ledger).await.map_err(|error| match store::opening_cause(&error) {
        Some(cause) => EngineError::Disk { trouble: Arc::new(DiskTrouble::new(&path, cause).looked_into()) },
        None => EngineError::EngineDatabase { session: session.clone(), reason: error.to_string() },
    })
}

/// Moves the engine's database of a logged-out session aside, so that the next start links anew and
/// nothing is lost. `account` says whose login it is. Answers where it went.
pub(crate) fn set_aside(folder: &Path, account: Option<&str>, now_ms: i64) -> Result<PathBuf, EngineError> {
    let aside = set_aside_as(folder, &format!("{LOGGED_OUT}{now_ms}"))?;
    if let Some(account) = account {
        Folder::named(&aside).and_then(|aside| aside.replace(ACCOUNT, account.as_bytes())).map_err(
            |error| EngineError::Folder {
                operation: "write",
                path: aside.join(ACCOUNT),
                source: error.into(),
            },
        )?;
    }
    Ok(aside)
}

/// Removes old logins that were set aside, so that a session which is linked again and again does not fill the disk.
/// The newest [`LOGINS_KEPT`] stay, those that are younger than [`LOGINS_KEPT_MS`], and of every account the newest,
/// which may be the only copy of its login. Answers how many went.
pub(crate) fn prune_set_aside(folder: &Path, now_ms: i64) -> std::io::Result<usize> {
    let mut found: Vec<(i64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(LOGGED_OUT));
        let number = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        // Not followed when it is a link: what it leads to is not ours.
        if let (Some(Ok(at_ms)), true) = (number.map(str::parse), entry.file_type()?.is_dir()) {
            found.push((at_ms, entry.path()));
        }
    }
    found.sort();
    let (mut accounts, mut removed) = (HashSet::new(), 0);
    for (place, (at_ms, path)) in found.into_iter().rev().enumerate() {
        // One that does not say whose it is may be anybody's; the newest of them stands for all.
        let newest_of_account =
            accounts.insert(read_own(&path.join(ACCOUNT), LONGEST_ACCOUNT).unwrap_or_default());
        let young = now_ms.saturating_sub(at_ms) < LOGINS_KEPT_MS;
        if place >= LOGINS_KEPT && !newest_of_account && !young {
            std::fs::remove_dir_all(path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Moves the engine's database and its marker aside under a name. Answers where it went.
///
/// # Errors
/// When a file cannot be moved.
pub fn set_aside_as(folder: &Path, name: &str) -> Result<PathBuf, EngineError> {
    move_aside(folder, name, true)
}

/// The same; the note of whose login it was goes along only `with_note`, and with it what devices asked that login for. The
/// note goes first, so that what is cut short never looks like a login that was lost.
///
/// # Errors
/// When a file cannot be moved.
pub fn move_aside(folder: &Path, name: &str, with_note: bool) -> Result<PathBuf, EngineError> {
    let aside = folder.join(name);
    create_folder(&aside)?;
    let note = [NOTE, retry_requests::FILE].into_iter().filter(|_| with_note);
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
        let aside = set_aside(&folder, Some("628111000001@c.us"), 5).unwrap();
        assert!(aside.join(DATABASE).exists());
        assert!(!folder.join(DATABASE).exists());
    }

    #[test]
    fn old_logins_go_but_never_the_newest_of_an_account() {
        let root = tempfile::tempdir().unwrap();
        let day = 24 * 60 * 60 * 1000;
        let make = |account: Option<&str>, at_ms: i64| {
            std::fs::write(root.path().join(DATABASE), "a login").unwrap();
            set_aside(root.path(), account, at_ms).unwrap()
        };
        let only_copy = make(Some("a"), day);
        let unknown: Vec<_> = (2..5).map(|at| make(None, at * day)).collect();
        let many: Vec<_> = (10..20).map(|at| make(Some("b"), at * day)).collect();
        for name in ["logged-out-", "logged-out-x1", "before-import-1"] {
            create_folder(&root.path().join(name)).unwrap();
        }
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), root.path().join("logged-out-1")).unwrap();

        assert_eq!(prune_set_aside(root.path(), 20 * day).unwrap(), 0, "all are young");
        let young = make(Some("b"), 99 * day);
        assert_eq!(prune_set_aside(root.path(), 100 * day).unwrap(), 2 + 6);
        assert!(only_copy.join(DATABASE).exists(), "the only copy of a login");
        assert!(young.exists() && elsewhere.path().exists());
        assert_eq!(unknown.iter().filter(|path| path.exists()).count(), 1);
        assert_eq!(
            many.iter().map(|path| path.exists()).collect::<Vec<_>>(),
            [[false; 6].as_slice(), &[true; 4]].concat()
        );
        for name in ["logged-out-", "logged-out-x1", "before-import-1"] {
            assert!(root.path().join(name).exists(), "{name}");
        }
        assert_eq!(prune_set_aside(root.path(), 100 * day).unwrap(), 0);
    }
}
