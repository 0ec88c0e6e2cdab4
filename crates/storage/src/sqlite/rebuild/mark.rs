//! What a new database says of the damaged one in whose place it is, until a run that was told of it ended in order. A
//! process that is killed before it could report that rows are lost leaves it to the next one.

use std::path::{Path, PathBuf};

use sqlx::{SqliteConnection, SqlitePool, query, query_as, query_scalar};

use crate::StorageError;
use crate::disk::real;

/// What became of a database that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// What was wrong with it.
    pub because: String,
    /// Where it is kept, when there was one.
    pub aside: Option<PathBuf>,
    /// How many rows were read out of it, by table.
    pub kept: Vec<(String, u64)>,
}

/// Writes the mark. Its table is none of the migrations', so that it goes when it was read and no schema changes for it.
pub(super) async fn write(connection: &mut SqliteConnection, rebuilt: &Rebuilt) -> Result<(), sqlx::Error> {
    query("CREATE TABLE rebuilt (because TEXT NOT NULL, aside TEXT, kept_json TEXT NOT NULL)")
        .execute(&mut *connection)
        .await?;
    let name = rebuilt.aside.as_deref().and_then(Path::file_name);
    let kept = serde_json::to_string(&rebuilt.kept).map_err(|error| sqlx::Error::Encode(error.into()))?;
    query("INSERT INTO rebuilt VALUES ($1, $2, $3)")
        .bind(&rebuilt.because)
        .bind(name.map(|name| name.to_string_lossy().into_owned()))
        .bind(kept)
        .execute(connection)
        .await
        .map(drop)
}

/// What the database at `path` says of its making.
pub(in crate::sqlite) async fn told(
    readers: &SqlitePool,
    path: &Path,
) -> Result<Option<Rebuilt>, StorageError> {
    read(readers, path).await.map_err(StorageError::during("reading how the database was made"))
}

async fn read(readers: &SqlitePool, path: &Path) -> Result<Option<Rebuilt>, sqlx::Error> {
    let there: i64 =
        query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'rebuilt'")
            .fetch_one(readers)
            .await?;
    if there == 0 {
        return Ok(None);
    }
    let row: Option<(String, Option<String>, String)> =
        query_as("SELECT because, aside, kept_json FROM rebuilt").fetch_optional(readers).await?;
    let Some((because, aside, kept)) = row else { return Ok(None) };
    let kept = serde_json::from_str(&kept).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let aside = aside.map(|name| real(path).with_file_name(name));
    Ok(Some(Rebuilt { because, aside: aside.filter(|aside| aside.symlink_metadata().is_ok()), kept }))
}

/// Takes the mark out.
pub(in crate::sqlite) async fn forget(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    query("DROP TABLE IF EXISTS rebuilt").execute(connection).await.map(drop)
}
