//! What the protocol keeps beside Signal: devices, LIDs, tokens, and messages on their way in and out.
//! Every method only passes through the gate: see [`super`].

use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::store::error::{Result, StoreError};
use whatsapp_rust::wacore::store::traits::{
    DeviceListRecord, LidPnMappingEntry, PendingInboundKey, PendingInboundRow, ProtocolStore, TcTokenEntry,
};

use super::EngineStore;

#[async_trait]
impl ProtocolStore for EngineStore {
    async fn get_sender_key_devices(&self, group_jid: &str) -> Result<Vec<(String, bool)>> {
        let reading = self.reading()?;
        let result = reading.store().get_sender_key_devices(group_jid).await;
        reading.ended(result)
    }

    async fn set_sender_key_status(&self, group_jid: &str, entries: &[(&str, bool)]) -> Result<()> {
        let repeats = self.ledger.as_ref().is_some_and(|ledger| ledger.repeats_to(group_jid));
        let entries: Vec<(&str, bool)> =
            entries.iter().copied().filter(|(_, has_key)| !(*has_key && repeats)).collect();
        if entries.is_empty() {
            return Ok(());
        }
        let writing = self.writing()?;
        let result = writing.store().set_sender_key_status(group_jid, &entries).await;
        writing.ended(result)
    }

    async fn clear_sender_key_devices(&self, group_jid: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().clear_sender_key_devices(group_jid).await;
        writing.ended(result)
    }

    async fn delete_sender_key_device_rows(&self, device_jids: &[&str]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_sender_key_device_rows(device_jids).await;
        writing.ended(result)
    }

    async fn clear_all_sender_key_devices(&self) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().clear_all_sender_key_devices().await;
        writing.ended(result)
    }

    async fn get_lid_mapping(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        let reading = self.reading()?;
        let result = reading.store().get_lid_mapping(lid).await;
        reading.ended(result)
    }

    async fn get_pn_mapping(&self, phone: &str) -> Result<Option<LidPnMappingEntry>> {
        let reading = self.reading()?;
        let result = reading.store().get_pn_mapping(phone).await;
        reading.ended(result)
    }

    async fn put_lid_mapping(&self, entry: &LidPnMappingEntry) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_lid_mapping(entry).await;
        writing.ended(result)
    }

    async fn put_lid_mappings(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_lid_mappings(entries).await;
        writing.ended(result)
    }

    async fn get_all_lid_mappings(&self) -> Result<Vec<LidPnMappingEntry>> {
        let reading = self.reading()?;
        let result = reading.store().get_all_lid_mappings().await;
        reading.ended(result)
    }

    async fn save_base_key(&self, address: &str, message_id: &str, base_key: &[u8]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().save_base_key(address, message_id, base_key).await;
        writing.ended(result)
    }

    async fn has_same_base_key(
        &self,
        address: &str,
        message_id: &str,
        current_base_key: &[u8],
    ) -> Result<bool> {
        let reading = self.reading()?;
        let result = reading.store().has_same_base_key(address, message_id, current_base_key).await;
        reading.ended(result)
    }

    async fn delete_base_key(&self, address: &str, message_id: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_base_key(address, message_id).await;
        writing.ended(result)
    }

    async fn update_device_list(&self, record: DeviceListRecord) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().update_device_list(record).await;
        writing.ended(result)
    }

    async fn update_device_lists(&self, records: Vec<DeviceListRecord>) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().update_device_lists(records).await;
        writing.ended(result)
    }

    async fn get_devices(&self, user: &str) -> Result<Option<DeviceListRecord>> {
        let reading = self.reading()?;
        let result = reading.store().get_devices(user).await;
        reading.ended(result)
    }

    async fn delete_devices(&self, user: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_devices(user).await;
        writing.ended(result)
    }

    async fn get_group_metadata(&self, group_jid: &str) -> Result<Option<Vec<u8>>> {
        let reading = self.reading()?;
        let result = reading.store().get_group_metadata(group_jid).await;
        reading.ended(result)
    }

    async fn put_group_metadata(&self, group_jid: &str, blob: &[u8]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_group_metadata(group_jid, blob).await;
        writing.ended(result)
    }

    async fn delete_group_metadata(&self, group_jid: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_group_metadata(group_jid).await;
        writing.ended(result)
    }

    async fn get_tc_token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        let reading = self.reading()?;
        let result = reading.store().get_tc_token(jid).await;
        reading.ended(result)
    }

    async fn put_tc_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().put_tc_token(jid, entry).await;
        writing.ended(result)
    }

    async fn delete_tc_token(&self, jid: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_tc_token(jid).await;
        writing.ended(result)
    }

    async fn get_all_tc_token_jids(&self) -> Result<Vec<String>> {
        let reading = self.reading()?;
        let result = reading.store().get_all_tc_token_jids().await;
        reading.ended(result)
    }

    async fn delete_expired_tc_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        let writing = self.writing()?;
        let result = writing.store().delete_expired_tc_tokens(token_cutoff, sender_cutoff).await;
        writing.ended(result)
    }

    async fn touch_tc_token_sender_timestamp(&self, jid: &str, sender_timestamp: i64) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().touch_tc_token_sender_timestamp(jid, sender_timestamp).await;
        writing.ended(result)
    }

    async fn store_received_tc_token(&self, jid: &str, token: &[u8], token_timestamp: i64) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().store_received_tc_token(jid, token, token_timestamp).await;
        writing.ended(result)
    }

    async fn store_sent_message(&self, chat_jid: &str, message_id: &str, payload: &[u8]) -> Result<()> {
        // The row of a send was on the disk before the client got it. It is what a device gets that asks for it again.
        if self.ledger.as_ref().is_some_and(|ledger| ledger.keeps_sent(message_id, payload)) {
            return self.writing()?.ended(Ok(()));
        }
        let writing = self.writing()?;
        let result = writing.store().store_sent_message(chat_jid, message_id, payload).await;
        writing.ended(result)
    }

    async fn take_sent_message(&self, chat_jid: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        // The client takes a message out and puts it back. Of two devices that ask for one message at the same time, the
        // second would find nothing, and a process that ends in between loses it. So it stays until it expires.
        let reading = self.reading()?;
        let result = wakeeper_engine_store::sent_message(&self.path, chat_jid, message_id).await;
        let found = reading.ended(result.map_err(|error| StoreError::Database(Box::new(error))))?;
        match (found, &self.ledger) {
            (None, Some(ledger)) => {
                let kept = ledger.sent(chat_jid, message_id).await;
                kept.map_err(|error| StoreError::Io(std::io::Error::other(error)))
            }
            (found, _) => Ok(found),
        }
    }

    async fn delete_expired_sent_messages(&self, cutoff_timestamp: i64) -> Result<u32> {
        let writing = self.writing()?;
        let result = writing.store().delete_expired_sent_messages(cutoff_timestamp).await;
        writing.ended(result)
    }

    async fn store_pending_inbound(&self, chat: &str, sender: &str, id: &str, message: &[u8]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().store_pending_inbound(chat, sender, id, message).await;
        writing.ended(result)
    }

    async fn get_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>> {
        // It commits the rows that wait before it looks for one, so a failure counts as that of a write.
        let writing = self.writing()?;
        let result = writing.store().get_pending_inbound(chat, sender, id).await;
        // The client asks for duplicates only, and acknowledges those that no row waits for.
        match writing.ended(result)? {
            Some(row) => Ok(Some(row)),
            None => self.duplicate(chat, sender, id).await.map(|()| None),
        }
    }

    async fn delete_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_pending_inbound(chat, sender, id).await;
        writing.ended(result)
    }

    async fn delete_expired_pending_inbound(&self, cutoff_timestamp: i64) -> Result<u32> {
        let writing = self.writing()?;
        let result = writing.store().delete_expired_pending_inbound(cutoff_timestamp).await;
        writing.ended(result)
    }

    async fn store_pending_inbound_batch(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().store_pending_inbound_batch(rows).await;
        writing.ended(result)
    }

    async fn delete_pending_inbound_batch(&self, keys: &[PendingInboundKey<'_>]) -> Result<()> {
        let writing = self.writing()?;
        let result = writing.store().delete_pending_inbound_batch(keys).await;
        writing.ended(result)
    }
}
