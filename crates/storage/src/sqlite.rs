//! The embedded back end: SQLite in WAL mode, one writer that groups commits, a few readers.
#![allow(clippy::needless_pass_by_value, reason = "sqlx hands rows to `try_map` by value")]

mod account_rows;
mod bulk_rows;
mod chat_rows;
mod commit;
mod contact_rows;
pub(crate) mod damaged;
mod deliveries;
mod event_log;
mod event_rows;
mod file;
mod forget;
mod generation_rows;
mod history_rows;
mod home;
mod housekeeping;
mod incident_rows;
mod key_rows;
mod label_rows;
mod letters;
mod message_rows;
mod outbox_rows;
mod owned;
mod prune;
pub(crate) mod rebuild;
mod room;
mod search;
mod send_rows;
mod session_ids;
mod session_rows;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
    },
};

pub(crate) use self::file::Place;
use self::home::Home;
use self::owned::Claims;
use self::prune::Walk;
pub use self::rebuild::Rebuilt;
use self::writer::Writer;
use crate::StorageError;
use crate::disk::OpenFile;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Readers beside the one writer. WAL lets them read while it writes.
const READERS: u32 = 4;

/// The size of a page of a new database, in bytes. A commit writes each page whole that it changes, and a message changes a small
/// row in each of twenty tables and indexes.
const PAGE: u32 = 1024;

/// After so many pages the log is moved into the database: 4 MB of pages of that size.
const CHECKPOINT_PAGES: &str = "4000";

/// How long a connection waits for another's lock (a backup tool's, say) before it fails.
const BUSY: Duration = Duration::from_secs(10);

/// Rows in an SQLite file.
pub(crate) struct SqliteStorage {
    readers: SqlitePool,
    writer: Arc<Writer>,
    claims: Arc<Claims>,
    /// How far old events were looked at.
    walk: Mutex<Walk>,
    /// Its opener was told that it took the place of a damaged one.
    told: bool,
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage").finish_non_exhaustive()
    }
}

impl SqliteStorage {
    /// See [`crate::read_sqlite`].
    pub(crate) async fn open_for_reading(path: &Path) -> Result<Self, StorageError> {
        file::is_there(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let readers = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .map_err(StorageError::during("opening the database for reading"))?;
        Ok(Self {
            readers,
            writer: Arc::new(Writer::closed()),
            claims: Arc::default(),
            walk: Mutex::default(),
            told: false,
        })
    }

    /// As [`SqliteStorage::open`], with what the database says of its making.
    pub(crate) async fn open_told(place: &Place) -> Result<(Self, Option<Rebuilt>), StorageError> {
        let mut storage = Self::open(place).await?;
        let rebuilt = rebuild::told(&storage.readers, place.path()).await?;
        storage.told = rebuilt.is_some();
        Ok((storage, rebuilt))
    }

    /// See [`crate::compact_sqlite`].
    pub(crate) async fn compact(place: &Place) -> Result<bool, StorageError> {
        file::is_there(place.path())?;
        let options =
            SqliteConnectOptions::new().filename(place.path()).busy_timeout(BUSY).disable_statement_logging();
        let compacting = || StorageError::during("writing the database anew, so that it gives room back");
        let mut connection = options.connect().await.map_err(compacting())?;
        let brought = room::bring_over(&mut connection, true).await.map_err(compacting());
        let closed = connection.close().await.map_err(compacting());
        brought.and_then(|brought| closed.map(|()| brought))
    }

    /// See [`crate::open_sqlite`].
    pub(crate) async fn open(place: &Place) -> Result<Self, StorageError> {
        let path = place.path();
        file::prepare(path)?;
        let open_file = OpenFile::at(path)
            .map_err(|source| StorageError::OpenFile { path: path.to_owned(), source: Arc::new(source) })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL syncs the WAL on every commit: an answered write survives the loss of power.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .disable_statement_logging();
        // To ask an older file for it is to write to it, before anybody knows whether this build may.
        let first = if file::is_empty(path) {
            options.clone().page_size(PAGE).auto_vacuum(SqliteAutoVacuum::Incremental)
        } else {
            options.clone()
        };
        let mut connection = first.connect().await.map_err(StorageError::during("opening the database"))?;
        let readers = match prepare(&mut connection, &options, place).await {
            Ok(readers) => readers,
            Err(error) => {
                // It is waited for: a connection that ends later would still write to what is set aside meanwhile.
                let _ = connection.close().await;
                return Err(error);
            }
        };
        let home = Home::new(open_file, options, readers.clone(), place.is_shared());
        let writer = Arc::new(Writer::start(connection, home));
        Ok(Self { readers, writer, claims: Arc::default(), walk: Mutex::default(), told: false })
    }
}

impl SqliteStorage {
    fn walk(&self) -> MutexGuard<'_, Walk> {
        self.walk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings the schema up to date, then connects the first reader. One stays connected: see [`Home`].
async fn prepare(
    connection: &mut SqliteConnection,
    options: &SqliteConnectOptions,
    place: &Place,
) -> Result<SqlitePool, StorageError> {
    MIGRATIONS.run_direct(None, connection, false).await.map_err(migration_error)?;
    if !place.is_shared() {
        bring_over(connection, place.path()).await;
    }
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone().read_only(true))
        .await
        .map_err(StorageError::during("opening the database for reading"))
}

/// Makes a small file of before one that gives room back. Everything works without, so it is no error when that fails.
async fn bring_over(connection: &mut SqliteConnection, path: &Path) {
    let path = path.display();
    match room::bring_over(connection, false).await {
        Ok(true) => {}
        Ok(false) => tracing::info!(
            "{path} does not become smaller when rows are forgotten; one start with COMPACT_DATABASE=true changes that"
        ),
        Err(error) => {
            tracing::warn!(%error, "{path} could not be written anew, to give room back from now on");
        }
    }
}

fn migration_error(error: MigrateError) -> StorageError {
    match error {
        MigrateError::VersionMissing(found) => StorageError::NewerDatabase {
            found,
            supported: MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default(),
        },
        source => StorageError::Migrate { source: Arc::new(source) },
    }
}

/// A column holds a number that this build has no meaning for.
fn unknown(column: &'static str, value: i64) -> sqlx::Error {
    sqlx::Error::Decode(format!("column {column} holds the unknown value {value}").into())
}
