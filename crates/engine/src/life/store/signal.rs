//! Sessions, identities, pre-keys and sender keys.
//! Every method only passes through the gate: see [`super`].

use std::sync::Arc;
use whatsapp_rust::async_trait;

use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::SignalStore;

use super::EngineStore;

#[async_trait]
impl SignalStore for EngineStore {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_identity(address, key).await;
        writing.ended(result)
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_identities_batch(identities).await;
        writing.ended(result)
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        let reading = self.reading()?;
        let result = reading.store().load_identity(address).await;
        reading.ended(result)
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_identity(address).await;
        writing.ended(result)
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        let reading = self.reading()?;
        let result = reading.store().get_session(address).await;
        reading.ended(result)
    }

    async fn put_session(&self, address: &str, session: &[u8]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_session(address, session).await;
        writing.ended(result)
    }

    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_sessions_batch(sessions).await;
        writing.ended(result)
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_session(address).await;
        writing.ended(result)
    }

    async fn has_session(&self, address: &str) -> Result<bool> {
        let reading = self.reading()?;
        let result = reading.store().has_session(address).await;
        reading.ended(result)
    }

    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        let reading = self.reading()?;
        let result = reading.store().has_signal_state_for_user(user).await;
        reading.ended(result)
    }

    async fn store_prekey(&self, id: u32, record: &[u8], uploaded: bool) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().store_prekey(id, record, uploaded).await;
        writing.ended(result)
    }

    async fn store_prekeys_batch(&self, keys: &[(u32, Bytes)], uploaded: bool) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().store_prekeys_batch(keys, uploaded).await;
        writing.ended(result)
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        let reading = self.reading()?;
        let result = reading.store().load_prekey(id).await;
        reading.ended(result)
    }

    async fn load_prekeys_batch(&self, ids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
        let reading = self.reading()?;
        let result = reading.store().load_prekeys_batch(ids).await;
        reading.ended(result)
    }

    async fn mark_prekeys_uploaded(&self, ids: &[u32]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().mark_prekeys_uploaded(ids).await;
        writing.ended(result)
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().remove_prekey(id).await;
        writing.ended(result)
    }

    async fn get_max_prekey_id(&self) -> Result<u32> {
        let reading = self.reading()?;
        let result = reading.store().get_max_prekey_id().await;
        reading.ended(result)
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().store_signed_prekey(id, record).await;
        writing.ended(result)
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        let reading = self.reading()?;
        let result = reading.store().load_signed_prekey(id).await;
        reading.ended(result)
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let reading = self.reading()?;
        let result = reading.store().load_all_signed_prekeys().await;
        reading.ended(result)
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().remove_signed_prekey(id).await;
        writing.ended(result)
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_sender_key(address, record).await;
        writing.ended(result)
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_sender_keys_batch(sender_keys).await;
        writing.ended(result)
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        let reading = self.reading()?;
        let result = reading.store().get_sender_key(address).await;
        reading.ended(result)
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_sender_key(address).await;
        writing.ended(result)
    }
}
