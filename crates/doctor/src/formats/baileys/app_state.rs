//! App-state keys and versions: the encrypted settings that all devices of an account share.

use super::field::{any_bytes, buffer};
use crate::json::Value;

/// Whether a value is what `app-state-sync-key-<id>.json` holds: the key's bytes and its fingerprint.
pub fn is_key(value: &Value<'_>) -> bool {
    let key = value.get("keyData").and_then(any_bytes);
    key.is_some_and(|key| key.len() == 32) && value.get("fingerprint").is_none_or(Value::is_object)
}

/// Whether a value is what `app-state-sync-version-<collection>.json` holds: the version, the hash of 128
/// bytes, and the MAC of each index.
pub fn is_version(value: &Value<'_>) -> bool {
    let macs = value.get("indexValueMap");
    value.get("version").and_then(Value::as_i64).is_some_and(|version| version >= 0)
        && value.get("hash").and_then(buffer).is_some_and(|hash| hash.len() == 128)
        && macs.is_some_and(|macs| {
            macs.is_object()
                && macs.members().iter().all(|member| {
                    member.value.get("valueMac").and_then(buffer).is_some_and(|mac| mac.len() == 32)
                })
        })
}
