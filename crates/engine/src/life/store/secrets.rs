//! Secrets of messages, for edits and votes that come later.
//! Every method only passes through the gate: see [`super`].

use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::reporting_token::MESSAGE_SECRET_SIZE;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{MsgSecretEntry, MsgSecretStore};

use super::EngineStore;

#[async_trait]
impl MsgSecretStore for EngineStore {
    async fn put_msg_secret(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
        secret: &[u8; MESSAGE_SECRET_SIZE],
    ) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_msg_secret(chat, sender, msg_id, secret).await;
        writing.ended(result)
    }

    async fn put_msg_secrets(&self, entries: Vec<MsgSecretEntry>) -> Result<usize> {
        let writing = self.writing()?;
        let result = writing.store().put_msg_secrets(entries).await;
        writing.ended(result)
    }

    async fn get_msg_secret(&self, chat: &str, sender: &str, msg_id: &str) -> Result<Option<Vec<u8>>> {
        let reading = self.reading()?;
        let result = reading.store().get_msg_secret(chat, sender, msg_id).await;
        reading.ended(result)
    }

    async fn get_msg_secret_with_ts(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
    ) -> Result<Option<(Vec<u8>, i64)>> {
        let reading = self.reading()?;
        let result = reading.store().get_msg_secret_with_ts(chat, sender, msg_id).await;
        reading.ended(result)
    }

    async fn delete_expired_msg_secrets(&self, cutoff_timestamp: i64) -> Result<u32> {
        let writing = self.writing()?;
        let result = writing.store().delete_expired_msg_secrets(cutoff_timestamp).await;
        writing.ended(result)
    }
}
