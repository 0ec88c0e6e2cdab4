//! Tokens of trusted contacts.

use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::TcTokenEntry;
use whatsapp_rust::wacore::time;

use crate::sqlite::statement::{all, bytes, execute, first};
use crate::sqlite::{DEVICE, SqliteBackend};

/// A newer token replaces an older one, and any replaces the empty one that stands in for it. When we sent ours stays.
const RECEIVED: &str = "INSERT INTO tc_tokens (jid, token, token_timestamp, sender_timestamp, device_id, updated_at) \
     VALUES (?1, ?2, ?3, NULL, ?4, ?5) ON CONFLICT (jid, device_id) \
     DO UPDATE SET token = excluded.token, token_timestamp = excluded.token_timestamp, updated_at = excluded.updated_at \
     WHERE tc_tokens.token = x'' OR excluded.token_timestamp >= tc_tokens.token_timestamp";

/// The time only moves on, and the token stays.
const SENT: &str = "INSERT INTO tc_tokens (jid, token, token_timestamp, sender_timestamp, device_id, updated_at) \
     VALUES (?1, x'', ?2, ?2, ?3, ?4) ON CONFLICT (jid, device_id) \
     DO UPDATE SET sender_timestamp = MAX(COALESCE(tc_tokens.sender_timestamp, ?2), ?2), \
         updated_at = excluded.updated_at";

impl SqliteBackend {
    pub(super) async fn token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        let jid = jid.to_owned();
        self.read("read a contact's token", move |connection| {
            let sql = "SELECT token, token_timestamp, sender_timestamp FROM tc_tokens \
                 WHERE jid = ?1 AND device_id = ?2";
            first(connection, sql, (&jid, DEVICE), |row| {
                let token = bytes(row, 0)?;
                Ok(TcTokenEntry { token, token_timestamp: row.get(1)?, sender_timestamp: row.get(2)? })
            })
        })
        .await
    }

    pub(super) async fn put_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        const PUT: &str = "INSERT INTO tc_tokens \
                 (jid, token, token_timestamp, sender_timestamp, device_id, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (jid, device_id) \
             DO UPDATE SET token = excluded.token, token_timestamp = excluded.token_timestamp, \
                 sender_timestamp = excluded.sender_timestamp, updated_at = excluded.updated_at";
        let (jid, entry, now) = (jid.to_owned(), entry.clone(), time::now_secs());
        self.write("store a contact's token", move |connection| {
            let TcTokenEntry { token, token_timestamp, sender_timestamp } = &entry;
            execute(connection, PUT, (&jid, token, token_timestamp, sender_timestamp, DEVICE, now)).map(drop)
        })
        .await
    }

    pub(super) async fn forget_token(&self, jid: &str) -> Result<()> {
        let jid = jid.to_owned();
        self.write("delete a contact's token", move |connection| {
            let sql = "DELETE FROM tc_tokens WHERE jid = ?1 AND device_id = ?2";
            execute(connection, sql, (&jid, DEVICE)).map(drop)
        })
        .await
    }

    pub(super) async fn token_jids(&self) -> Result<Vec<String>> {
        self.read("list contacts with tokens", |connection| {
            let sql = "SELECT jid FROM tc_tokens WHERE device_id = ?1";
            all(connection, sql, [DEVICE], |row| row.get(0))
        })
        .await
    }

    /// Deletes rows of which nothing is in use: neither the token nor the time at which ours was sent.
    pub(super) async fn expire_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        self.write("delete old tokens of contacts", move |connection| {
            let sql = "DELETE FROM tc_tokens WHERE (token = x'' OR token_timestamp < ?1) \
                 AND (sender_timestamp IS NULL OR sender_timestamp < ?2) AND device_id = ?3";
            Ok(execute(connection, sql, (token_cutoff, sender_cutoff, DEVICE))? as u32)
        })
        .await
    }

    pub(super) async fn token_was_sent(&self, jid: &str, at: i64) -> Result<()> {
        let (jid, now) = (jid.to_owned(), time::now_secs());
        self.write("note that a contact got a token", move |connection| {
            execute(connection, SENT, (&jid, at, DEVICE, now)).map(drop)
        })
        .await
    }

    pub(super) async fn token_was_received(&self, jid: &str, token: &[u8], at: i64) -> Result<()> {
        let (jid, token, now) = (jid.to_owned(), token.to_vec(), time::now_secs());
        self.write("store a token that a contact sent", move |connection| {
            execute(connection, RECEIVED, (&jid, &token, at, DEVICE, now)).map(drop)
        })
        .await
    }
}
