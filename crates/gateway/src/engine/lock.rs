//! One owner: a lock on the folder of all sessions and one on each session.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::EngineError;
use super::credentials::create_folder;

/// The lock file of the folder of all sessions, inside it.
const FOLDER_LOCK: &str = "wakeeper.lock";

/// A held lock; dropped, or its process killed, it is free again.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{what} is in use by another wakeeper{} (lock file {path}); two owners would break its encryption", owner(*.pid))]
    Held {
        /// What is locked, for example `session default`.
        what: String,
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, when it says so.
        pid: Option<u32>,
    },
    /// The lock file could not be used.
    #[error("cannot lock {what} with {path}: {source}")]
    File {
        /// What was to be locked.
        what: String,
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn owner(pid: Option<u32>) -> String {
    pid.map(|pid| format!(", process {pid}")).unwrap_or_default()
}

impl Lock {
    /// Takes the folder of all sessions, created when missing. Whoever holds it may open the
    /// databases in it.
    ///
    /// # Errors
    /// When another process holds it, or the folder cannot be made.
    pub fn on_folder(folder: &Path) -> Result<Self, EngineError> {
        create_folder(folder)?;
        Ok(Self::take(&folder.join(FOLDER_LOCK), folder_name(folder))?)
    }

    /// Takes the lock in file `path`, created 0600 when missing, or says who has it.
    pub(super) fn take(path: &Path, what: String) -> Result<Self, LockError> {
        let failed = |source| LockError::File { what: what.clone(), path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = (&mut file).take(32).read_to_string(&mut text);
                let pid = text.trim().parse().ok();
                return Err(LockError::Held { what, path: path.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // The process id only helps a person; the lock holds without it.
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Self { _file: file })
    }
}

/// How error messages call the folder of all sessions.
fn folder_name(auth_info_dir: &Path) -> String {
    format!("the folder {}", auth_info_dir.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_by_name_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.lock");
        let first = Lock::take(&path, "session default".to_owned()).unwrap();
        let refused = Lock::take(&path, "session default".to_owned()).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("session default"), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        drop(first);
        assert!(Lock::take(&path, "session default".to_owned()).is_ok());
    }
}
