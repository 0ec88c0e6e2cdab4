//! What only passes through: settings, contacts, secrets of messages and the device itself.
//!
//! Every method is named, those with a default too: the store behind has better ones than the defaults.

use std::collections::HashMap;

use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::reporting_token::MESSAGE_SECRET_SIZE;
use whatsapp_rust::wacore::stats::StorageResourceReport;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{
    AppStateSyncKey, AppSyncStore, DeviceListRecord, DeviceStore, LidPnMappingEntry, MsgSecretEntry,
    MsgSecretStore, PendingInboundKey, PendingInboundRow, ProtocolStore, TcTokenEntry,
};

use super::RepairingStore;

/// A trait whose methods go to the store behind.
macro_rules! pass_through {
    ($trait:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* }) => {
        #[async_trait]
        impl $trait for RepairingStore {
            $(async fn $name(&self, $($argument: $type),*) -> $answer {
                self.store.$name($($argument),*).await
            })*
        }
    };
}

pass_through!(AppSyncStore {
    fn get_sync_key(key_id: &[u8]) -> Result<Option<AppStateSyncKey>>;
    fn set_sync_key(key_id: &[u8], key: AppStateSyncKey) -> Result<()>;
    fn get_version(name: &str) -> Result<HashState>;
    fn set_version(name: &str, state: HashState) -> Result<()>;
    fn put_mutation_macs(name: &str, version: u64, mutations: &[AppStateMutationMAC]) -> Result<()>;
    fn get_mutation_mac(name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>>;
    fn get_mutation_macs(name: &str, index_macs: &[[u8; 32]]) -> Result<HashMap<[u8; 32], Vec<u8>>>;
    fn delete_mutation_macs(name: &str, index_macs: &[Vec<u8>]) -> Result<()>;
    fn clear_mutation_macs(name: &str) -> Result<()>;
    fn get_latest_sync_key_id() -> Result<Option<Vec<u8>>>;
});

pass_through!(ProtocolStore {
    fn get_sender_key_devices(group: &str) -> Result<Vec<(String, bool)>>;
    fn set_sender_key_status(group: &str, entries: &[(&str, bool)]) -> Result<()>;
    fn clear_sender_key_devices(group: &str) -> Result<()>;
    fn delete_sender_key_device_rows(devices: &[&str]) -> Result<()>;
    fn clear_all_sender_key_devices() -> Result<()>;
    fn get_lid_mapping(lid: &str) -> Result<Option<LidPnMappingEntry>>;
    fn get_pn_mapping(phone: &str) -> Result<Option<LidPnMappingEntry>>;
    fn put_lid_mapping(entry: &LidPnMappingEntry) -> Result<()>;
    fn put_lid_mappings(entries: &[LidPnMappingEntry]) -> Result<()>;
    fn get_all_lid_mappings() -> Result<Vec<LidPnMappingEntry>>;
    fn save_base_key(address: &str, message_id: &str, base_key: &[u8]) -> Result<()>;
    fn has_same_base_key(address: &str, message_id: &str, base_key: &[u8]) -> Result<bool>;
    fn delete_base_key(address: &str, message_id: &str) -> Result<()>;
    fn update_device_list(record: DeviceListRecord) -> Result<()>;
    fn update_device_lists(records: Vec<DeviceListRecord>) -> Result<()>;
    fn get_devices(user: &str) -> Result<Option<DeviceListRecord>>;
    fn delete_devices(user: &str) -> Result<()>;
    fn get_group_metadata(group: &str) -> Result<Option<Vec<u8>>>;
    fn put_group_metadata(group: &str, blob: &[u8]) -> Result<()>;
    fn delete_group_metadata(group: &str) -> Result<()>;
    fn get_tc_token(jid: &str) -> Result<Option<TcTokenEntry>>;
    fn put_tc_token(jid: &str, entry: &TcTokenEntry) -> Result<()>;
    fn delete_tc_token(jid: &str) -> Result<()>;
    fn get_all_tc_token_jids() -> Result<Vec<String>>;
    fn delete_expired_tc_tokens(token_cutoff: i64, sender_cutoff: i64) -> Result<u32>;
    fn touch_tc_token_sender_timestamp(jid: &str, sender_timestamp: i64) -> Result<()>;
    fn store_received_tc_token(jid: &str, token: &[u8], token_timestamp: i64) -> Result<()>;
    fn store_sent_message(chat: &str, message_id: &str, payload: &[u8]) -> Result<()>;
    fn take_sent_message(chat: &str, message_id: &str) -> Result<Option<Vec<u8>>>;
    fn delete_expired_sent_messages(cutoff: i64) -> Result<u32>;
    fn store_pending_inbound(chat: &str, sender: &str, id: &str, message: &[u8]) -> Result<()>;
    fn get_pending_inbound(chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>>;
    fn delete_pending_inbound(chat: &str, sender: &str, id: &str) -> Result<()>;
    fn delete_expired_pending_inbound(cutoff: i64) -> Result<u32>;
    fn store_pending_inbound_batch(rows: &[PendingInboundRow<'_>]) -> Result<()>;
    fn delete_pending_inbound_batch(keys: &[PendingInboundKey<'_>]) -> Result<()>;
});

pass_through!(MsgSecretStore {
    fn put_msg_secret(chat: &str, sender: &str, id: &str, secret: &[u8; MESSAGE_SECRET_SIZE]) -> Result<()>;
    fn put_msg_secrets(entries: Vec<MsgSecretEntry>) -> Result<usize>;
    fn get_msg_secret(chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>>;
    fn get_msg_secret_with_ts(chat: &str, sender: &str, id: &str) -> Result<Option<(Vec<u8>, i64)>>;
    fn delete_expired_msg_secrets(cutoff: i64) -> Result<u32>;
});

pass_through!(DeviceStore {
    fn save(device: &Device) -> Result<()>;
    fn load() -> Result<Option<Device>>;
    fn exists() -> Result<bool>;
    fn create() -> Result<i32>;
    fn snapshot_db(name: &str, extra: Option<&[u8]>) -> Result<()>;
    fn resource_report() -> StorageResourceReport;
});
