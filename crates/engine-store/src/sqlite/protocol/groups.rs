//! Groups: what is known of them, and which devices have our sender key.

use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::time;

use crate::sqlite::statement::{all, bytes, execute, first};
use crate::sqlite::{DEVICE, SqliteBackend};

impl SqliteBackend {
    pub(super) async fn key_holders(&self, group: &str) -> Result<Vec<(String, bool)>> {
        let group = group.to_owned();
        self.read("read who has a group's sender key", move |connection| {
            let sql =
                "SELECT device_jid, has_key FROM sender_key_devices WHERE group_jid = ?1 AND device_id = ?2";
            all(connection, sql, (&group, DEVICE), |row| Ok((row.get(0)?, row.get::<_, i64>(1)? != 0)))
        })
        .await
    }

    pub(super) async fn set_key_holders(&self, group: &str, holders: &[(&str, bool)]) -> Result<()> {
        const PUT: &str = "INSERT INTO sender_key_devices (group_jid, device_jid, has_key, device_id, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (group_jid, device_jid, device_id) \
             DO UPDATE SET has_key = excluded.has_key, updated_at = excluded.updated_at";
        if holders.is_empty() {
            return Ok(());
        }
        let group = group.to_owned();
        let holders: Vec<_> = holders.iter().map(|(jid, has_key)| ((*jid).to_owned(), *has_key)).collect();
        let now = time::now_secs();
        self.write("store who has a group's sender key", move |connection| {
            for (jid, has_key) in &holders {
                execute(connection, PUT, (&group, jid, has_key, DEVICE, now))?;
            }
            Ok(())
        })
        .await
    }

    /// Of one group, or of all.
    pub(super) async fn clear_key_holders(&self, group: Option<&str>) -> Result<()> {
        const OF_ONE: &str = "DELETE FROM sender_key_devices WHERE group_jid = ?1 AND device_id = ?2";
        const OF_ALL: &str = "DELETE FROM sender_key_devices WHERE device_id = ?1";
        let group = group.map(str::to_owned);
        self.write("forget who has a sender key", move |connection| match &group {
            Some(group) => execute(connection, OF_ONE, (group, DEVICE)).map(drop),
            None => execute(connection, OF_ALL, [DEVICE]).map(drop),
        })
        .await
    }

    /// In all groups.
    pub(super) async fn forget_key_holders(&self, devices: &[&str]) -> Result<()> {
        if devices.is_empty() {
            return Ok(());
        }
        let devices: Vec<_> = devices.iter().map(|&device| device.to_owned()).collect();
        self.write("forget that devices have sender keys", move |connection| {
            for device in &devices {
                let sql = "DELETE FROM sender_key_devices WHERE device_jid = ?1 AND device_id = ?2";
                execute(connection, sql, (device, DEVICE))?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn group(&self, group: &str) -> Result<Option<Vec<u8>>> {
        let group = group.to_owned();
        self.read("read a group", move |connection| {
            let sql = "SELECT info FROM group_metadata WHERE group_jid = ?1 AND device_id = ?2";
            first(connection, sql, (&group, DEVICE), |row| bytes(row, 0))
        })
        .await
    }

    pub(super) async fn put_group(&self, group: &str, info: &[u8]) -> Result<()> {
        const PUT: &str = "INSERT INTO group_metadata (group_jid, info, device_id, updated_at) \
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (group_jid, device_id) \
             DO UPDATE SET info = excluded.info, updated_at = excluded.updated_at";
        let (group, info, now) = (group.to_owned(), info.to_vec(), time::now_secs());
        self.write("store a group", move |connection| {
            execute(connection, PUT, (&group, &info, DEVICE, now)).map(drop)
        })
        .await
    }

    pub(super) async fn forget_group(&self, group: &str) -> Result<()> {
        let group = group.to_owned();
        self.write("forget a group", move |connection| {
            let sql = "DELETE FROM group_metadata WHERE group_jid = ?1 AND device_id = ?2";
            execute(connection, sql, (&group, DEVICE)).map(drop)
        })
        .await
    }
}
