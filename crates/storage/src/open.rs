use std::{path::Path, sync::Arc};

use crate::sqlite::{Place, SqliteStorage, rebuild};
use crate::{Rebuilt, Storage, StorageError};

/// Opens the embedded database at `path`, creating file (0600) and folder (0700) when missing, and
/// brings its schema up to date.
///
/// The caller holds the lock on the folder: one process at a time.
///
/// # Errors
/// [`StorageError::OpenFile`] when the file cannot be made or opened, [`StorageError::NewerDatabase`]
/// when a newer wakeeper wrote it, [`StorageError::Migrate`] and [`StorageError::Database`] otherwise.
pub async fn open_sqlite(path: impl AsRef<Path> + Send) -> Result<Arc<dyn Storage>, StorageError> {
    Ok(Arc::new(SqliteStorage::open(&Place::ready(path.as_ref())?).await?))
}

/// As [`open_sqlite`], for a database that several processes have open at the same time. `alone` says that no other has it
/// open, and that none opens it before this returns: the caller keeps others from that, also when it is not alone.
///
/// # Errors
/// As [`open_sqlite`].
pub async fn open_shared_sqlite(
    path: impl AsRef<Path> + Send,
    alone: bool,
) -> Result<Arc<dyn Storage>, StorageError> {
    Ok(Arc::new(SqliteStorage::open(&Place::shared(path.as_ref(), alone)?).await?))
}

/// As [`open_sqlite`]; a database that is damaged is set aside under a name with `stamp` in it, and a new one takes its place,
/// with the rows that can still be read. Says so when it happened, and at every later start until one of the storages that
/// were opened with that word was closed: a process that was killed may not have told anybody.
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
    let place = Place::ready(path)?;
    let because = match rebuild::damage(&place).await? {
        Some(because) => because,
        None => match SqliteStorage::open_told(&place).await {
            Err(error) if error.is_damage() => error.to_string(),
            opened => return opened.map(with_word),
        },
    };
    rebuild::rebuild(&place, because, stamp).await?;
    SqliteStorage::open_told(&Place::ready(path)?).await.map(with_word)
}

/// Writes the database at `path` anew, so that it gives back the room of rows that are forgotten from now on. A small one is
/// brought over whenever it is opened; a large one takes seconds for each gigabyte, and as much free disk again. Does nothing
/// when that has been done. Answers whether it is one that gives room back.
///
/// The caller holds the lock on the folder, and nothing has the database open.
///
/// # Errors
/// As [`open_sqlite`]; the database is as it was then.
pub async fn compact_sqlite(path: impl AsRef<Path> + Send) -> Result<bool, StorageError> {
    SqliteStorage::compact(&Place::ready(path.as_ref())?).await
}

fn with_word((storage, rebuilt): (SqliteStorage, Option<Rebuilt>)) -> (Arc<dyn Storage>, Option<Rebuilt>) {
    (Arc::new(storage), rebuilt)
}

/// Opens the database at `path` for reading only, also while another process writes it; every write fails with
/// [`StorageError::Closed`]. The schema stays as it is.
///
/// # Errors
/// [`StorageError::OpenFile`] when there is no such file or it cannot be read, [`StorageError::Database`] otherwise.
pub async fn read_sqlite(path: impl AsRef<Path> + Send) -> Result<Arc<dyn Storage>, StorageError> {
    Ok(Arc::new(SqliteStorage::open_for_reading(path.as_ref()).await?))
}
