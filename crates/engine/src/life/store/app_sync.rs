//! App state: its keys, versions and checksums.
//! Every method only passes through the gate: see [`super`].

use std::collections::HashMap;
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{AppStateSyncKey, AppSyncStore};

use super::EngineStore;

#[async_trait]
impl AppSyncStore for EngineStore {
    async fn get_sync_key(&self, key_id: &[u8]) -> Result<Option<AppStateSyncKey>> {
        let reading = self.reading()?;
        let result = reading.store().get_sync_key(key_id).await;
        reading.ended(result)
    }

    async fn set_sync_key(&self, key_id: &[u8], key: AppStateSyncKey) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().set_sync_key(key_id, key).await;
        writing.ended(result)
    }

    async fn get_version(&self, name: &str) -> Result<HashState> {
        let reading = self.reading()?;
        let result = reading.store().get_version(name).await;
        reading.ended(result)
    }

    async fn set_version(&self, name: &str, state: HashState) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().set_version(name, state).await;
        writing.ended(result)
    }

    async fn put_mutation_macs(
        &self,
        name: &str,
        version: u64,
        mutations: &[AppStateMutationMAC],
    ) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_mutation_macs(name, version, mutations).await;
        writing.ended(result)
    }

    async fn get_mutation_mac(&self, name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>> {
        let reading = self.reading()?;
        let result = reading.store().get_mutation_mac(name, index_mac).await;
        reading.ended(result)
    }

    async fn get_mutation_macs(
        &self,
        name: &str,
        index_macs: &[[u8; 32]],
    ) -> Result<HashMap<[u8; 32], Vec<u8>>> {
        let reading = self.reading()?;
        let result = reading.store().get_mutation_macs(name, index_macs).await;
        reading.ended(result)
    }

    async fn delete_mutation_macs(&self, name: &str, index_macs: &[Vec<u8>]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_mutation_macs(name, index_macs).await;
        writing.ended(result)
    }

    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().clear_mutation_macs(name).await;
        writing.ended(result)
    }

    async fn get_latest_sync_key_id(&self) -> Result<Option<Vec<u8>>> {
        let reading = self.reading()?;
        let result = reading.store().get_latest_sync_key_id().await;
        reading.ended(result)
    }
}
