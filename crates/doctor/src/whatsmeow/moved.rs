//! Devices that moved out of a store. Nothing in the store could be told to whatsmeow, so the device is taken out of it: whatsmeow
//! shows a QR code then, as for any store without a device. A table of ours says where it went, and which backup holds it.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::copy::{self, Seen};
use super::login::{number, text};
use super::store::{Store, connect};
use super::{StoreError, sqlite};

/// Our table.
const TABLE: &str = "wakeeper_moved";
/// Rows of it.
const MOST: usize = 10_000;

/// whatsmeow's tables, and the column that names the device; those that others hang from come last.
const TABLES: [(&str, &str); 15] = [
    ("whatsmeow_identity_keys", "our_jid"),
    ("whatsmeow_pre_keys", "jid"),
    ("whatsmeow_sessions", "our_jid"),
    ("whatsmeow_sender_keys", "our_jid"),
    ("whatsmeow_app_state_sync_keys", "jid"),
    ("whatsmeow_app_state_mutation_macs", "jid"),
    ("whatsmeow_app_state_version", "jid"),
    ("whatsmeow_contacts", "our_jid"),
    ("whatsmeow_chat_settings", "our_jid"),
    ("whatsmeow_message_secrets", "our_jid"),
    ("whatsmeow_privacy_tokens", "our_jid"),
    ("whatsmeow_nct_salt", "our_jid"),
    ("whatsmeow_event_buffer", "our_jid"),
    ("whatsmeow_retry_buffer", "our_jid"),
    ("whatsmeow_device", "jid"),
];

/// A device that moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Its JID.
    pub device: String,
    /// Which login, see [`crate::backup::manifest::account_mark`].
    pub account: String,
    /// Where it lives now, for people.
    pub to: String,
    /// When it moved, milliseconds since 1970.
    pub at_ms: i64,
    /// The backup that holds it.
    pub backup: String,
}

/// Which devices moved out of a store, the last one last.
pub(super) fn read(store: &Store) -> Result<Vec<Moved>, StoreError> {
    let mut moved = Vec::new();
    if !store.has_table(TABLE)? {
        return Ok(moved);
    }
    store.begin_device();
    let sql = "SELECT device, account, moved_to, at_ms, backup FROM wakeeper_moved ORDER BY rowid";
    store.each(sql, &[], MOST, |row| {
        let word = |at| text(row, at).unwrap_or_default();
        let at_ms = number("at_ms", row, 3).unwrap_or(0);
        moved.push(Moved { device: word(0), account: word(1), to: word(2), at_ms, backup: word(4) });
        Ok(())
    })?;
    Ok(moved)
}

/// Whether a store says that it gave a login up.
///
/// # Errors
/// When the store cannot be read: then that cannot be told.
pub fn was_given_up(path: &Path, account: &str) -> Result<bool, StoreError> {
    Ok(Store::open(path)?.moved()?.iter().any(|moved| moved.account == account))
}

/// Takes a device out of a store that nobody uses and that looks as it did when it was read. All of it happens or nothing; on
/// disk when it returns.
pub(super) fn give_up(path: &Path, seen: &Seen, moved: &Moved) -> Result<(), StoreError> {
    copy::check_beside(path)?;
    let failed = sqlite("take the device out of", path);
    let mut connection = connect(path).map_err(&failed)?;
    // With a log (WAL) an exclusive transaction keeps out only who writes. This keeps out whoever is connected, also one that
    // does nothing now and that this user's view of processes does not show.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(&failed)?;
    connection.pragma_update(None, "synchronous", "EXTRA").map_err(&failed)?;
    let work = connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(&failed)?;
    // From here on nobody else writes.
    if copy::look(path)? != *seen {
        return Err(StoreError::Changed { path: path.to_owned() });
    }
    take_out(&work, moved).map_err(&failed)?;
    work.commit().map_err(&failed)?;
    connection.close().map_err(|(_, error)| failed(error))
}

fn take_out(work: &Connection, moved: &Moved) -> rusqlite::Result<()> {
    work.execute(
        "CREATE TABLE IF NOT EXISTS wakeeper_moved (device TEXT NOT NULL, account TEXT NOT NULL, \
         moved_to TEXT NOT NULL, at_ms INTEGER NOT NULL, backup TEXT NOT NULL)",
        [],
    )?;
    work.execute(
        "INSERT INTO wakeeper_moved (device, account, moved_to, at_ms, backup) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&moved.device, &moved.account, &moved.to, moved.at_ms, &moved.backup),
    )?;
    for (table, column) in TABLES {
        // Older schemas have fewer.
        let known = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        if work.query_row(known, [table], |row| row.get::<_, i64>(0))? > 0 {
            work.execute(&format!("DELETE FROM {table} WHERE {column} = ?1"), [&moved.device])?;
        }
    }
    Ok(())
}
