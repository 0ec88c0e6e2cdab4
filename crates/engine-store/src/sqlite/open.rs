//! Opening the database and bringing it to the client's newest schema.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use whatsapp_rust::store::{SqliteStore, SqliteStoreConfig, Synchronous};
use whatsapp_rust::wacore::store::error::{Result, StoreError};

use super::error::SqliteError;
use super::statement::first;

/// How long another process's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pages kept in memory per store: there may be thousands of stores.
const CACHE_KIB: i64 = 512;
/// The size of a page of a new database, in bytes.
pub(super) const PAGE: u32 = 1024;
/// Statements kept per store.
const STATEMENTS: usize = 32;

/// The client's migrations: how many there are, and the name of the newest. A test compares them with what its store does.
pub(super) const MIGRATIONS: (i64, &str) = (23, "20260703000001");

/// Opens the database at `path`, which exists. Ours is opened first and stays open, so that the migration's connection is not
/// the last to be closed, with which SQLite would empty the log.
pub(super) async fn open(path: &Path) -> Result<Connection> {
    let of = path.to_owned();
    let (connection, is_newest) = blocking(move || {
        let opened = connect(&of).and_then(|connection| is_newest(&connection).map(|is| (connection, is)));
        opened.map_err(|source| {
            StoreError::Connection(Box::new(SqliteError::Open { path: of, source: Arc::new(source) }))
        })
    })
    .await?;
    if !is_newest {
        migrate(path).await?;
    }
    Ok(connection)
}

/// Whether there is nothing to migrate, as for every start but the first of a version.
fn is_newest(connection: &Connection) -> rusqlite::Result<bool> {
    let table = "SELECT 1 FROM sqlite_schema WHERE name = '__diesel_schema_migrations'";
    if first(connection, table, [], |_| Ok(()))?.is_none() {
        return Ok(false);
    }
    Ok(migrations(connection)? == Some((MIGRATIONS.0, MIGRATIONS.1.to_owned())))
}

/// The migrations that ran: how many, and the newest.
pub(super) fn migrations(connection: &Connection) -> rusqlite::Result<Option<(i64, String)>> {
    let sql = "SELECT COUNT(*), COALESCE(MAX(version), '') FROM __diesel_schema_migrations";
    first(connection, sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Nothing is made here: in the place of a database that vanished there must be no new one.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // What survived a power cut in WAL mode without FULL may miss the last commits: ratchets whose use was acknowledged.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Says nothing to a database that has pages already. A commit writes each page whole that it changes, for a small row in it.
    connection.pragma_update(None, "page_size", PAGE)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    Ok(connection)
}

/// Runs the client's own migrations, by its own opening: they are part of its store and reached in no other way. Copied here
/// they would stay behind with the next version of it.
async fn migrate(path: &Path) -> Result<()> {
    let config = SqliteStoreConfig { synchronous: Synchronous::Full, ..SqliteStoreConfig::default() };
    let store = SqliteStore::with_config(&path.to_string_lossy(), config).await?;
    // Closing it works on the file.
    blocking(move || {
        drop(store);
        Ok(())
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Database(Box::new(error)))?
}
