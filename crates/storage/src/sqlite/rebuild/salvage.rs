//! Reads what can be read of a damaged database into a draft of the new one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, query, query_as, query_scalar};

use super::{Stop, beside, mark, order, swap, unreadable};
use crate::disk::{DiskCause, probe};
use crate::sqlite::{BUSY, MIGRATIONS, file, migration_error};
use crate::{Rebuilt, StorageError};

/// Rows that are copied in one go; a part that cannot be read is tried in ever smaller ones.
const CHUNK: i64 = 512;

/// Statements on rows that cannot be read, for each table. More than that is given up, so that a start ends.
const FAILURES: u32 = 4_096;

/// Columns that a later schema has not, each with the newest one that has it.
const TAKEN_AWAY: [(&str, &str, i64); 5] = [
    ("messages", "payload_json", 30),
    ("sends", "request_json", 50),
    ("events", "body", 60),
    ("events", "seq", 70),
    ("event_numbers", "last", 80),
];

/// Bytes that are read in one go; what the disk does not give any more is lost in such parts.
const BLOCK: u64 = 4_096;

/// What the migrations make, without what says nothing: the probe's row, and sqlx's own table.
const TABLES: &str = "SELECT name FROM main.sqlite_schema
     WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN ('probe', '_sqlx_migrations')
     ORDER BY rowid";

/// Names and numbers of sessions whose own rows cannot be read.
const NAMES: &str = "INSERT OR IGNORE INTO main.sessions (id, name)
     SELECT id, name FROM old.sessions INDEXED BY sqlite_autoindex_sessions_1 WHERE name > ''";

/// Fills the draft for the database at `path` and has it on the disk. The old one is read in a copy, because opening a
/// damaged database may change it.
///
/// # Errors
/// When the draft cannot be written. What cannot be read is no error.
pub(super) async fn into_draft(path: &Path, rebuilt: Rebuilt, stop: Stop<'_>) -> Result<(), StorageError> {
    let failed = unreadable(path);
    let (draft, reading) = (swap::draft(path), swap::reading(path));
    for side in ["", "-wal"] {
        if beside(path, side).is_file() {
            copy(&beside(path, side), &beside(&reading, side)).map_err(&failed)?;
            stop("a file is copied").map_err(&failed)?;
        }
    }
    file::prepare(&draft)?;
    // The draft counts only when it is complete, so nothing of it is synced before, and its journal is in memory: it is
    // one file at every moment.
    let options = SqliteConnectOptions::new()
        .filename(&draft)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(false)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(making())?;
    let filled = fill(&mut connection, path, rebuilt, stop).await;
    let closed = connection.close().await.map_err(making());
    filled.and(closed)?;
    stop("the draft is filled").map_err(&failed)?;
    File::open(&draft).and_then(|draft| draft.sync_all()).map_err(&failed)?;
    stop("the draft is synced").map_err(failed)
}

/// Copies a file. What the disk does not give any more is as if it were empty: the rows in it are lost, not all.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let from = File::open(from)?;
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let length = from.metadata()?.len();
    let mut block = vec![0; BLOCK as usize];
    let mut at = 0;
    while at < length {
        let block = &mut block[..BLOCK.min(length - at) as usize];
        if from.read_exact_at(block, at).is_err() {
            block.fill(0);
        }
        to.write_all(block)?;
        at += BLOCK;
    }
    Ok(())
}

async fn fill(
    connection: &mut SqliteConnection,
    path: &Path,
    mut rebuilt: Rebuilt,
    stop: Stop<'_>,
) -> Result<(), StorageError> {
    let reading = swap::reading(path);
    let attached = reading.is_file() && attach(connection, path, &reading).await?;
    // Rows are copied as they are, and brought up to date afterwards, as those of a sound database are.
    let schema = if attached { schema(connection).await } else { None };
    MIGRATIONS.run_direct(schema, connection, false).await.map_err(migration_error)?;
    if attached {
        let tables: Vec<String> = query_scalar(TABLES).fetch_all(&mut *connection).await.map_err(making())?;
        rebuilt.kept = read_out(connection, path, tables, stop).await?;
        MIGRATIONS.run_direct(None, connection, false).await.map_err(migration_error)?;
    }
    for sql in order::STATEMENTS {
        // One that does not work with what was read keeps no other from it, and takes back none of the rows.
        if let Err(error) = query(sql).execute(&mut *connection).await.map_err(making()) {
            if is_ours(&error, path) {
                return Err(error);
            }
            tracing::warn!(%error, "not all rows that refer to lost ones could be put in order");
        }
    }
    mark::write(connection, &rebuilt).await.map_err(making())
}

/// Attaches the copy of the old database as `old`; `false` when that cannot be done.
async fn attach(
    connection: &mut SqliteConnection,
    path: &Path,
    reading: &Path,
) -> Result<bool, StorageError> {
    let attached = query("ATTACH ? AS old").bind(reading.to_string_lossy().into_owned());
    if let Err(error) = attached.execute(&mut *connection).await.map_err(making()) {
        if is_ours(&error, path) {
            return Err(error);
        }
        tracing::warn!(%error, "nothing could be read of the damaged database");
        return Ok(false);
    }
    // A database from a stranger would not be here; a damaged one may say anything.
    for sql in ["PRAGMA old.cell_size_check = ON", "PRAGMA trusted_schema = OFF"] {
        let _ = query(sql).execute(&mut *connection).await;
    }
    Ok(true)
}

/// The schema of the old database, when it is known here and older than the newest: by what it says of itself, else by
/// its columns.
async fn schema(connection: &mut SqliteConnection) -> Option<i64> {
    let said = query_scalar::<_, Option<i64>>("SELECT max(version) FROM old._sqlx_migrations WHERE success");
    if let Ok(Some(version)) = said.fetch_one(&mut *connection).await {
        return MIGRATIONS.version_exists(version).then_some(version);
    }
    // What each step took away, the first of them first.
    for (table, column, before) in TAKEN_AWAY {
        let there = query_scalar::<_, i64>("SELECT count(*) FROM pragma_table_info(?, 'old') WHERE name = ?");
        let there = there.bind(table).bind(column).fetch_one(&mut *connection).await;
        if there.is_ok_and(|columns| columns > 0) {
            return Some(before);
        }
    }
    None
}

/// Copies what can be read of every table; answers how many rows.
async fn read_out(
    connection: &mut SqliteConnection,
    path: &Path,
    tables: Vec<String>,
    stop: Stop<'_>,
) -> Result<Vec<(String, u64)>, StorageError> {
    let mut kept = Vec::new();
    for table in tables {
        match table_out(connection, path, &table).await {
            Ok(rows) => kept.push((table, rows)),
            Err(error) if is_ours(&error, path) => return Err(error),
            Err(error) => tracing::warn!(%error, table, "nothing could be read of a table"),
        }
        stop("a table is copied").map_err(unreadable(path))?;
    }
    // The index of their names holds these and the numbers without the rows. An older schema has no such index.
    if let Err(error) = query(NAMES).execute(&mut *connection).await.map_err(making())
        && is_ours(&error, path)
    {
        return Err(error);
    }
    let _ = query("DETACH old").execute(connection).await;
    Ok(kept)
}

async fn table_out(connection: &mut SqliteConnection, path: &Path, table: &str) -> Result<u64, StorageError> {
    let columns = shared_columns(connection, table).await.map_err(making())?;
    if columns.is_empty() {
        return Ok(0);
    }
    let columns = columns.join(", ");
    let copy = format!(
        "INSERT OR IGNORE INTO main.{table} ({columns}) SELECT {columns} FROM old.{table} WHERE rowid BETWEEN ? AND ?"
    );
    let bounds = AssertSqlSafe(format!("SELECT min(rowid), max(rowid) FROM old.{table}"));
    let found: Result<(Option<i64>, Option<i64>), _> = query_as(bounds).fetch_one(&mut *connection).await;
    let (first, last) = match found {
        Ok((Some(first), Some(last))) => (first, last),
        Ok(_) => return Ok(0),
        // The end cannot be found: far enough for any table that is read at all.
        Err(_) => (1, CHUNK * i64::from(FAILURES)),
    };
    let (mut rows, mut failures) = (0, 0);
    let mut parts = vec![(first, last)];
    while let Some((from, to)) = parts.pop() {
        if to - from >= CHUNK {
            parts.push((from + CHUNK, to));
            parts.push((from, from + CHUNK - 1));
            continue;
        }
        let part = query(AssertSqlSafe(copy.clone())).bind(from).bind(to);
        match part.execute(&mut *connection).await.map_err(making()) {
            Ok(done) => rows += done.rows_affected(),
            Err(error) if is_ours(&error, path) => return Err(error),
            Err(_) if failures >= FAILURES => return Ok(rows),
            Err(_) => {
                failures += 1;
                if from < to {
                    let middle = from + (to - from) / 2;
                    parts.push((middle + 1, to));
                    parts.push((from, middle));
                }
            }
        }
    }
    Ok(rows)
}

/// The columns that both have: the damaged database may be of an older schema.
async fn shared_columns(connection: &mut SqliteConnection, table: &str) -> Result<Vec<String>, sqlx::Error> {
    let sql = "SELECT new.name FROM pragma_table_info(?1, 'main') AS new
               JOIN pragma_table_info(?1, 'old') AS old ON old.name = new.name ORDER BY new.cid";
    query_scalar(sql).bind(table).fetch_all(connection).await
}

/// Whether it is the disk that does not take the draft. Then no row counts as lost: it is tried again.
fn is_ours(error: &StorageError, path: &Path) -> bool {
    match error.disk_cause() {
        Some(DiskCause::Full | DiskCause::Quota | DiskCause::ReadOnly) => true,
        // The same words are said of a page of the old one.
        Some(DiskCause::Failed) => probe(path).is_err(),
        _ => false,
    }
}

fn making() -> impl FnOnce(sqlx::Error) -> StorageError {
    StorageError::during("making the database anew")
}
