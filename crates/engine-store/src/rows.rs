//! What the client's traits have no word for: listing the rows of a store. Nothing here decodes a value.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::error::{NativeError, store};
use crate::generation;

/// The keys of a store's rows.
#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "the words of the field")]
pub(crate) struct Keys {
    pub sessions: Vec<String>,
    pub identities: Vec<String>,
    pub sender_keys: Vec<String>,
    pub pre_keys: Vec<u32>,
    pub app_state_keys: Vec<Vec<u8>>,
    pub app_state_versions: Vec<String>,
    pub groups: Vec<String>,
    pub device_lists: Vec<String>,
}

/// A row of the MACs of shared settings: collection, index MAC, value MAC.
pub(crate) type MacRow = (String, Vec<u8>, Vec<u8>);

pub(crate) async fn connect(database: &Path, read_only: bool) -> Result<SqliteConnection, NativeError> {
    options(database, read_only).connect().await.map_err(store("open", database))
}

/// Reads beside the client's own connection, which stays open. The file is opened as that one opens it: a descriptor that is
/// closed while another connection of this process has locks is kept by SQLite for the next one of its kind, so a session keeps one of
/// them, not one of each kind.
pub(crate) async fn connect_beside(database: &Path) -> Result<SqliteConnection, NativeError> {
    let options = options(database, false).pragma("query_only", "ON");
    options.connect().await.map_err(store("open", database))
}

fn options(database: &Path, read_only: bool) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(false)
        .read_only(read_only)
        // Functions that a schema calls are the schema's writer's choice, and a cell may lie about its size.
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
}

/// What is wrong with a database that anybody may have written, and that nobody else has open.
///
/// # Errors
/// When it cannot be looked at, which says nothing of its state: no permission, no room, no time.
pub(crate) async fn check(database: &Path) -> Result<Vec<String>, NativeError> {
    let looked = async {
        let mut connection = options(database, false).connect().await?;
        // The log is moved into the copy now, so that nobody who opens it later has to.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
        let problems = integrity(&mut connection).await?;
        if problems.is_empty() { foreign_parts(&mut connection).await } else { Ok(problems) }
    };
    match looked.await {
        Err(error) if is_corruption(&error) => Ok(vec![error.to_string()]),
        looked => looked.map_err(store("examine", database)),
    }
}

/// What a store never has, and what would run when it is read or written: triggers, views, and tables that are code. Our
/// own triggers, which count the changes of ratchets, are known by every letter of their text.
async fn foreign_parts(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT type, name, sql FROM sqlite_schema WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%' \
         LIMIT 20",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .filter(|(_, _, sql)| !sql.as_deref().is_some_and(generation::is_ours))
        .map(|(kind, name, _)| format!("it holds the {kind} {name}, which no session database has"))
        .collect())
}

/// `SQLITE_CORRUPT` or `SQLITE_NOTADB`, in the low byte of the extended result code (sqlite.org/rescode.html).
fn is_corruption(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

/// Lists the keys of all rows.
pub(crate) async fn keys(connection: &mut SqliteConnection, database: &Path) -> Result<Keys, NativeError> {
    let mut text = async |sql: &'static str| {
        let rows: Vec<(String,)> =
            sqlx::query_as(sql).fetch_all(&mut *connection).await.map_err(store("list", database))?;
        Ok::<_, NativeError>(rows.into_iter().map(|(key,)| key).collect::<Vec<_>>())
    };
    let mut keys = Keys {
        sessions: text("SELECT address FROM sessions ORDER BY address").await?,
        identities: text("SELECT address FROM identities ORDER BY address").await?,
        sender_keys: text("SELECT address FROM sender_keys ORDER BY address").await?,
        app_state_versions: text("SELECT name FROM app_state_versions ORDER BY name").await?,
        groups: text("SELECT DISTINCT group_jid FROM sender_key_devices ORDER BY group_jid").await?,
        device_lists: text("SELECT user_id FROM device_registry ORDER BY user_id").await?,
        ..Keys::default()
    };
    let ids: Vec<(i64,)> = sqlx::query_as("SELECT id FROM prekeys ORDER BY id")
        .fetch_all(&mut *connection)
        .await
        .map_err(store("list", database))?;
    keys.pre_keys = ids.into_iter().filter_map(|(id,)| u32::try_from(id).ok()).collect();
    let ids: Vec<(Vec<u8>,)> = sqlx::query_as("SELECT key_id FROM app_state_keys ORDER BY key_id")
        .fetch_all(&mut *connection)
        .await
        .map_err(store("list", database))?;
    keys.app_state_keys = ids.into_iter().map(|(id,)| id).collect();
    Ok(keys)
}

/// The MACs of all shared settings, in the order in which they became known.
pub(crate) async fn macs(
    connection: &mut SqliteConnection,
    database: &Path,
) -> Result<Vec<MacRow>, NativeError> {
    sqlx::query_as("SELECT name, index_mac, value_mac FROM app_state_mutation_macs ORDER BY name, rowid")
        .fetch_all(connection)
        .await
        .map_err(store("list", database))
}

/// Brings everything into the database's one file, checks it and has it on disk.
pub(crate) async fn settle(database: &Path) -> Result<(), NativeError> {
    let failed = || store("settle", database);
    let mut connection = connect(database, false).await?;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.map_err(failed())?;
    let problems = integrity(&mut connection).await.map_err(failed())?;
    connection.close().await.map_err(failed())?;
    if let Some(problem) = problems.first() {
        return Err(store("check", database)(problem));
    }
    let file = std::fs::File::open(database).map_err(crate::error::io("open", database))?;
    file.sync_all().map_err(crate::error::io("sync", database))
}

/// Gives room that is not used any more back to the file system.
pub(crate) async fn shrink(database: &Path) -> Result<(), NativeError> {
    let mut connection = connect(database, false).await?;
    sqlx::query("VACUUM").execute(&mut connection).await.map_err(store("shrink", database))?;
    connection.close().await.map_err(store("close", database))
}

/// What SQLite finds wrong with a database.
pub(crate) async fn integrity(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(String,)> = sqlx::query_as("PRAGMA integrity_check(20)").fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(line,)| line).filter(|line| line != "ok").collect())
}

/// Copies a database, consistent at one moment, also while its owner writes.
pub(crate) async fn copy(database: &Path, to: &Path) -> Result<(), NativeError> {
    let mut connection = connect(database, true).await?;
    let to = to.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO ?").bind(to).execute(&mut connection).await.map_err(store("read", database))?;
    connection.close().await.map_err(store("close", database))
}
