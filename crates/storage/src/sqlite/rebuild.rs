//! A database that is damaged is set aside, and what can be read of it goes into a new one.
//!
//! The new one is made beside it and takes its place when it is complete: see [`swap`] for what a crash leaves.

mod mark;
mod order;
mod salvage;
mod swap;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

pub use self::mark::Rebuilt;
pub(super) use self::mark::{forget, told};
pub(super) use self::swap::resume;
use super::file::Place;
use crate::StorageError;
use crate::disk::{real, wal_of};
use crate::error::is_corruption;

/// Above this size the whole database is not read at every start, bytes. What a start needs is read in any case.
const CHECKED_WHOLE: u64 = 256 * 1024 * 1024;

/// Called after each step, with its name. Tests let it fail where a process could be killed.
type Stop<'a> = &'a mut (dyn FnMut(&'static str) -> std::io::Result<()> + Send);

/// What is wrong with a database that its caller holds the lock of; `None` when it can be opened, also when it is not there.
///
/// # Errors
/// When it cannot be looked at, or a newer wakeeper wrote it: that is no damage.
pub(crate) async fn damage(place: &Place) -> Result<Option<String>, StorageError> {
    let path = place.path();
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path)(error)),
        Ok(metadata) if metadata.is_dir() => return Ok(Some("a folder lies in its place".to_owned())),
        // A link to a database elsewhere is how some people put it on another disk.
        Ok(metadata) if metadata.is_symlink() => match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => metadata,
            _ => return Ok(Some("a link to nothing lies in its place".to_owned())),
        },
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return Ok(Some("what lies in its place is not a file".to_owned())),
    };
    std::fs::File::open(path).map_err(unreadable(path))?;
    if metadata.len() == 0 && !std::fs::metadata(wal_of(path)).is_ok_and(|log| log.len() > 0) {
        return Ok(Some("it is empty".to_owned()));
    }
    match look(path, metadata.len()).await {
        Ok(problem) => Ok(problem),
        Err(error) if is_corruption(&error) => Ok(Some(format!("SQLite says: {error}"))),
        // A journal of another mode must be played back first; whoever opens it to write does that.
        Err(error) if needs_writing(&error) => Ok(None),
        Err(error) => Err(StorageError::during("looking at the database")(error)),
    }
}

/// Looks without a change: the last connection that may write moves the log into a file that may be damaged.
async fn look(path: &Path, size: u64) -> Result<Option<String>, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(super::BUSY);
    let mut connection = options.disable_statement_logging().connect().await?;
    let check = if size <= CHECKED_WHOLE { "PRAGMA quick_check(1)" } else { "PRAGMA quick_check(sessions)" };
    let found: Result<Vec<(String,)>, _> = sqlx::query_as(check).fetch_all(&mut connection).await;
    connection.close().await?;
    let found = found?;
    // The first line that says it; the rest is one line for each page.
    let mut lines = found.iter().flat_map(|(text,)| text.lines());
    Ok(lines.find(|line| *line != "ok" && !line.starts_with("***")).map(str::to_owned))
}

/// `SQLITE_READONLY`, in the low byte of the extended result code.
fn needs_writing(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| code & 0xff == 8)
}

/// Makes a new database of what can be read of a damaged one, which is set aside under a name with `stamp` in it. The new
/// one carries what [`told`] says.
///
/// # Errors
/// When no new one can be made, or the old one cannot be moved. It is tried again at the next start.
pub(crate) async fn rebuild(place: &Place, because: String, stamp: &str) -> Result<(), StorageError> {
    let made = rebuild_until(place, because, stamp, &mut |_| Ok(())).await;
    if made.is_err() {
        // The room is needed, and the next attempt begins from the start.
        let _ = swap::remove_leftovers(&real(place.path()));
    }
    made
}

async fn rebuild_until(
    place: &Place,
    because: String,
    stamp: &str,
    stop: Stop<'_>,
) -> Result<(), StorageError> {
    let path = real(place.path());
    let failed = unreadable(&path);
    let aside = swap::free_name(&path, stamp).map_err(&failed)?;
    let rebuilt = Rebuilt { because, aside: Some(aside.clone()), kept: Vec::new() };
    salvage::into_draft(&path, rebuilt, stop).await?;
    swap::offer(&path, &aside, stop).map_err(&failed)?;
    swap::place(&path, &aside, stop).map_err(failed)
}

/// `path` with something behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError::OpenFile { path: path.clone(), source: std::sync::Arc::new(source) }
}
