//! Takes parts of a session out of its store: all that were chosen, or none.
//!
//! One transaction does it, so that whoever is killed leaves the store as it was or as it was to be. What follows the
//! transaction only tidies up, and [`tidy`] does it again for a run that was killed before its end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use wakeeper_doctor::address::Address;
use wakeeper_doctor::finding::Subject;
use wakeeper_doctor::state::Devices;

use crate::error::{NativeError, io, store};
use crate::{address, rows, sqlite};

/// Called before every change on disk; an error stands for the machine stopping there.
pub type Hook<'a> = &'a mut (dyn FnMut() -> std::io::Result<()> + Send);

/// Whether a part of a session is a row that the session can do without.
pub(crate) fn can_go(subject: &Subject) -> bool {
    matches!(
        subject,
        Subject::SignalSession(_) | Subject::SenderKey(_) | Subject::SenderKeyMemory(_) | Subject::PreKey(_)
    )
}

/// Who was told the key that a part holds, when it is one that others are told: who is thought to have a key that is gone
/// gets no other.
pub(crate) fn memory_of(subject: &Subject) -> Option<Subject> {
    match subject {
        Subject::SenderKey(name) => Some(Subject::SenderKeyMemory(name.group.clone())),
        _ => None,
    }
}

/// Brings a store that nobody else has open to the client's newest schema. The plan of a repair comes from a copy that was
/// brought there, and so must what it is carried out on: an older schema has other tables.
///
/// # Errors
/// When it cannot be opened or brought up to date.
pub async fn prepare(database: &Path, hook: Hook<'_>) -> Result<(), NativeError> {
    tick(hook, database)?;
    sqlite::migrate(database).await.map_err(store("bring to the newest schema", database))
}

/// What is to go out of a store.
#[derive(Debug, Clone, Default)]
pub struct Unwanted {
    /// Whole parts.
    pub parts: BTreeSet<Subject>,
    /// Devices that leave the list of those who have our sender key of a group; the others stay on it.
    pub devices: BTreeMap<String, Vec<Devices>>,
}

impl Unwanted {
    /// Nothing is to go.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.devices.is_empty()
    }
}

/// Takes whole parts out of a store, as [`take_out`] does.
///
/// # Errors
/// As [`take_out`].
pub async fn remove(database: &Path, parts: &BTreeSet<Subject>, hook: Hook<'_>) -> Result<u64, NativeError> {
    take_out(database, &Unwanted { parts: parts.clone(), ..Unwanted::default() }, hook).await
}

/// Takes what is unwanted out of a store that nobody else has open, and gives its room back. Answers how many bytes that were.
///
/// # Errors
/// When the store fails: nothing was taken out then, or everything was and room was not given back.
pub async fn take_out(database: &Path, unwanted: &Unwanted, hook: Hook<'_>) -> Result<u64, NativeError> {
    tick(hook, database)?;
    // What lies in the log beside the database belongs to its size.
    rows::settle(database).await?;
    let before = size(database)?;
    let failed = || store("write", database);
    let mut connection = rows::connect(database, false).await?;
    let sender_keys = rows::keys(&mut connection, database).await?.sender_keys;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed())?;
    for subject in &unwanted.parts {
        tick(hook, database)?;
        delete(&mut transaction, subject, &sender_keys).await.map_err(failed())?;
    }
    for (group, devices) in &unwanted.devices {
        tick(hook, database)?;
        forget(&mut transaction, group, devices).await.map_err(failed())?;
    }
    tick(hook, database)?;
    transaction.commit().await.map_err(failed())?;
    connection.close().await.map_err(store("close", database))?;
    tidy(database, hook).await?;
    Ok(before.saturating_sub(size(database)?))
}

/// Gives room that is not used any more back, and has everything on disk.
///
/// # Errors
/// When the store fails or is damaged.
pub async fn tidy(database: &Path, hook: Hook<'_>) -> Result<(), NativeError> {
    tick(hook, database)?;
    rows::shrink(database).await?;
    tick(hook, database)?;
    rows::settle(database).await
}

async fn delete(
    connection: &mut SqliteConnection,
    subject: &Subject,
    sender_keys: &[String],
) -> Result<(), sqlx::Error> {
    match subject {
        Subject::SignalSession(peer) => match address::row_key(peer) {
            Some(key) => delete_where(connection, "DELETE FROM sessions WHERE address = ?", &key).await,
            None => Ok(()),
        },
        Subject::SenderKey(name) => {
            let is_it = |key: &&String| {
                address::of_sender_key(key)
                    .is_some_and(|(group, sender)| group == name.group && sender == name.sender)
            };
            for key in sender_keys.iter().filter(is_it) {
                delete_where(connection, "DELETE FROM sender_keys WHERE address = ?", key).await?;
            }
            Ok(())
        }
        Subject::SenderKeyMemory(group) => {
            delete_where(connection, "DELETE FROM sender_key_devices WHERE group_jid = ?", group).await
        }
        Subject::PreKey(id) => {
            let deleted = sqlx::query("DELETE FROM prekeys WHERE id = ?").bind(i64::from(*id));
            deleted.execute(connection).await.map(drop)
        }
        // No row, or one that the session cannot do without.
        Subject::Credentials
        | Subject::PreKeys
        | Subject::AppStateKey(_)
        | Subject::ChatStore
        | Subject::Storage => Ok(()),
    }
}

/// Takes devices off the list of those who have our sender key of a group.
async fn forget(
    connection: &mut SqliteConnection,
    group: &str,
    devices: &[Devices],
) -> Result<(), sqlx::Error> {
    const LISTED: &str = "SELECT device_jid FROM sender_key_devices WHERE group_jid = ?";
    const GONE: &str = "DELETE FROM sender_key_devices WHERE group_jid = ? AND device_jid = ?";
    let listed: Vec<String> = sqlx::query_scalar(LISTED).bind(group).fetch_all(&mut *connection).await?;
    let is_meant = |jid: &&String| {
        Address::from_jid(jid).is_some_and(|address| devices.iter().any(|meant| meant.include(&address)))
    };
    for jid in listed.iter().filter(is_meant) {
        sqlx::query(GONE).bind(group).bind(jid).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn delete_where(
    connection: &mut SqliteConnection,
    statement: &'static str,
    key: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(statement).bind(key).execute(connection).await.map(drop)
}

fn size(database: &Path) -> Result<u64, NativeError> {
    std::fs::metadata(database).map(|file| file.len()).map_err(io("examine", database))
}

fn tick(hook: Hook<'_>, database: &Path) -> Result<(), NativeError> {
    hook().map_err(io("write", database))
}
