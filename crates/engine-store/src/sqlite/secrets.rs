//! Secrets of messages, for edits and votes that come later.

use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{MsgSecretEntry, MsgSecretStore};
use whatsapp_rust::wacore::time;

use super::statement::{bytes, execute, first};
use super::{DEVICE, SqliteBackend};

/// The later deadline stays, and none (0) is the latest; so does the later time of the message.
const PUT: &str = "INSERT INTO msg_secrets \
         (chat, sender, msg_id, secret, device_id, created_at, expires_at, message_ts) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
     ON CONFLICT (chat, sender, msg_id, device_id) DO UPDATE SET \
         secret = excluded.secret, created_at = excluded.created_at, \
         expires_at = CASE WHEN msg_secrets.expires_at = 0 OR excluded.expires_at = 0 THEN 0 \
             ELSE MAX(msg_secrets.expires_at, excluded.expires_at) END, \
         message_ts = MAX(msg_secrets.message_ts, excluded.message_ts)";

#[async_trait]
impl MsgSecretStore for SqliteBackend {
    async fn put_msg_secrets(&self, entries: Vec<MsgSecretEntry>) -> Result<usize> {
        if entries.is_empty() {
            return Ok(0);
        }
        let now = time::now_secs();
        // The client keeps them in a buffer of its own until this is answered, and looks there first.
        self.write_patiently("store secrets of messages", move |connection| {
            let mut stored = 0;
            for entry in &entries {
                let key = (&*entry.chat, &*entry.sender, &*entry.msg_id);
                let times = (now, entry.expires_at, entry.message_ts);
                let params = (key.0, key.1, key.2, &entry.secret[..], DEVICE, times.0, times.1, times.2);
                stored += execute(connection, PUT, params)?;
            }
            Ok(stored)
        })
        .await
    }

    async fn get_msg_secret(&self, chat: &str, sender: &str, msg_id: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get_msg_secret_with_ts(chat, sender, msg_id).await?.map(|(secret, _)| secret))
    }

    async fn get_msg_secret_with_ts(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
    ) -> Result<Option<(Vec<u8>, i64)>> {
        let (chat, sender, msg_id) = (chat.to_owned(), sender.to_owned(), msg_id.to_owned());
        self.read("read a message's secret", move |connection| {
            let sql = "SELECT secret, message_ts FROM msg_secrets \
                 WHERE chat = ?1 AND sender = ?2 AND msg_id = ?3 AND device_id = ?4";
            let params = (&chat, &sender, &msg_id, DEVICE);
            first(connection, sql, params, |row| Ok((bytes(row, 0)?, row.get(1)?)))
        })
        .await
    }

    async fn delete_expired_msg_secrets(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.write("delete old secrets of messages", move |connection| {
            let sql = "DELETE FROM msg_secrets WHERE expires_at <> 0 AND expires_at <= ?1 AND device_id = ?2";
            Ok(execute(connection, sql, (cutoff_timestamp, DEVICE))? as u32)
        })
        .await
    }
}
