use std::{path::Path, sync::Arc};

use crate::{Storage, StorageError, sqlite::SqliteStorage};

/// Opens the embedded database at `path`, creating file (0600) and folder (0700) when missing, and
/// brings its schema up to date.
///
/// The caller holds the lock on the folder: one process at a time.
///
/// # Errors
/// [`StorageError::OpenFile`] when the file cannot be made or opened, [`StorageError::NewerDatabase`]
/// when a newer wakeeper wrote it, [`StorageError::Migrate`] and [`StorageError::Database`] otherwise.
pub async fn open_sqlite(path: impl AsRef<Path> + Send) -> Result<Arc<dyn Storage>, StorageError> {
    Ok(Arc::new(SqliteStorage::open(path.as_ref()).await?))
}

/// Opens the database at `path` for reading only, also while another process writes it; every write fails with
/// [`StorageError::Closed`]. The schema stays as it is.
///
/// # Errors
/// [`StorageError::OpenFile`] when there is no such file or it cannot be read, [`StorageError::Database`] otherwise.
pub async fn read_sqlite(path: impl AsRef<Path> + Send) -> Result<Arc<dyn Storage>, StorageError> {
    Ok(Arc::new(SqliteStorage::open_for_reading(path.as_ref()).await?))
}
