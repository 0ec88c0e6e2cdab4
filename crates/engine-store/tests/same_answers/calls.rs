//! Every call of the store's traits, made of a few small numbers, so that calls meet on the same rows.

use std::fmt::Debug;
use std::sync::Arc;

use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{
    AppStateSyncKey, Backend, DeviceInfo, DeviceListRecord, LidPnMappingEntry, MsgSecretEntry,
    PendingInboundKey, PendingInboundRow, TcTokenEntry,
};
use whatsapp_rust::wacore::store::{CachedNoiseCert, CachedServerCertChain, Device};

/// How many calls there are.
pub const CALLS: u8 = 78;

/// Those that only read.
pub const READS: [u8; 24] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which.
    pub which: u8,
    /// Which row, mostly.
    pub a: u8,
    /// A second part of the key, or a value.
    pub b: u8,
    /// For calls that take many.
    pub many: Vec<u8>,
}

/// What a store answered.
pub struct Answer {
    pub text: String,
    /// The store in memory answers otherwise by design.
    pub differs_in_memory: bool,
}

/// What a call answers, in an order that does not depend on the store; how an error is worded does.
fn shown<T: Debug>(result: Result<T>) -> String {
    result.map_or_else(|_| "error".to_owned(), |value| format!("{value:?}"))
}

fn sorted<T: Debug>(result: Result<Vec<T>>) -> String {
    let mut texts = match result {
        Ok(values) => values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>(),
        Err(_) => return "error".to_owned(),
    };
    texts.sort();
    texts.join(", ")
}

fn alike(text: String) -> Answer {
    Answer { text, differs_in_memory: false }
}

fn unlike(text: String) -> Answer {
    Answer { text, differs_in_memory: true }
}

fn address(a: u8, b: u8) -> String {
    if b == 0 { format!("62811{a}@s.whatsapp.net") } else { format!("62811{a}:{b}@s.whatsapp.net") }
}

fn record(a: u8, b: u8) -> Vec<u8> {
    vec![a, b, 0, 255]
}

/// The same number once.
fn distinct(many: &[u8]) -> Vec<u8> {
    let mut many = many.to_vec();
    many.sort_unstable();
    many.dedup();
    many
}

fn sync_key(a: u8, b: u8) -> AppStateSyncKey {
    AppStateSyncKey { key_data: vec![a; 32], fingerprint: vec![b; usize::from(b)], timestamp: i64::from(b) }
}

fn hash_state(a: u8, b: u8) -> HashState {
    HashState {
        version: u64::from(a),
        hash: [b; 128],
        index_value_map: (0..b).map(|n| (format!("index {n}"), vec![n; usize::from(a)])).collect(),
        mac_mismatch_fatal: b == 3,
    }
}

fn lid(a: u8, b: u8, at: i64) -> LidPnMappingEntry {
    LidPnMappingEntry {
        lid: format!("lid {a}"),
        phone_number: format!("number {b}"),
        created_at: at,
        updated_at: at + i64::from(b),
        learning_source: format!("source {b}"),
    }
}

fn list(a: u8, b: u8) -> DeviceListRecord {
    DeviceListRecord {
        user: format!("user {a}"),
        devices: (0..b).map(|n| DeviceInfo::new(n.into(), Some(a.into())).with_hosting(n == 1)).collect(),
        timestamp: i64::from(b),
        phash: (b > 1).then(|| format!("hash {a}")),
        raw_id: (b > 0).then(|| u32::MAX - u32::from(b)),
    }
}

fn token(a: u8, b: u8) -> TcTokenEntry {
    TcTokenEntry {
        token: vec![a; usize::from(b)],
        token_timestamp: i64::from(b) * 10,
        sender_timestamp: (a > 1).then_some(i64::from(a) * 10),
    }
}

fn secret(a: u8, b: u8) -> MsgSecretEntry {
    MsgSecretEntry {
        chat: Arc::from(format!("chat {a}")),
        sender: Arc::from("sender"),
        msg_id: Arc::from("id"),
        secret: [b; 32],
        expires_at: i64::from(b) * 10,
        message_ts: i64::from(a),
    }
}

fn cert(a: u8) -> CachedNoiseCert {
    CachedNoiseCert { key: [a; 32], not_before: -i64::from(a), not_after: i64::MAX }
}

/// A login whose keys are the same whenever it is made of the same numbers.
pub fn device(a: u8, b: u8) -> Device {
    static PAIRS: std::sync::OnceLock<Device> = std::sync::OnceLock::new();
    let mut device = PAIRS.get_or_init(Device::new).clone();
    device.pn = (a > 0).then(|| format!("62811{a}:{b}@s.whatsapp.net").parse().unwrap());
    device.lid = (b > 0).then(|| format!("10011{a}:{b}@lid").parse().unwrap());
    device.registration_id = u32::MAX - u32::from(a);
    device.push_name = format!("name {b}");
    device.signed_pre_key_id = b.into();
    device.app_version_tertiary = u32::MAX;
    device.edge_routing_info = (b > 1).then(|| vec![a; 4]);
    device.props_hash = (a > 1).then(|| "hash".to_owned());
    device.next_pre_key_id = 1000 + u32::from(a);
    device.first_unupload_pre_key_id = b.into();
    device.server_has_prekeys = a == 1;
    device.nct_salt = (a == 2).then(|| vec![b]);
    let chain = CachedServerCertChain { intermediate: cert(a), leaf: cert(b) };
    device.server_cert_chain = (b > 0).then_some(chain);
    device.login_counter = a.into();
    device.lid_migrated = b == 2;
    device.last_signed_pre_key_rotation_ms = i64::from(b);
    device.read_receipts_disabled = a == 3;
    device
}

/// Makes the call.
pub async fn call(store: &dyn Backend, asked: &Call, number: usize) -> Answer {
    match asked.which {
        0..24 => read(store, asked).await,
        24..50 => write_signal(store, asked).await,
        _ => write_protocol(store, asked, i64::try_from(number).unwrap()).await,
    }
}

async fn read(store: &dyn Backend, asked: &Call) -> Answer {
    let (a, b) = (asked.a, asked.b);
    let many = distinct(&asked.many);
    let key = address(a, b);
    alike(match asked.which {
        0 => shown(store.load_identity(&key).await),
        1 => shown(store.get_session(&key).await),
        2 => shown(store.has_session(&key).await),
        3 => shown(store.has_signal_state_for_user(&format!("62811{a}")).await),
        4 => shown(store.load_prekey(a.into()).await),
        5 => {
            let ids: Vec<u32> = many.iter().map(|id| u32::from(*id)).collect();
            sorted(store.load_prekeys_batch(&ids).await)
        }
        6 => shown(store.get_max_prekey_id().await),
        7 => shown(store.load_signed_prekey(a.into()).await),
        8 => sorted(store.load_all_signed_prekeys().await),
        9 => shown(store.get_sender_key(&key).await),
        10 => shown(store.get_sync_key(&[a]).await),
        11 => {
            let version = store.get_version(&format!("name {a}")).await;
            shown(version.map(|state| {
                let mut values: Vec<_> = state.index_value_map.into_iter().collect();
                values.sort();
                (state.version, state.hash, values, state.mac_mismatch_fatal)
            }))
        }
        12 => shown(store.get_mutation_mac(&format!("name {a}"), &[b; 32]).await),
        13 => {
            let macs: Vec<[u8; 32]> = many.iter().map(|mac| [*mac; 32]).collect();
            let found = store.get_mutation_macs(&format!("name {a}"), &macs).await;
            sorted(found.map(|found| found.into_iter().collect()))
        }
        // In memory the newest is the last one stored, in a table the one with the greatest id.
        14 => return unlike(shown(store.get_latest_sync_key_id().await)),
        15 => sorted(store.get_sender_key_devices(&format!("group {a}")).await),
        // In memory a LID that is stored again is as new as its last entry.
        16 => return unlike(shown(store.get_lid_mapping(&format!("lid {a}")).await)),
        // In memory a number has the LID that was stored last.
        17 => return unlike(shown(store.get_pn_mapping(&format!("number {a}")).await)),
        18 => return unlike(sorted(store.get_all_lid_mappings().await)),
        19 => shown(store.has_same_base_key(&key, "id", &record(a, b)).await),
        20 => shown(store.get_devices(&format!("user {a}")).await),
        21 => shown(store.get_group_metadata(&format!("group {a}")).await),
        22 => {
            shown(store.get_tc_token(&format!("jid {a}")).await)
                + &sorted(store.get_all_tc_token_jids().await)
        }
        _ => {
            let secret = store.get_msg_secret(&format!("chat {a}"), "sender", "id").await;
            let with_time = store.get_msg_secret_with_ts(&format!("chat {a}"), "sender", "id").await;
            let waiting = store.get_pending_inbound(&format!("chat {a}"), "sender", "id").await;
            let login =
                store.load().await.map(|device| device.map(|device| serde_json::to_string(&device).unwrap()));
            let exists = store.exists().await;
            // The store in memory makes no login by itself, so it has none before one is saved.
            return unlike(format!(
                "{} {} {} {} {}",
                shown(secret),
                shown(with_time),
                shown(waiting),
                shown(login),
                shown(exists)
            ));
        }
    })
}

async fn write_signal(store: &dyn Backend, asked: &Call) -> Answer {
    let (a, b) = (asked.a, asked.b);
    let key = address(a, b);
    let rows = |value: u8| -> Vec<(Arc<str>, Bytes)> {
        asked.many.iter().map(|n| (Arc::from(address(*n, b)), Bytes::from(record(*n, value)))).collect()
    };
    let ids: Vec<u32> = asked.many.iter().map(|id| u32::from(*id)).collect();
    alike(match asked.which {
        24 => shown(store.put_identity(&key, [b; 32]).await),
        25 => {
            let rows: Vec<_> = asked.many.iter().map(|n| (Arc::from(address(*n, b)), [*n; 32])).collect();
            shown(store.put_identities_batch(&rows).await)
        }
        26 => shown(store.delete_identity(&key).await),
        27 | 28 => shown(store.put_session(&key, &record(a, asked.which)).await),
        29 => shown(store.put_sessions_batch(&rows(29)).await),
        30 => shown(store.delete_session(&key).await),
        31 => shown(store.store_prekey(a.into(), &record(a, b), b > 1).await),
        32 => {
            let keys: Vec<_> = asked.many.iter().map(|id| (u32::from(*id), record(*id, b).into())).collect();
            shown(store.store_prekeys_batch(&keys, b > 1).await)
        }
        33 => shown(store.mark_prekeys_uploaded(&ids).await),
        34 => shown(store.remove_prekey(a.into()).await),
        35 => shown(store.store_signed_prekey(a.into(), &record(a, b)).await),
        36 => shown(store.remove_signed_prekey(a.into()).await),
        37 => shown(store.put_sender_key(&key, &record(a, b)).await),
        38 => shown(store.put_sender_keys_batch(&rows(38)).await),
        39 => shown(store.delete_sender_key(&key).await),
        40 => shown(store.set_sync_key(&[a], sync_key(a, b)).await),
        41 => shown(store.set_version(&format!("name {a}"), hash_state(a, b)).await),
        42 | 43 => {
            let macs: Vec<_> = (asked.many.iter())
                .map(|n| AppStateMutationMAC { index_mac: vec![*n; 32], value_mac: record(*n, b) })
                .collect();
            shown(store.put_mutation_macs(&format!("name {a}"), b.into(), &macs).await)
        }
        44 => {
            let macs: Vec<_> = asked.many.iter().map(|n| vec![*n; 32]).collect();
            shown(store.delete_mutation_macs(&format!("name {a}"), &macs).await)
        }
        45 => shown(store.clear_mutation_macs(&format!("name {a}")).await),
        // A table refuses a second login under its number; the store in memory gives it another number.
        46 => return unlike(shown(store.create().await)),
        47 | 48 => shown(store.save(&device(a, b)).await),
        _ => {
            let report = store.resource_report().await;
            return unlike(format!("{} {}", report.pages.is_some(), report.memory_bytes > Some(0)));
        }
    })
}

async fn write_protocol(store: &dyn Backend, asked: &Call, at: i64) -> Answer {
    let (a, b) = (asked.a, asked.b);
    let (chat, group, jid) = (format!("chat {a}"), format!("group {a}"), format!("jid {a}"));
    let names: Vec<String> = asked.many.iter().map(|n| format!("device {n}")).collect();
    let long_ago = i64::from(b / 3) * i64::from(u32::MAX);
    alike(match asked.which {
        50 | 51 => {
            let entries: Vec<(&str, bool)> = names.iter().map(|name| (name.as_str(), b > 1)).collect();
            shown(store.set_sender_key_status(&group, &entries).await)
        }
        52 => shown(store.clear_sender_key_devices(&group).await),
        53 => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            shown(store.delete_sender_key_device_rows(&names).await)
        }
        54 => shown(store.clear_all_sender_key_devices().await),
        55 => shown(store.put_lid_mapping(&lid(a, b, at)).await),
        56 => {
            let entries: Vec<_> = asked.many.iter().map(|n| lid(*n, b, at)).collect();
            shown(store.put_lid_mappings(&entries).await)
        }
        57 | 58 => shown(store.save_base_key(&address(a, b), "id", &record(a, asked.which - 57 + b)).await),
        59 => shown(store.delete_base_key(&address(a, b), "id").await),
        60 => shown(store.update_device_list(list(a, b)).await),
        61 => shown(store.update_device_lists(asked.many.iter().map(|n| list(*n, b)).collect()).await),
        62 => shown(store.delete_devices(&format!("user {a}")).await),
        63 => shown(store.put_group_metadata(&group, &record(a, b)).await),
        64 => shown(store.delete_group_metadata(&group).await),
        65 => shown(store.put_tc_token(&jid, &token(a, b)).await),
        66 => shown(store.delete_tc_token(&jid).await),
        67 => shown(store.delete_expired_tc_tokens(i64::from(a) * 10, i64::from(b) * 10).await),
        68 => shown(store.touch_tc_token_sender_timestamp(&jid, i64::from(b) * 10).await),
        69 => shown(store.store_received_tc_token(&jid, &record(a, b), i64::from(b) * 10).await),
        70 => shown(store.store_sent_message(&chat, "id", &record(a, b)).await),
        71 => shown(store.take_sent_message(&chat, "id").await),
        72 => shown(store.delete_expired_sent_messages(long_ago).await),
        73 => shown(store.store_pending_inbound(&chat, "sender", "id", &record(a, b)).await),
        74 => pending_batch(store, asked).await,
        75 => {
            let expired = store.delete_expired_pending_inbound(long_ago).await;
            let gone = store.delete_pending_inbound(&chat, "sender", "id").await;
            format!("{} {}", shown(expired), shown(gone))
        }
        76 => {
            let one = store.put_msg_secret(&chat, "sender", "id", &[b; 32]).await;
            format!("{} {}", shown(one), shown(store.delete_expired_msg_secrets(i64::from(a) * 10).await))
        }
        _ => {
            let many = distinct(&asked.many);
            shown(store.put_msg_secrets(many.iter().map(|n| secret(*n, b)).collect()).await)
        }
    })
}

async fn pending_batch(store: &dyn Backend, asked: &Call) -> String {
    let chats: Vec<String> = asked.many.iter().map(|n| format!("chat {n}")).collect();
    if asked.b == 0 {
        let keys: Vec<_> =
            chats.iter().map(|chat| PendingInboundKey { chat, sender: "sender", id: "id" }).collect();
        return shown(store.delete_pending_inbound_batch(&keys).await);
    }
    let message = record(asked.a, asked.b);
    let rows: Vec<_> = (chats.iter())
        .map(|chat| PendingInboundRow { chat, sender: "sender", id: "id", message: &message })
        .collect();
    shown(store.store_pending_inbound_batch(&rows).await)
}
