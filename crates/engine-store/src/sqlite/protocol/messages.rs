//! Messages on their way: sent ones for devices that ask once more, and decrypted ones that wait to be stored for good.

use std::sync::Arc;

use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{PendingInboundKey, PendingInboundRow};

use crate::sqlite::parked::Key;
use crate::sqlite::statement::{bytes, execute, first};
use crate::sqlite::{DEVICE, SqliteBackend};

impl SqliteBackend {
    pub(super) async fn put_sent(&self, chat: &str, id: &str, payload: &[u8]) -> Result<()> {
        let (chat, id, payload) = (chat.to_owned(), id.to_owned(), payload.to_vec());
        self.write("store a sent message", move |connection| {
            // Replaced, not updated: the time at which it is too old begins anew.
            let sql = "REPLACE INTO sent_messages (chat_jid, message_id, payload, device_id) VALUES (?1, ?2, ?3, ?4)";
            execute(connection, sql, (&chat, &id, &payload, DEVICE)).map(drop)
        })
        .await
    }

    pub(super) async fn take_sent(&self, chat: &str, id: &str) -> Result<Option<Vec<u8>>> {
        let (chat, id) = (chat.to_owned(), id.to_owned());
        self.write("take out a sent message", move |connection| {
            let sql = "DELETE FROM sent_messages WHERE chat_jid = ?1 AND message_id = ?2 AND device_id = ?3 \
                 RETURNING payload";
            first(connection, sql, (&chat, &id, DEVICE), |row| bytes(row, 0))
        })
        .await
    }

    pub(super) async fn expire_sent(&self, cutoff_s: i64) -> Result<u32> {
        self.write("delete old sent messages", move |connection| {
            let sql = "DELETE FROM sent_messages WHERE created_at < ?1 AND device_id = ?2";
            Ok(execute(connection, sql, (cutoff_s, DEVICE))? as u32)
        })
        .await
    }

    pub(super) fn put_pending(&self, rows: &[PendingInboundRow<'_>]) {
        for row in rows {
            self.parked.put(key(row.chat, row.sender, row.id), row.message.to_vec());
        }
    }

    /// Asked for duplicates only. It takes its turn among the writes, so that it sees what waited for a commit.
    pub(super) async fn pending(&self, chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>> {
        let wanted = key(chat, sender, id);
        let parked = Arc::clone(&self.parked);
        self.write("read a message that came in", move |connection| {
            let sql = "SELECT message FROM pending_inbound_messages \
                 WHERE chat = ?1 AND sender = ?2 AND id = ?3 AND device_id = ?4";
            let (chat, sender, id) = &wanted;
            let found = first(connection, sql, (chat, sender, id, DEVICE), |row| bytes(row, 0))?;
            if found.is_some() {
                parked.found(wanted.clone());
            }
            Ok(found)
        })
        .await
    }

    pub(super) fn forget_pending(&self, keys: &[PendingInboundKey<'_>]) {
        for row in keys {
            self.parked.delete(key(row.chat, row.sender, row.id));
        }
    }

    pub(super) async fn expire_pending(&self, cutoff_s: i64) -> Result<u32> {
        self.write("delete old messages that came in", move |connection| {
            let sql = "DELETE FROM pending_inbound_messages WHERE inserted_at < ?1 AND device_id = ?2";
            Ok(execute(connection, sql, (cutoff_s, DEVICE))? as u32)
        })
        .await
    }
}

fn key(chat: &str, sender: &str, id: &str) -> Key {
    (chat.to_owned(), sender.to_owned(), id.to_owned())
}
