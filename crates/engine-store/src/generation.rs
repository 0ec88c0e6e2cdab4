//! The mark that the client's database carries, so that an older copy of it is told from the one that ran last.
//!
//! It is a table of our own beside the client's: its migrations know their own tables by name and leave others alone. Two
//! kinds of triggers count every change of a ratchet, in the transaction that makes it: whatever state of the database
//! somebody puts back, its count is the one that belongs to it.

use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use crate::error::{NativeError, io, store};
use crate::rows;

/// A mark that tells logins apart without naming the account.
#[must_use]
pub fn login_mark(identity: &[u8; 32]) -> String {
    wakeeper_doctor::backup::manifest::account_mark(identity)
}

/// What a session is in that lies in doubt: the code of the finding about it.
#[must_use]
pub fn doubt_code() -> &'static str {
    wakeeper_doctor::findings::codes::OLDER_COPY.as_str()
}

/// The table, and the triggers that count. `IF NOT EXISTS`: a migration of the client's that makes one of its tables anew
/// takes our triggers with the old one, and the next start puts them back.
const MAKE: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS wakeeper_generation (
         id INTEGER PRIMARY KEY CHECK (id = 1), run TEXT NOT NULL, writes INTEGER NOT NULL, written_s INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS wakeeper_epoch (
         id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL, next_pre_key_id INTEGER NOT NULL)",
    "CREATE TRIGGER IF NOT EXISTS wakeeper_session_made AFTER INSERT ON sessions BEGIN
         UPDATE wakeeper_generation SET writes = writes + 1, written_s = strftime('%s', 'now') + 0; END",
    "CREATE TRIGGER IF NOT EXISTS wakeeper_session_moved AFTER UPDATE ON sessions BEGIN
         UPDATE wakeeper_generation SET writes = writes + 1, written_s = strftime('%s', 'now') + 0; END",
    "CREATE TRIGGER IF NOT EXISTS wakeeper_sender_key_made AFTER INSERT ON sender_keys BEGIN
         UPDATE wakeeper_generation SET writes = writes + 1, written_s = strftime('%s', 'now') + 0; END",
    "CREATE TRIGGER IF NOT EXISTS wakeeper_sender_key_moved AFTER UPDATE ON sender_keys BEGIN
         UPDATE wakeeper_generation SET writes = writes + 1, written_s = strftime('%s', 'now') + 0; END",
];

/// Whether this is the text of one of our triggers, as SQLite keeps it: without `IF NOT EXISTS`.
pub(crate) fn is_ours(sql: &str) -> bool {
    MAKE.iter().any(|own| own.replacen("IF NOT EXISTS ", "", 1) == sql)
}

/// Ids of pre-keys that may have been given out since an older copy was made are passed over, as for a login from a backup.
const MARGIN: i64 = 1000;

/// What a database says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Chosen at random at every start and every stop.
    pub run: String,
    /// How often a ratchet changed.
    pub writes: i64,
    /// When one last did, in seconds since 1970; 0 when none did.
    pub written_s: i64,
}

/// Which login a database holds, and its mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The public identity key of a linked login; `None` when there is no login.
    pub identity: Option<[u8; 32]>,
    /// The phone number of that login.
    pub number: Option<String>,
    /// The mark; `None` when it has none yet.
    pub mark: Option<Mark>,
}

/// What was given up so that no key is used twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renewed {
    /// Devices whose Signal sessions are negotiated anew with the next message.
    pub devices: u64,
    /// Groups whose members get a new sender key of ours with the next message.
    pub groups: u64,
}

/// Reads the mark. Never writes; the database's owner may run.
///
/// # Errors
/// When the database cannot be read.
pub async fn marked(database: &Path) -> Result<Marked, NativeError> {
    marked_by(rows::connect(database, true).await?, database).await
}

/// The same of a database that its client has open in this process.
///
/// # Errors
/// When the database cannot be read.
pub async fn marked_while_open(database: &Path) -> Result<Marked, NativeError> {
    marked_by(rows::connect_beside(database).await?, database).await
}

async fn marked_by(mut connection: SqliteConnection, database: &Path) -> Result<Marked, NativeError> {
    let marked = read(&mut connection).await.map_err(store("read the mark of", database));
    // What matters was read; a failure to close loses nothing.
    let _ = connection.close().await;
    marked
}

async fn read(connection: &mut SqliteConnection) -> Result<Marked, sqlx::Error> {
    let mut marked = Marked { identity: None, number: None, mark: None };
    if has(connection, "device").await? {
        let device =
            sqlx::query("SELECT pn, identity_key FROM device WHERE account IS NOT NULL AND pn <> ''");
        if let Some(row) = device.fetch_optional(&mut *connection).await? {
            let jid: String = row.try_get("pn")?;
            let key: Vec<u8> = row.try_get("identity_key")?;
            // Private key first, then the public one, as the client stores a pair.
            marked.identity = key.last_chunk::<32>().copied();
            marked.number = jid.split(['@', ':', '.']).next().map(str::to_owned);
        }
    }
    if has(connection, "wakeeper_generation").await? {
        let mark = sqlx::query("SELECT run, writes, written_s FROM wakeeper_generation");
        marked.mark = match mark.fetch_optional(connection).await? {
            Some(row) => Some(Mark {
                run: row.try_get("run")?,
                writes: row.try_get("writes")?,
                written_s: row.try_get("written_s")?,
            }),
            None => None,
        };
    }
    Ok(marked)
}

async fn has(connection: &mut SqliteConnection, table: &str) -> Result<bool, sqlx::Error> {
    let found = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").bind(table);
    Ok(found.fetch_optional(connection).await?.is_some())
}

/// How a run began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The mark that the database carries now.
    pub mark: Mark,
    /// What was given up.
    pub renewed: Renewed,
    /// The epoch of the sending chains: see [`crate::chains`].
    pub epoch: u32,
}

/// That sending chains are negotiated anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renewal {
    /// The greatest id of a pre-key that the server has; 0 when it was not asked.
    pub greatest_pre_key: u32,
}

/// Sets the mark of a new run, and with `renew` gives up whatever could encrypt with a key that an other copy of this
/// database used already: all in one transaction. The schema must be there: the client opened the database before.
///
/// Deleted are the Signal sessions (the next message to a device fetches its pre-keys and begins a new one), our own sender
/// keys, and who was told them. The signed pre-key is renewed at the next login, and ids of pre-keys are passed over.
/// Sender keys of others only decrypt and stay.
///
/// # Errors
/// When the database cannot be written; nothing has changed then.
pub async fn begin(database: &Path, run: &str, renew: Option<Renewal>) -> Result<Begun, NativeError> {
    let failed = || store("mark", database);
    let mut connection = rows::connect(database, false).await?;
    let own =
        if renew.is_some() { own_sender_keys(&mut connection).await.map_err(failed())? } else { Vec::new() };
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed())?;
    let done = async {
        for sql in MAKE {
            sqlx::query(sql).execute(&mut *transaction).await?;
        }
        let mut renewed = Renewed::default();
        if let Some(renewal) = renew {
            renewed = give_up(&mut transaction, &own, renewal).await?;
        }
        sqlx::query(
            "INSERT INTO wakeeper_generation (id, run, writes, written_s) VALUES (1, ?, 0, 0)
             ON CONFLICT (id) DO UPDATE SET run = excluded.run",
        )
        .bind(run)
        .execute(&mut *transaction)
        .await?;
        let mark = read(&mut transaction).await?.mark.ok_or(sqlx::Error::RowNotFound)?;
        let epoch = epoch(&mut transaction).await?;
        Ok(Begun { mark, renewed, epoch })
    };
    let begun = done.await.map_err(failed())?;
    transaction.commit().await.map_err(failed())?;
    connection.close().await.map_err(failed())?;
    Ok(begun)
}

/// The epoch of the sending chains. A new one begins when pre-keys were made since the last run began, which is done before
/// anything is sent.
async fn epoch(connection: &mut SqliteConnection) -> Result<u32, sqlx::Error> {
    sqlx::query(
        "INSERT INTO wakeeper_epoch (id, number, next_pre_key_id) SELECT 1, 0, next_pre_key_id FROM device LIMIT 1
         ON CONFLICT (id) DO UPDATE SET number = number + (next_pre_key_id <> excluded.next_pre_key_id),
             next_pre_key_id = excluded.next_pre_key_id",
    )
    .execute(&mut *connection)
    .await?;
    let number: Option<u32> =
        sqlx::query_scalar("SELECT number FROM wakeeper_epoch").fetch_optional(connection).await?;
    Ok(number.unwrap_or(0))
}

async fn give_up(
    connection: &mut SqliteConnection,
    own: &[String],
    renewal: Renewal,
) -> Result<Renewed, sqlx::Error> {
    let devices = sqlx::query("DELETE FROM sessions").execute(&mut *connection).await?.rows_affected();
    for key in own {
        sqlx::query("DELETE FROM sender_keys WHERE address = ?").bind(key).execute(&mut *connection).await?;
    }
    sqlx::query("DELETE FROM sender_key_devices").execute(&mut *connection).await?;
    // A time long past makes the client renew its signed pre-key at the next login.
    sqlx::query(
        "UPDATE device SET last_signed_pre_key_rotation_ms = 1,
             next_pre_key_id = MAX(next_pre_key_id, ?2) + ?1,
             first_unupload_pre_key_id = CASE WHEN first_unupload_pre_key_id > 0
                 THEN MAX(next_pre_key_id, ?2) + ?1 ELSE 0 END",
    )
    .bind(MARGIN)
    .bind(renewal.greatest_pre_key)
    .execute(connection)
    .await?;
    Ok(Renewed { devices, groups: own.len() as u64 })
}

/// The rows of sender keys that can encrypt, and those that cannot be read: nobody can say of them what they are.
async fn own_sender_keys(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let stored: Vec<(String, Vec<u8>)> =
        sqlx::query_as("SELECT address, record FROM sender_keys").fetch_all(connection).await?;
    let is_own = |record: &[u8]| match crate::sender_key::of_store(record) {
        Ok(Some(key)) => key.is_own(),
        Ok(None) => false,
        Err(_) => true,
    };
    Ok(stored.into_iter().filter(|(_, record)| is_own(record)).map(|(address, _)| address).collect())
}

/// Sets the mark of a run that is over and brings everything into the database's one file. Answers the mark.
///
/// # Errors
/// When the database cannot be written; the next start takes the run for one that was cut short.
pub async fn end(database: &Path, run: &str) -> Result<Option<Mark>, NativeError> {
    let failed = || store("mark the end of", database);
    let mut connection = rows::connect(database, false).await?;
    if !has(&mut connection, "wakeeper_generation").await.map_err(failed())? {
        return Ok(None);
    }
    sqlx::query("UPDATE wakeeper_generation SET run = ?")
        .bind(run)
        .execute(&mut connection)
        .await
        .map_err(failed())?;
    let mark = read(&mut connection).await.map_err(failed())?.mark;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.map_err(failed())?;
    connection.close().await.map_err(failed())?;
    let file = std::fs::File::open(database).map_err(io("open", database))?;
    file.sync_all().map_err(io("sync", database))?;
    Ok(mark)
}
