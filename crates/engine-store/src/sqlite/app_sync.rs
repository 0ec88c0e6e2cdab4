//! App state: its keys, versions and checksums.

use std::collections::HashMap;

use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{AppStateSyncKey, AppSyncStore};

use super::statement::{all, bytes, execute, first};
use super::{DEVICE, SqliteBackend, wire};

const GET_MAC: &str = "SELECT value_mac FROM app_state_mutation_macs \
     WHERE name = ?1 AND index_mac = ?2 AND device_id = ?3";

#[async_trait]
impl AppSyncStore for SqliteBackend {
    async fn get_sync_key(&self, key_id: &[u8]) -> Result<Option<AppStateSyncKey>> {
        let key_id = key_id.to_vec();
        let found = self.read("read an app state key", move |connection| {
            let sql = "SELECT key_data FROM app_state_keys WHERE key_id = ?1 AND device_id = ?2";
            first(connection, sql, (&key_id, DEVICE), |row| bytes(row, 0))
        });
        // One that cannot be decoded counts as absent: the client asks the phone for it, and it is written anew.
        Ok(found.await?.and_then(|found| {
            let key = wire::decode_sync_key(&found);
            key.inspect_err(|error| tracing::warn!(%error, "an app state key is damaged and is asked for"))
                .ok()
        }))
    }

    async fn set_sync_key(&self, key_id: &[u8], key: AppStateSyncKey) -> Result<()> {
        const PUT: &str = "INSERT INTO app_state_keys (key_id, key_data, device_id) VALUES (?1, ?2, ?3) \
             ON CONFLICT (key_id, device_id) DO UPDATE SET key_data = excluded.key_data";
        let (key_id, data) = (key_id.to_vec(), wire::encode_sync_key(&key));
        self.write("store an app state key", move |connection| {
            execute(connection, PUT, (&key_id, &data, DEVICE)).map(drop)
        })
        .await
    }

    async fn get_version(&self, name: &str) -> Result<HashState> {
        let name = name.to_owned();
        let found = self.read("read an app state version", move |connection| {
            let sql = "SELECT state_data FROM app_state_versions WHERE name = ?1 AND device_id = ?2";
            first(connection, sql, (&name, DEVICE), |row| bytes(row, 0))
        });
        // One that cannot be decoded counts as none: the collection is fetched again from its beginning.
        Ok(found.await?.map_or_else(HashState::default, |found| {
            wire::decode_hash_state(&found).unwrap_or_else(|error| {
                tracing::warn!(%error, "an app state version is damaged; its collection is fetched again");
                HashState::default()
            })
        }))
    }

    async fn set_version(&self, name: &str, state: HashState) -> Result<()> {
        const PUT: &str = "INSERT INTO app_state_versions (name, state_data, device_id) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name, device_id) DO UPDATE SET state_data = excluded.state_data";
        let (name, data) = (name.to_owned(), wire::encode_hash_state(&state));
        self.write("store an app state version", move |connection| {
            execute(connection, PUT, (&name, &data, DEVICE)).map(drop)
        })
        .await
    }

    async fn put_mutation_macs(
        &self,
        name: &str,
        version: u64,
        mutations: &[AppStateMutationMAC],
    ) -> Result<()> {
        const PUT: &str = "INSERT INTO app_state_mutation_macs (name, version, index_mac, value_mac, device_id) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name, index_mac, device_id) \
             DO UPDATE SET version = excluded.version, value_mac = excluded.value_mac";
        if mutations.is_empty() {
            return Ok(());
        }
        let (name, mutations) = (name.to_owned(), mutations.to_vec());
        self.write("store app state checksums", move |connection| {
            for mutation in &mutations {
                let params = (&name, version as i64, &mutation.index_mac, &mutation.value_mac, DEVICE);
                execute(connection, PUT, params)?;
            }
            Ok(())
        })
        .await
    }

    async fn get_mutation_mac(&self, name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>> {
        let (name, index_mac) = (name.to_owned(), index_mac.to_vec());
        self.read("read an app state checksum", move |connection| {
            first(connection, GET_MAC, (&name, &index_mac, DEVICE), |row| bytes(row, 0))
        })
        .await
    }

    async fn get_mutation_macs(
        &self,
        name: &str,
        index_macs: &[[u8; 32]],
    ) -> Result<HashMap<[u8; 32], Vec<u8>>> {
        if index_macs.is_empty() {
            return Ok(HashMap::new());
        }
        let (name, index_macs) = (name.to_owned(), index_macs.to_vec());
        self.read("read app state checksums", move |connection| {
            let mut found = HashMap::with_capacity(index_macs.len());
            for index_mac in &index_macs {
                let value = first(connection, GET_MAC, (&name, index_mac, DEVICE), |row| bytes(row, 0))?;
                found.extend(value.map(|value| (*index_mac, value)));
            }
            Ok(found)
        })
        .await
    }

    async fn delete_mutation_macs(&self, name: &str, index_macs: &[Vec<u8>]) -> Result<()> {
        if index_macs.is_empty() {
            return Ok(());
        }
        let (name, index_macs) = (name.to_owned(), index_macs.to_vec());
        self.write("delete app state checksums", move |connection| {
            for index_mac in &index_macs {
                let sql = "DELETE FROM app_state_mutation_macs \
                     WHERE name = ?1 AND index_mac = ?2 AND device_id = ?3";
                execute(connection, sql, (&name, index_mac, DEVICE))?;
            }
            Ok(())
        })
        .await
    }

    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.write("delete all checksums of an app state", move |connection| {
            let sql = "DELETE FROM app_state_mutation_macs WHERE name = ?1 AND device_id = ?2";
            execute(connection, sql, (&name, DEVICE)).map(drop)
        })
        .await
    }

    async fn get_latest_sync_key_id(&self) -> Result<Option<Vec<u8>>> {
        // The newest that can be used: with a damaged one the client would fail instead of asking for it.
        self.read("read the newest app state key", |connection| {
            let sql = "SELECT key_id, key_data FROM app_state_keys WHERE device_id = ?1 ORDER BY key_id DESC";
            let keys = all(connection, sql, [DEVICE], |row| Ok((bytes(row, 0)?, bytes(row, 1)?)))?;
            Ok(keys.into_iter().find(|(_, data)| wire::decode_sync_key(data).is_ok()).map(|(id, _)| id))
        })
        .await
    }
}
