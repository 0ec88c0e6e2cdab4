//! One owner: a lock on the folder of all sessions and one on each session.
//!
//! A lock file can be deleted by hand, and then the next process makes another one and locks that. So the folder itself is
//! locked as well, which nobody deletes without deleting what it holds, and whoever holds a lock looks every few seconds
//! whether the file at its path is still the one that is locked, and puts it back when it is not.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use wakeeper_private_fs::{FsError, Locking, beneath, lock_directory, lock_existing, lock_own, read_own};

use crate::EngineError;
use crate::life::credentials::create_folder;

/// The lock file of a session, in its folder.
pub const SESSION_LOCK: &str = "session.lock";
/// The lock file of the folder of all sessions, inside it.
pub const FOLDER_LOCK: &str = "wakeeper.lock";

/// A held lock; dropped, or its process killed, it is free again.
#[derive(Debug)]
pub struct Lock {
    what: String,
    path: PathBuf,
    file: Mutex<File>,
    /// Kept for its drop.
    _folder: File,
}

/// A folder that only its content is wanted from, held without writing anything into it; dropped, it is free again.
#[derive(Debug)]
pub struct Hold {
    /// Kept for their drop: the folder, and the lock file that a gateway left in it.
    _files: Vec<File>,
}

impl Hold {
    /// Holds the session's folder that lies at `folder`, or says who has it.
    ///
    /// # Errors
    /// When another process has it, or it cannot be locked.
    pub fn on(folder: &Path, what: &str) -> Result<Self, LockError> {
        let path = folder.join(SESSION_LOCK);
        let failed = |source| LockError::File { what: what.to_owned(), path: folder.to_owned(), source };
        let mut files = Vec::new();
        let mut keep = |locking| match locking {
            Locking::Taken(file) | Locking::Unlockable(file, _) => {
                files.push(file);
                Ok(())
            }
            Locking::Held { .. } => {
                Err(LockError::Held { what: what.to_owned(), pid: pid_in(&path), path: path.clone() })
            }
        };
        keep(lock_directory(folder).map_err(FsError::into_io).map_err(failed)?)?;
        // Where folders cannot be locked, the gateway's own file is what tells. Never before the folder is free: whoever has it
        // would take a file that is locked for a moment for somebody else's.
        if let Ok(file) = lock_existing(&path) {
            keep(file)?;
        }
        Ok(Self { _files: files })
    }
}

/// What a look at a held lock showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing happened to it.
    Untouched,
    /// Somebody had deleted or replaced the file; it is there and locked again.
    PutBack,
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
        // The folder of all sessions itself is what a move out of it locks; the one inside stands for it here.
        let what = folder_name(folder);
        let sessions = beneath(folder, Path::new("sessions")).map_err(|error| LockError::File {
            what: what.clone(),
            path: folder.join("sessions"),
            source: error.into_io(),
        })?;
        create_folder(&sessions)?;
        Ok(Self::both(&folder.join(FOLDER_LOCK), &sessions, what)?)
    }

    /// Takes the lock in file `path`, created 0600 when missing, and that of the folder it lies in, or says who has it.
    pub fn take(path: &Path, what: String) -> Result<Self, LockError> {
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        Self::both(path, folder, what)
    }

    fn both(path: &Path, folder: &Path, what: String) -> Result<Self, LockError> {
        // The folder first: whoever is refused must not hold the file that its owner looks at, not even for a moment.
        let failed = |source| LockError::File { what: what.clone(), path: folder.to_owned(), source };
        let handle = match lock_directory(folder).map_err(FsError::into_io).map_err(failed)? {
            Locking::Taken(handle) => handle,
            Locking::Held { .. } => {
                // The process that holds it says so in the lock file, unless somebody deleted that.
                return Err(LockError::Held { what, path: path.to_owned(), pid: pid_in(path) });
            }
            // The file is locked all the same.
            Locking::Unlockable(handle, error) => {
                tracing::debug!(%error, folder = %folder.display(), "the folder itself cannot be locked");
                handle
            }
        };
        let file = lock_file(path, &what)?;
        Ok(Self { what, path: path.to_owned(), file: Mutex::new(file), _folder: handle })
    }

    /// Looks whether the lock file is still the one that is locked, and puts it back when it is not.
    ///
    /// # Errors
    /// When another process has locked what lies there now, or nothing can be put back.
    pub(crate) fn check(&self) -> Result<Kept, LockError> {
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |source| LockError::File { what: self.what.clone(), path: self.path.clone(), source };
        let ours = held.metadata().map_err(failed)?;
        let there = std::fs::symlink_metadata(&self.path).ok();
        if there.is_some_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev()) {
            return Ok(Kept::Untouched);
        }
        *held = lock_file(&self.path, &self.what)?;
        Ok(Kept::PutBack)
    }
}

/// Opens and locks a file, created 0600 when missing, or says who has it.
fn lock_file(path: &Path, what: &str) -> Result<File, LockError> {
    let what = what.to_owned();
    let failed = |source| LockError::File { what: what.clone(), path: path.to_owned(), source };
    let mut file = match lock_own(path).map_err(FsError::into_io).map_err(failed)? {
        Locking::Taken(file) => file,
        Locking::Held { pid } => return Err(LockError::Held { what, path: path.to_owned(), pid }),
        Locking::Unlockable(_, source) => return Err(failed(source)),
    };
    // The process id only helps a person; the lock holds without it.
    let _ = file.set_len(0);
    let _ = file.rewind();
    let _ = writeln!(file, "{}", std::process::id());
    Ok(file)
}

/// The process that holds a lock file, as far as the file says so.
fn pid_in(path: &Path) -> Option<u32> {
    String::from_utf8(read_own(path, 32).ok()?).ok()?.trim().parse().ok()
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

    #[test]
    fn a_deleted_lock_file_lets_nobody_in_and_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::on_folder(folder.path()).unwrap();
        let path = folder.path().join(FOLDER_LOCK);
        assert_eq!(first.check().unwrap(), Kept::Untouched);
        std::fs::remove_file(&path).unwrap();
        assert!(Lock::on_folder(folder.path()).is_err(), "the folder itself is locked");
        assert!(!path.exists(), "whoever is refused makes no file");
        assert_eq!(first.check().unwrap(), Kept::PutBack);
        assert_eq!(first.check().unwrap(), Kept::Untouched);
        assert!(Lock::on_folder(folder.path()).is_err());
        // Somebody else was quicker: that is told.
        std::fs::remove_file(&path).unwrap();
        let other = lock_file(&path, "the folder").unwrap();
        assert!(matches!(first.check(), Err(LockError::Held { .. })));
        drop(other);
        assert_eq!(first.check().unwrap(), Kept::PutBack);
    }

    #[test]
    fn nothing_is_written_through_a_link_in_a_locks_place() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join(FOLDER_LOCK));
        std::fs::write(&victim, "somebody's").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(Lock::on_folder(folder.path()).is_err());
        std::fs::remove_file(&path).unwrap();
        let lock = Lock::on_folder(folder.path()).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(lock.check().is_err(), "not put back through it either");
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "somebody's");
    }

    #[test]
    fn a_source_is_held_without_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let hold = Hold::on(folder.path(), "the session").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let path = folder.path().join(SESSION_LOCK);
        assert!(Lock::take(&path, "session default".to_owned()).is_err());
        drop(hold);
        let owner = Lock::take(&path, "session default".to_owned()).unwrap();
        let refused = Hold::on(folder.path(), "the session").unwrap_err().to_string();
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        drop(owner);
        assert!(Hold::on(folder.path(), "the session").is_ok());
    }

    /// An owner whose file was replaced, by a restore for example, takes the new one; whoever is refused is not in its way.
    #[test]
    fn who_is_refused_never_has_the_owners_file_for_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(SESSION_LOCK);
        let owner = Lock::take(&path, "session default".to_owned()).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    assert!(Hold::on(folder.path(), "the session").is_err());
                }
            });
            for _ in 0..500 {
                std::fs::write(folder.path().join("new"), "").unwrap();
                std::fs::rename(folder.path().join("new"), &path).unwrap();
                let kept = owner.check();
                if !matches!(kept, Ok(Kept::PutBack)) {
                    done.store(true, std::sync::atomic::Ordering::Relaxed);
                    panic!("{kept:?}");
                }
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
