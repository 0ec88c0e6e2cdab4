use std::{path::Path, sync::Arc};

use crate::sqlite::{
    SqliteStorage,
    rebuild::{self, Rebuilt},
};
use crate::{Storage, StorageError};

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

/// As [`open_sqlite`]; a database that is damaged is set aside under a name with `stamp` in it, and a new one takes its place,
/// with the rows that can still be read. Says so when it happened.
///
/// The caller holds the lock on the folder: one process at a time.
///
/// # Errors
/// As [`open_sqlite`]. That a newer wakeeper wrote the database, that it is locked, or that there is no room or no
/// permission is no damage: nothing is set aside then.
pub async fn open_or_rebuild_sqlite(
    path: impl AsRef<Path> + Send,
    stamp: &str,
) -> Result<(Arc<dyn Storage>, Option<Rebuilt>), StorageError> {
    let path = path.as_ref();
    if let Some(because) = rebuild::damage(path).await? {
        let (storage, rebuilt) = rebuild::rebuild(path, because, stamp).await?;
        return Ok((Arc::new(storage), Some(rebuilt)));
    }
    match SqliteStorage::open(path).await {
        Ok(storage) => Ok((Arc::new(storage), None)),
        Err(error) if error.is_damage() => {
            let (storage, rebuilt) = rebuild::rebuild(path, error.to_string(), stamp).await?;
            Ok((Arc::new(storage), Some(rebuilt)))
        }
        Err(error) => Err(error),
    }
}

/// Opens the database at `path` for reading only, also while another process writes it; every write fails with
/// [`StorageError::Closed`]. The schema stays as it is.
///
/// # Errors
/// [`StorageError::OpenFile`] when there is no such file or it cannot be read, [`StorageError::Database`] otherwise.
pub async fn read_sqlite(path: impl AsRef<Path> + Send) -> Result<Arc<dyn Storage>, StorageError> {
    Ok(Arc::new(SqliteStorage::open_for_reading(path.as_ref()).await?))
}
