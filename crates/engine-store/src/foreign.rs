//! Reads a session out of a store that somebody else may have written: one in a folder that was handed in.

use std::path::Path;

use crate::error::{NativeError, store};
use crate::read::{NativeReading, read};
use crate::rows;
use crate::snapshot::{self, Copies, Found};

/// Reads a store without opening it where it is: a copy is made by handle and within bounds, what is in it is looked at,
/// and only then is it read. Nothing in the store's folder is made or changed.
///
/// # Errors
/// When something else than a file has its name, when it is damaged or has parts that no session database has, when it
/// changes all the time, or when it holds no login.
pub async fn read_foreign(
    database: &Path,
    now_ms: i64,
    copies: &Copies,
) -> Result<NativeReading, NativeError> {
    let taken = match snapshot::take(database, copies).await? {
        Found::Copied(taken) => taken,
        Found::Other(kind) => {
            return Err(store("read", database)(format!("{} has its name", kind.word())));
        }
    };
    let copy = taken.database();
    if let Some(problem) = rows::check(&copy).await?.first() {
        return Err(store("read", database)(problem));
    }
    read(&copy, now_ms).await.map_err(|error| of_original(error, database))
}

/// Nobody knows the copy.
fn of_original(error: NativeError, database: &Path) -> NativeError {
    let path = database.to_owned();
    match error {
        NativeError::NoLogin { .. } => NativeError::NoLogin { path },
        NativeError::Store { action, reason, .. } => NativeError::Store { action, path, reason },
        NativeError::Io { action, reason, .. } => NativeError::Io { action, path, reason },
        other => other,
    }
}
