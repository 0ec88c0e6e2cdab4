//! Values that whatsapp-rust's store keeps as protobuf of its own (its `proto/wire.proto`), field for field.

use std::collections::HashMap;

use prost::Message;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::store::error::StoreError;
use whatsapp_rust::wacore::store::traits::AppStateSyncKey;
use whatsapp_rust::wacore::store::{CachedNoiseCert, CachedServerCertChain};

#[derive(Clone, PartialEq, Message)]
struct CertWire {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(int64, tag = "2")]
    not_before: i64,
    #[prost(int64, tag = "3")]
    not_after: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ChainWire {
    #[prost(message, optional, tag = "1")]
    intermediate: Option<CertWire>,
    #[prost(message, optional, tag = "2")]
    leaf: Option<CertWire>,
}

#[derive(Clone, PartialEq, Message)]
struct SyncKeyWire {
    #[prost(bytes = "vec", tag = "1")]
    key_data: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    fingerprint: Vec<u8>,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct HashStateWire {
    #[prost(uint64, tag = "1")]
    version: u64,
    #[prost(bytes = "vec", tag = "2")]
    hash: Vec<u8>,
    #[prost(map = "string, bytes", tag = "3")]
    index_value_map: HashMap<String, Vec<u8>>,
    #[prost(bool, tag = "4")]
    mac_mismatch_fatal: bool,
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, StoreError> {
    M::decode(bytes).map_err(|error| StoreError::Serialization(Box::new(error)))
}

fn sized<const N: usize>(what: &str, bytes: Vec<u8>) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        let length = bytes.len();
        StoreError::Serialization(format!("the {what} has {length} bytes instead of {N}").into())
    })
}

pub(super) fn encode_chain(chain: &CachedServerCertChain) -> Vec<u8> {
    let cert = |cert: &CachedNoiseCert| CertWire {
        key: cert.key.to_vec(),
        not_before: cert.not_before,
        not_after: cert.not_after,
    };
    ChainWire { intermediate: Some(cert(&chain.intermediate)), leaf: Some(cert(&chain.leaf)) }.encode_to_vec()
}

pub(super) fn decode_chain(bytes: &[u8]) -> Result<CachedServerCertChain, StoreError> {
    let cert = |cert: Option<CertWire>| {
        let missing = || StoreError::Serialization("a certificate of the server is missing".into());
        let cert = cert.ok_or_else(missing)?;
        let key = sized("key of a certificate", cert.key)?;
        Ok::<_, StoreError>(CachedNoiseCert { key, not_before: cert.not_before, not_after: cert.not_after })
    };
    let wire: ChainWire = decode(bytes)?;
    Ok(CachedServerCertChain { intermediate: cert(wire.intermediate)?, leaf: cert(wire.leaf)? })
}

pub(super) fn encode_sync_key(key: &AppStateSyncKey) -> Vec<u8> {
    let AppStateSyncKey { key_data, fingerprint, timestamp } = key.clone();
    SyncKeyWire { key_data, fingerprint, timestamp }.encode_to_vec()
}

/// Only a key of 32 bytes is one: rows in an older encoding may parse as something else.
pub(super) fn decode_sync_key(bytes: &[u8]) -> Result<AppStateSyncKey, StoreError> {
    let SyncKeyWire { key_data, fingerprint, timestamp } = decode(bytes)?;
    let key_data = sized::<32>("app state key", key_data)?.to_vec();
    Ok(AppStateSyncKey { key_data, fingerprint, timestamp })
}

pub(super) fn encode_hash_state(state: &HashState) -> Vec<u8> {
    HashStateWire {
        version: state.version,
        hash: state.hash.to_vec(),
        index_value_map: state.index_value_map.clone(),
        mac_mismatch_fatal: state.mac_mismatch_fatal,
    }
    .encode_to_vec()
}

pub(super) fn decode_hash_state(bytes: &[u8]) -> Result<HashState, StoreError> {
    let wire: HashStateWire = decode(bytes)?;
    Ok(HashState {
        version: wire.version,
        hash: sized("hash of an app state", wire.hash)?,
        index_value_map: wire.index_value_map,
        mac_mismatch_fatal: wire.mac_mismatch_fatal,
    })
}
