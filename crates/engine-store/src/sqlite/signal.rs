//! Identities, Signal sessions, pre-keys and sender keys.

use std::sync::Arc;

use rusqlite::Connection;
use whatsapp_rust::async_trait;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::store::error::{Result, StoreError};
use whatsapp_rust::wacore::store::traits::SignalStore;

use super::row_reads::Table;
use super::statement::{all, bytes, execute, first};
use super::{DEVICE, SqliteBackend};

impl Table {
    fn put(self) -> &'static str {
        match self {
            Self::Identities => {
                "INSERT INTO identities (address, key, device_id) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (address, device_id) DO UPDATE SET key = excluded.key"
            }
            Self::Sessions => {
                "INSERT INTO sessions (address, record, device_id) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (address, device_id) DO UPDATE SET record = excluded.record"
            }
            Self::SenderKeys => {
                "INSERT INTO sender_keys (address, record, device_id) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (address, device_id) DO UPDATE SET record = excluded.record"
            }
        }
    }

    fn get(self) -> &'static str {
        match self {
            Self::Identities => "SELECT key FROM identities WHERE address = ?1 AND device_id = ?2",
            Self::Sessions => "SELECT record FROM sessions WHERE address = ?1 AND device_id = ?2",
            Self::SenderKeys => "SELECT record FROM sender_keys WHERE address = ?1 AND device_id = ?2",
        }
    }

    fn delete(self) -> &'static str {
        match self {
            Self::Identities => "DELETE FROM identities WHERE address = ?1 AND device_id = ?2",
            Self::Sessions => "DELETE FROM sessions WHERE address = ?1 AND device_id = ?2",
            Self::SenderKeys => "DELETE FROM sender_keys WHERE address = ?1 AND device_id = ?2",
        }
    }
}

impl SqliteBackend {
    async fn put_rows(
        &self,
        operation: &'static str,
        table: Table,
        rows: Vec<(Arc<str>, Bytes)>,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let row_reads = Arc::clone(&self.row_reads);
        self.write(operation, move |connection| {
            for (address, value) in &rows {
                execute(connection, table.put(), (&**address, &**value, DEVICE))?;
                row_reads.written(table, address);
            }
            Ok(())
        })
        .await
    }

    /// The row as it is at the moment at which the caller takes it: see [`super::row_reads`].
    async fn get_row(&self, operation: &'static str, table: Table, address: &str) -> Result<Option<Vec<u8>>> {
        let under_way = self.row_reads.begin(table, address);
        loop {
            let (looks, address) = (under_way.looks(), address.to_owned());
            let found = self
                .read(operation, move |connection| {
                    looks();
                    first(connection, table.get(), (&address, DEVICE), |row| bytes(row, 0))
                })
                .await?;
            if !under_way.was_overtaken() {
                return Ok(found);
            }
        }
    }

    async fn delete_row(&self, operation: &'static str, table: Table, address: &str) -> Result<()> {
        let (row_reads, address) = (Arc::clone(&self.row_reads), address.to_owned());
        self.write(operation, move |connection| {
            execute(connection, table.delete(), (&address, DEVICE))?;
            row_reads.written(table, &address);
            Ok(())
        })
        .await
    }
}

/// Whether a table has rows of any device of `user`. Addresses are `user@server` or `user:device@server`.
fn has_rows_of(connection: &Connection, sql: &str, user: &str) -> rusqlite::Result<bool> {
    let (main, other) = (format!("{user}@%"), format!("{user}:%"));
    Ok(first(connection, sql, (DEVICE, main, other), |_| Ok(()))?.is_some())
}

#[async_trait]
impl SignalStore for SqliteBackend {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        let rows = vec![(address.into(), Bytes::copy_from_slice(&key))];
        self.put_rows("store an identity key", Table::Identities, rows).await
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        let row = |(address, key): &(Arc<str>, [u8; 32])| (Arc::clone(address), Bytes::copy_from_slice(key));
        let rows = identities.iter().map(row).collect();
        self.put_rows("store identity keys", Table::Identities, rows).await
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        let found = self.get_row("read an identity key", Table::Identities, address).await?;
        let fits = |key: Vec<u8>| {
            key.try_into().map_err(|key: Vec<u8>| {
                let length = key.len();
                StoreError::Validation(format!("an identity key has {length} bytes instead of 32"))
            })
        };
        found.map(fits).transpose()
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        self.delete_row("delete an identity key", Table::Identities, address).await
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        Ok(self.get_row("read a Signal session", Table::Sessions, address).await?.map(Bytes::from))
    }

    async fn put_session(&self, address: &str, session: &[u8]) -> Result<()> {
        let rows = vec![(address.into(), Bytes::copy_from_slice(session))];
        self.put_rows("store a Signal session", Table::Sessions, rows).await
    }

    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        self.put_rows("store Signal sessions", Table::Sessions, sessions.to_vec()).await
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        self.delete_row("delete a Signal session", Table::Sessions, address).await
    }

    async fn has_session(&self, address: &str) -> Result<bool> {
        Ok(self.get_session(address).await?.is_some())
    }

    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        const SESSIONS: &str = "SELECT 1 FROM sessions WHERE device_id = ?1 \
             AND (address LIKE ?2 OR address LIKE ?3) LIMIT 1";
        const IDENTITIES: &str = "SELECT 1 FROM identities WHERE device_id = ?1 \
             AND (address LIKE ?2 OR address LIKE ?3) LIMIT 1";
        let user = user.to_owned();
        self.read("look for a contact's Signal state", move |connection| {
            Ok(has_rows_of(connection, SESSIONS, &user)? || has_rows_of(connection, IDENTITIES, &user)?)
        })
        .await
    }

    async fn store_prekey(&self, id: u32, record: &[u8], uploaded: bool) -> Result<()> {
        self.store_prekeys_batch(&[(id, Bytes::copy_from_slice(record))], uploaded).await
    }

    async fn store_prekeys_batch(&self, keys: &[(u32, Bytes)], uploaded: bool) -> Result<()> {
        const PUT: &str = "INSERT INTO prekeys (id, key, uploaded, device_id) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (id, device_id) DO UPDATE SET key = excluded.key, uploaded = excluded.uploaded";
        if keys.is_empty() {
            return Ok(());
        }
        let keys = keys.to_vec();
        self.write("store pre-keys", move |connection| {
            for (id, record) in &keys {
                execute(connection, PUT, (*id as i32, &**record, uploaded, DEVICE))?;
            }
            Ok(())
        })
        .await
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        Ok(self.load_prekeys_batch(&[id]).await?.pop().map(|(_, record)| record))
    }

    async fn load_prekeys_batch(&self, ids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = ids.to_vec();
        self.read("read pre-keys", move |connection| {
            let mut found = Vec::with_capacity(ids.len());
            for id in &ids {
                let sql = "SELECT key FROM prekeys WHERE id = ?1 AND device_id = ?2";
                let record = first(connection, sql, (*id as i32, DEVICE), |row| bytes(row, 0))?;
                found.extend(record.map(|record| (*id, Bytes::from(record))));
            }
            Ok(found)
        })
        .await
    }

    async fn mark_prekeys_uploaded(&self, ids: &[u32]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.to_vec();
        self.write("mark pre-keys as uploaded", move |connection| {
            for id in &ids {
                let sql = "UPDATE prekeys SET uploaded = 1 WHERE id = ?1 AND device_id = ?2";
                execute(connection, sql, (*id as i32, DEVICE))?;
            }
            Ok(())
        })
        .await
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        self.write("remove a pre-key", move |connection| {
            let sql = "DELETE FROM prekeys WHERE id = ?1 AND device_id = ?2";
            execute(connection, sql, (id as i32, DEVICE)).map(drop)
        })
        .await
    }

    async fn get_max_prekey_id(&self) -> Result<u32> {
        self.read("read the highest id of a pre-key", |connection| {
            let sql = "SELECT MAX(id) FROM prekeys WHERE device_id = ?1";
            let highest = first(connection, sql, [DEVICE], |row| row.get::<_, Option<i32>>(0))?;
            Ok(highest.flatten().unwrap_or(0) as u32)
        })
        .await
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        const PUT: &str = "INSERT INTO signed_prekeys (id, record, device_id) VALUES (?1, ?2, ?3) \
             ON CONFLICT (id, device_id) DO UPDATE SET record = excluded.record";
        let record = record.to_vec();
        self.write("store a signed pre-key", move |connection| {
            execute(connection, PUT, (id as i32, &record, DEVICE)).map(drop)
        })
        .await
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        self.read("read a signed pre-key", move |connection| {
            let sql = "SELECT record FROM signed_prekeys WHERE id = ?1 AND device_id = ?2";
            first(connection, sql, (id as i32, DEVICE), |row| bytes(row, 0))
        })
        .await
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        self.read("read all signed pre-keys", |connection| {
            let sql = "SELECT id, record FROM signed_prekeys WHERE device_id = ?1";
            all(connection, sql, [DEVICE], |row| Ok((row.get::<_, i32>(0)? as u32, bytes(row, 1)?)))
        })
        .await
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        self.write("remove a signed pre-key", move |connection| {
            let sql = "DELETE FROM signed_prekeys WHERE id = ?1 AND device_id = ?2";
            execute(connection, sql, (id as i32, DEVICE)).map(drop)
        })
        .await
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        let rows = vec![(address.into(), Bytes::copy_from_slice(record))];
        self.put_rows("store a sender key", Table::SenderKeys, rows).await
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        self.put_rows("store sender keys", Table::SenderKeys, sender_keys.to_vec()).await
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        self.get_row("read a sender key", Table::SenderKeys, address).await
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        self.delete_row("delete a sender key", Table::SenderKeys, address).await
    }
}
