//! Which LID belongs to which number.

use rusqlite::Row;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::LidPnMappingEntry;

use crate::sqlite::statement::{all, execute, first};
use crate::sqlite::{DEVICE, SqliteBackend};

fn entry(row: &Row<'_>) -> rusqlite::Result<LidPnMappingEntry> {
    Ok(LidPnMappingEntry {
        lid: row.get(0)?,
        phone_number: row.get(1)?,
        created_at: row.get(2)?,
        updated_at: row.get(3)?,
        learning_source: row.get(4)?,
    })
}

impl SqliteBackend {
    pub(super) async fn by_lid(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        let lid = lid.to_owned();
        self.read("read the number of a LID", move |connection| {
            let sql = "SELECT lid, phone_number, created_at, updated_at, learning_source \
                 FROM lid_pn_mapping WHERE lid = ?1 AND device_id = ?2";
            first(connection, sql, (&lid, DEVICE), entry)
        })
        .await
    }

    /// The newest of a number's LIDs.
    pub(super) async fn by_number(&self, number: &str) -> Result<Option<LidPnMappingEntry>> {
        let number = number.to_owned();
        self.read("read the LID of a number", move |connection| {
            let sql = "SELECT lid, phone_number, created_at, updated_at, learning_source \
                 FROM lid_pn_mapping WHERE phone_number = ?1 AND device_id = ?2 ORDER BY updated_at DESC LIMIT 1";
            first(connection, sql, (&number, DEVICE), entry)
        })
        .await
    }

    pub(super) async fn all_lids(&self) -> Result<Vec<LidPnMappingEntry>> {
        self.read("read all LIDs", |connection| {
            let sql = "SELECT lid, phone_number, created_at, updated_at, learning_source \
                 FROM lid_pn_mapping WHERE device_id = ?1";
            all(connection, sql, [DEVICE], entry)
        })
        .await
    }

    pub(super) async fn put_lids(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        const PUT: &str = "INSERT INTO lid_pn_mapping \
                 (lid, phone_number, created_at, updated_at, learning_source, device_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (lid, device_id) \
             DO UPDATE SET phone_number = excluded.phone_number, \
                 learning_source = excluded.learning_source, updated_at = excluded.updated_at";
        if entries.is_empty() {
            return Ok(());
        }
        let entries = entries.to_vec();
        self.write("store LIDs", move |connection| {
            for LidPnMappingEntry { lid, phone_number, created_at, updated_at, learning_source } in &entries {
                let params = (lid, phone_number, created_at, updated_at, learning_source, DEVICE);
                execute(connection, PUT, params)?;
            }
            Ok(())
        })
        .await
    }
}
