//! Which devices people have, and the base keys by which a Signal session that is made again is known.

use whatsapp_rust::wacore::store::error::{Result, StoreError};
use whatsapp_rust::wacore::store::traits::DeviceListRecord;
use whatsapp_rust::wacore::time;

use crate::sqlite::statement::{bytes, execute, first};
use crate::sqlite::{DEVICE, SqliteBackend};

fn json_error(error: serde_json::Error) -> StoreError {
    StoreError::Serialization(Box::new(error))
}

impl SqliteBackend {
    pub(super) async fn put_device_lists(&self, records: Vec<DeviceListRecord>) -> Result<()> {
        const PUT: &str = "INSERT INTO device_registry \
                 (user_id, devices_json, timestamp, phash, device_id, updated_at, raw_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (user_id, device_id) \
             DO UPDATE SET devices_json = excluded.devices_json, timestamp = excluded.timestamp, \
                 phash = excluded.phash, updated_at = excluded.updated_at, raw_id = excluded.raw_id";
        if records.is_empty() {
            return Ok(());
        }
        let with_json = |record: DeviceListRecord| {
            serde_json::to_string(&record.devices).map(|json| (record, json)).map_err(json_error)
        };
        let records = records.into_iter().map(with_json).collect::<Result<Vec<_>>>()?;
        let now = time::now_secs();
        self.write("store lists of devices", move |connection| {
            for (record, json) in &records {
                let raw_id = record.raw_id.map(|id| id as i32);
                // The client's store keeps 32 bits of the time, and reads no more.
                let timestamp = record.timestamp as i32;
                let params = (&record.user, json, timestamp, &record.phash, DEVICE, now, raw_id);
                execute(connection, PUT, params)?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn device_list(&self, user: &str) -> Result<Option<DeviceListRecord>> {
        let user = user.to_owned();
        let found = self
            .read("read a list of devices", move |connection| {
                let sql = "SELECT user_id, devices_json, timestamp, phash, raw_id FROM device_registry \
                     WHERE user_id = ?1 AND device_id = ?2";
                first(connection, sql, (&user, DEVICE), |row| {
                    let record = DeviceListRecord {
                        user: row.get(0)?,
                        devices: Vec::new(),
                        timestamp: row.get(2)?,
                        phash: row.get(3)?,
                        raw_id: row.get::<_, Option<i64>>(4)?.map(|id| id as u32),
                    };
                    Ok((record, row.get::<_, String>(1)?))
                })
            })
            .await?;
        let whole = |(record, json): (DeviceListRecord, String)| {
            let devices = serde_json::from_str(&json).map_err(json_error)?;
            Ok(DeviceListRecord { devices, ..record })
        };
        found.map(whole).transpose()
    }

    pub(super) async fn forget_device_list(&self, user: &str) -> Result<()> {
        let user = user.to_owned();
        self.write("forget a list of devices", move |connection| {
            let sql = "DELETE FROM device_registry WHERE user_id = ?1 AND device_id = ?2";
            execute(connection, sql, (&user, DEVICE)).map(drop)
        })
        .await
    }

    pub(super) async fn put_base_key(&self, address: &str, message_id: &str, key: &[u8]) -> Result<()> {
        const PUT: &str = "INSERT INTO base_keys (address, message_id, base_key, device_id, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (address, message_id, device_id) \
             DO UPDATE SET base_key = excluded.base_key";
        let (address, message_id, key) = (address.to_owned(), message_id.to_owned(), key.to_vec());
        let now = time::now_secs();
        self.write("store a base key", move |connection| {
            execute(connection, PUT, (&address, &message_id, &key, DEVICE, now)).map(drop)
        })
        .await
    }

    pub(super) async fn base_key(&self, address: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        let (address, message_id) = (address.to_owned(), message_id.to_owned());
        self.read("read a base key", move |connection| {
            let sql =
                "SELECT base_key FROM base_keys WHERE address = ?1 AND message_id = ?2 AND device_id = ?3";
            first(connection, sql, (&address, &message_id, DEVICE), |row| bytes(row, 0))
        })
        .await
    }

    pub(super) async fn forget_base_key(&self, address: &str, message_id: &str) -> Result<()> {
        let (address, message_id) = (address.to_owned(), message_id.to_owned());
        self.write("delete a base key", move |connection| {
            let sql = "DELETE FROM base_keys WHERE address = ?1 AND message_id = ?2 AND device_id = ?3";
            execute(connection, sql, (&address, &message_id, DEVICE)).map(drop)
        })
        .await
    }
}
