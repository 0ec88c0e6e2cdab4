//! A database that is damaged is set aside, and what can be read of it goes into a new one.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::SqliteStorage;
use crate::StorageError;

/// Rows that are copied in one go; a part that cannot be read is tried in ever smaller ones.
const CHUNK: i64 = 512;

/// Statements on rows that cannot be read, for each table. More than that is given up, so that a start ends.
const FAILURES: u32 = 4_096;

/// Above this size the whole database is not read at every start, bytes. What a start needs is read in any case.
const CHECKED_WHOLE: u64 = 256 * 1024 * 1024;

/// Tables in the order in which they refer to each other.
const TABLES: [&str; 11] = [
    "sessions",
    "generations",
    "sends",
    "messages",
    "events",
    "lanes",
    "outbox",
    "attempts",
    "incidents",
    "incident_steps",
    "checkpoints",
];

/// What became of a database that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// What was wrong with it.
    pub because: String,
    /// Where it is kept, when there was one.
    pub aside: Option<PathBuf>,
    /// How many rows were read out of it, by table.
    pub kept: Vec<(&'static str, u64)>,
}

/// What is wrong with a database that its caller holds the lock of; `None` when it can be opened, also when it is not there.
///
/// # Errors
/// When it cannot be looked at, or a newer wakeeper wrote it: that is no damage.
pub(crate) async fn damage(path: &Path) -> Result<Option<String>, StorageError> {
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, error)),
        Ok(metadata) if metadata.is_dir() => return Ok(Some("a folder lies in its place".to_owned())),
        // A link to a database elsewhere is how some people put it on another disk.
        Ok(metadata) if metadata.is_symlink() => match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => metadata,
            _ => return Ok(Some("a link to nothing lies in its place".to_owned())),
        },
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return Ok(Some("what lies in its place is not a file".to_owned())),
    };
    std::fs::File::open(path).map_err(|error| unreadable(path, error))?;
    if metadata.len() == 0 && !std::fs::metadata(side(path, "-wal")).is_ok_and(|log| log.len() > 0) {
        return Ok(Some("it is empty".to_owned()));
    }
    match look(path, metadata.len()).await {
        Ok(problem) => Ok(problem),
        Err(error) if is_corruption(&error) => Ok(Some(format!("SQLite says: {error}"))),
        Err(error) => Err(StorageError::during("looking at the database")(error)),
    }
}

async fn look(path: &Path, size: u64) -> Result<Option<String>, sqlx::Error> {
    let options =
        SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(super::BUSY);
    let mut connection = options.disable_statement_logging().connect().await?;
    let check = if size <= CHECKED_WHOLE { "PRAGMA quick_check(1)" } else { "PRAGMA quick_check(sessions)" };
    let found: Vec<(String,)> = sqlx::query_as(check).fetch_all(&mut connection).await?;
    connection.close().await?;
    // The first line that says it; the rest is one line for each page.
    let mut lines = found.iter().flat_map(|(text,)| text.lines());
    Ok(lines.find(|line| *line != "ok" && !line.starts_with("***")).map(str::to_owned))
}

/// `SQLITE_CORRUPT` or `SQLITE_NOTADB`, in the low byte of the extended result code (sqlite.org/rescode.html).
pub(crate) fn is_corruption(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

/// Sets a database aside and makes a new one with what can be read of it.
///
/// # Errors
/// When it cannot be moved, or no new one can be made.
pub(crate) async fn rebuild(
    path: &Path,
    because: String,
    stamp: &str,
) -> Result<(SqliteStorage, Rebuilt), StorageError> {
    let aside = set_aside(path, stamp).map_err(|error| unreadable(path, error))?;
    let storage = SqliteStorage::open(path).await?;
    let kept = match salvage(path, &aside).await {
        Ok(kept) => kept,
        Err(error) => {
            tracing::warn!(%error, "nothing could be read of the damaged database");
            Vec::new()
        }
    };
    Ok((storage, Rebuilt { because, aside: Some(aside), kept }))
}

/// Moves a database and what SQLite keeps beside it, under a name that says when. Nothing is deleted.
fn set_aside(path: &Path, stamp: &str) -> std::io::Result<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let aside = (0..1000)
        .map(|n| match n {
            0 => format!("{stem}-damaged-{stamp}.db"),
            n => format!("{stem}-damaged-{stamp}-{n}.db"),
        })
        .map(|name| path.with_file_name(name))
        .find(|aside| std::fs::symlink_metadata(aside).is_err())
        .ok_or(std::io::ErrorKind::AlreadyExists)?;
    std::fs::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        match std::fs::rename(side(path, suffix), side(&aside, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

fn side(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Reads what can be read. It works on a copy, because opening a damaged database may change it.
async fn salvage(path: &Path, aside: &Path) -> Result<Vec<(&'static str, u64)>, sqlx::Error> {
    let copy = side(aside, ".reading");
    for suffix in ["", "-wal"] {
        if side(aside, suffix).is_file() {
            std::fs::copy(side(aside, suffix), side(&copy, suffix)).map_err(sqlx::Error::Io)?;
        }
    }
    let kept = read_out(path, &copy).await;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(side(&copy, suffix));
    }
    kept
}

async fn read_out(path: &Path, copy: &Path) -> Result<Vec<(&'static str, u64)>, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false).busy_timeout(super::BUSY);
    let mut connection = options.disable_statement_logging().connect().await?;
    sqlx::query("ATTACH ? AS old").bind(copy.to_string_lossy().into_owned()).execute(&mut connection).await?;
    // A database from a stranger would not be here; a damaged one may say anything.
    for sql in ["PRAGMA old.cell_size_check = ON", "PRAGMA trusted_schema = OFF"] {
        let _ = sqlx::query(sql).execute(&mut connection).await;
    }
    let mut kept = Vec::new();
    for table in TABLES {
        if let Ok(rows) = table_out(&mut connection, table).await {
            kept.push((table, rows));
        }
    }
    tidy(&mut connection).await?;
    connection.close().await?;
    Ok(kept)
}

async fn table_out(connection: &mut SqliteConnection, table: &'static str) -> Result<u64, sqlx::Error> {
    let columns = shared_columns(connection, table).await?;
    if columns.is_empty() {
        return Ok(0);
    }
    let columns = columns.join(", ");
    let copy = format!(
        "INSERT OR IGNORE INTO main.{table} ({columns}) SELECT {columns} FROM old.{table} WHERE rowid BETWEEN ? AND ?"
    );
    let bounds = sqlx::AssertSqlSafe(format!("SELECT min(rowid), max(rowid) FROM old.{table}"));
    let found: Result<(Option<i64>, Option<i64>), _> =
        sqlx::query_as(bounds).fetch_one(&mut *connection).await;
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
        match sqlx::query(sqlx::AssertSqlSafe(copy.clone()))
            .bind(from)
            .bind(to)
            .execute(&mut *connection)
            .await
        {
            Ok(done) => rows += done.rows_affected(),
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
    let names: Vec<(String,)> = sqlx::query_as(sql).bind(table).fetch_all(connection).await?;
    Ok(names.into_iter().map(|(name,)| name).collect())
}

/// Takes out what refers to rows that are gone, and closes gaps that would hold deliveries up.
async fn tidy(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for sql in [
        "DELETE FROM outbox WHERE seq NOT IN (SELECT seq FROM events)",
        "DELETE FROM attempts WHERE NOT EXISTS
             (SELECT 1 FROM outbox WHERE outbox.seq = attempts.seq AND outbox.subscription = attempts.subscription)",
        "DELETE FROM incident_steps WHERE incident NOT IN (SELECT id FROM incidents)",
        // A pending delivery without its lane gets one again.
        "INSERT OR IGNORE INTO lanes (id, subscription, session, chat, next_attempt_ms, gave_up)
             SELECT DISTINCT outbox.lane, outbox.subscription, events.session, events.chat, 0, 0
             FROM outbox JOIN events USING (seq)
             WHERE outbox.state = 0 AND outbox.lane NOT IN (SELECT id FROM lanes)",
        "DELETE FROM lanes WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.lane = lanes.id AND outbox.state = 0)",
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}

fn unreadable(path: &Path, source: std::io::Error) -> StorageError {
    StorageError::OpenFile { path: path.to_owned(), source: std::sync::Arc::new(source) }
}
