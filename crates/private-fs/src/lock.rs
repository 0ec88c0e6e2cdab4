//! Advisory locks: on files of our own, and on folders that nothing is to be written into.

use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::Path;

use crate::error::FsError;
use crate::folder::Folder;
use crate::own::{Writing, open_directory, open_own, open_own_to_lock};

/// Longer than any process id.
const LONGEST_PID: u64 = 32;

/// What came of a try to lock something.
#[derive(Debug)]
pub enum Locking {
    /// It is locked as long as the handle lives.
    Taken(File),
    /// Somebody else has it locked.
    Held {
        /// The process that says so in the file.
        pid: Option<u32>,
    },
    /// What lies there cannot be locked: some network file systems know no locks.
    Unlockable(File, std::io::Error),
}

impl Locking {
    fn of(mut file: File) -> Self {
        match file.try_lock() {
            Ok(()) => Self::Taken(file),
            Err(TryLockError::WouldBlock) => Self::Held { pid: pid_in(&mut file) },
            Err(TryLockError::Error(error)) => Self::Unlockable(file, error),
        }
    }
}

/// Locks a file of ours, made (0600) when it is missing.
///
/// # Errors
/// When something else has the name: see [`open_own`].
pub fn lock_own(path: &Path) -> Result<Locking, FsError> {
    Ok(Locking::of(open_own(path, Writing::Over)?))
}

/// Locks a file of ours that is there, and writes nothing to it.
///
/// # Errors
/// When there is none, or something else has the name.
pub fn lock_existing(path: &Path) -> Result<Locking, FsError> {
    Ok(Locking::of(open_own_to_lock(path)?))
}

/// Locks a folder, which nobody deletes without deleting what it holds.
///
/// # Errors
/// When there is none, or something else has the name.
pub fn lock_directory(path: &Path) -> Result<Locking, FsError> {
    Ok(Locking::of(File::from(open_directory(path)?)))
}

impl Folder {
    /// Locks the folder itself, so that no lock file is left behind.
    ///
    /// # Errors
    /// When the folder cannot be opened once more.
    pub fn lock(&self) -> Result<Locking, FsError> {
        // By a handle of its own: whoever shares a handle shares its lock.
        let handle = self.reopened()?;
        Ok(Locking::of(File::from(rustix::io::fcntl_dupfd_cloexec(handle.fd(), 0)?)))
    }

    /// Locks a file of this folder, made when it is missing.
    ///
    /// # Errors
    /// When something else has the name, or the folder cannot be used.
    pub fn lock_file(&self, name: &str) -> Result<Locking, FsError> {
        let file = match self.create(name) {
            Err(FsError::Io(error)) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                self.open_to_overwrite(name)?.0
            }
            made => made?,
        };
        Ok(Locking::of(file))
    }

    /// Locks a file of this folder that is there.
    ///
    /// # Errors
    /// When there is none, or something else has the name.
    pub fn lock_existing_file(&self, name: &str) -> Result<Locking, FsError> {
        Ok(Locking::of(self.open_to_overwrite(name)?.0))
    }
}

/// The process that a lock file names. A folder names none.
fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(LONGEST_PID).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_lock_is_held_by_one_until_it_is_dropped() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("lock");
        assert!(lock_existing(&path).is_err(), "there is none");
        let Locking::Taken(mut first) = lock_own(&path).unwrap() else { panic!("free") };
        write!(first, "4711").unwrap();
        assert!(matches!(lock_own(&path).unwrap(), Locking::Held { pid: Some(4711) }));
        assert!(matches!(lock_existing(&path).unwrap(), Locking::Held { pid: Some(4711) }));
        let folder = Folder::named(base.path()).unwrap();
        assert!(matches!(folder.lock_file("lock").unwrap(), Locking::Held { .. }));
        let Locking::Taken(itself) = folder.lock().unwrap() else { panic!("free") };
        assert!(matches!(folder.lock().unwrap(), Locking::Held { pid: None }));
        drop(itself);
        assert!(matches!(folder.lock().unwrap(), Locking::Taken(_)));
        drop(first);
        assert!(matches!(folder.lock_file("lock").unwrap(), Locking::Taken(_)));
        assert!(matches!(folder.lock_file("new").unwrap(), Locking::Taken(_)));
    }

    #[test]
    fn a_folder_is_locked_without_a_file() {
        let base = tempfile::tempdir().unwrap();
        let Locking::Taken(first) = lock_directory(base.path()).unwrap() else { panic!("free") };
        assert!(matches!(lock_directory(base.path()).unwrap(), Locking::Held { pid: None }));
        drop(first);
        assert!(matches!(lock_directory(base.path()).unwrap(), Locking::Taken(_)));
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
