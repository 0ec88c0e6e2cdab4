//! Messages that came in, until a commit takes them along.
//!
//! The client stores a decrypted message before it hands it to our durability hook, and deletes it afterwards. The row is of
//! use beside a ratchet that moved on: a process that ends in between is told of a duplicate, and has the message here. As
//! long as no ratchet was written since, the message is decrypted anew. So these rows wait in memory, and every commit writes
//! what waits before anything else of it. A message that the hook stored before any commit came is written and deleted by
//! nobody. A row that stays because its deletion was lost with the process does no harm: the message's own key drops it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Error};

use super::DEVICE;
use super::error::SqliteError;
use super::queue::{Answer, Call, Kind};
use super::statement::execute;

/// What names a row: chat, sender and stanza id.
pub(super) type Key = (String, String, String);

/// Rows that wait for a commit.
#[derive(Default)]
pub(super) struct Parked(Mutex<Rows>);

#[derive(Default)]
struct Rows {
    /// The message of a row, or nothing when it is to be deleted.
    waiting: HashMap<Key, Option<Vec<u8>>>,
    /// Rows that a commit may have written.
    written: HashSet<Key>,
}

impl Parked {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message to be written.
    pub(super) fn put(&self, key: Key, message: Vec<u8>) {
        self.rows().waiting.insert(key, Some(message));
    }

    /// A message that is not needed any more.
    pub(super) fn delete(&self, key: Key) {
        let mut rows = self.rows();
        let only_here = !rows.written.contains(&key) && matches!(rows.waiting.get(&key), Some(Some(_)));
        if only_here {
            rows.waiting.remove(&key);
        } else {
            rows.waiting.insert(key, None);
        }
    }

    /// A message was found in the database.
    pub(super) fn found(&self, key: Key) {
        self.rows().written.insert(key);
    }

    /// What waits, for the commit that comes now.
    pub(super) fn take(&self) -> Option<Box<dyn Call>> {
        let mut rows = self.rows();
        if rows.waiting.is_empty() {
            return None;
        }
        let waiting: Vec<_> = rows.waiting.drain().collect();
        for (key, message) in &waiting {
            if message.is_some() {
                rows.written.insert(key.clone());
            } else {
                rows.written.remove(key);
            }
        }
        Some(Box::new(Along(waiting)))
    }
}

/// Rows on their way. Nobody waits for them: a commit that fails is the last of its store, and nothing that it held counts.
struct Along(Vec<(Key, Option<Vec<u8>>)>);

impl Call for Along {
    fn kind(&self) -> Kind {
        Kind::Write
    }

    fn operation(&self) -> &'static str {
        "store messages that came in"
    }

    fn is_abandoned(&self) -> bool {
        false
    }

    fn is_vital(&self) -> bool {
        true
    }

    fn run(&mut self, connection: &Connection) -> Result<(), Arc<Error>> {
        const PUT: &str = "REPLACE INTO pending_inbound_messages (chat, sender, id, message, device_id) \
             VALUES (?1, ?2, ?3, ?4, ?5)";
        const DELETE: &str = "DELETE FROM pending_inbound_messages \
             WHERE chat = ?1 AND sender = ?2 AND id = ?3 AND device_id = ?4";
        for ((chat, sender, id), message) in &self.0 {
            match message {
                Some(message) => execute(connection, PUT, (chat, sender, id, message, DEVICE)),
                None => execute(connection, DELETE, (chat, sender, id, DEVICE)),
            }
            .map_err(Arc::new)?;
        }
        Ok(())
    }

    fn answer(self: Box<Self>, _failure: Option<SqliteError>) -> Answer {
        Box::new(|| {})
    }
}
