use std::{
    fs::{OpenOptions, Permissions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::rebuild;
use crate::StorageError;
use crate::disk::settle_wal;

/// A database's path, whatever lies there, made ready to be opened to write: a rebuild that was cut short is finished, and
/// the log that an earlier process left is on the disk. Whoever opens one asks for this, so that nothing does before.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// Other processes may have it open too.
    is_shared: bool,
}

impl Place {
    /// Makes it ready. The caller holds the lock on the folder, and nothing has the database open.
    pub(crate) fn ready(path: &Path) -> Result<Self, StorageError> {
        rebuild::resume(path)
            .and_then(|()| settle_wal(path))
            .map_err(|source| StorageError::OpenFile { path: path.to_owned(), source: Arc::new(source) })?;
        Ok(Self { path: path.to_owned(), is_shared: false })
    }

    /// As [`Place::ready`], for a database that other processes may have open too. Only who is `alone` can make it ready: what
    /// another one writes to the log meanwhile would be written over.
    pub(crate) fn shared(path: &Path, alone: bool) -> Result<Self, StorageError> {
        if alone {
            Self::ready(path)?;
        }
        Ok(Self { path: path.to_owned(), is_shared: true })
    }

    /// Whether other processes may have it open too.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes sure that the file exists, owner-only, before SQLite opens it: SQLite gives its WAL and
/// shared-memory files the mode of the database file.
pub(super) fn prepare(path: &Path) -> Result<(), StorageError> {
    create(path).map_err(|source| StorageError::OpenFile { path: path.to_owned(), source: Arc::new(source) })
}

/// Whether nothing was ever written to the file.
pub(super) fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() == 0)
}

/// Makes sure that the file exists; for those who only read.
pub(super) fn is_there(path: &Path) -> Result<(), StorageError> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(source) => Err(StorageError::OpenFile { path: path.to_owned(), source: Arc::new(source) }),
    }
}

fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        wakeeper_private_fs::create_private_folders(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}
