//! The small files of the folder: LID mappings, device lists, identities, tokens, and who knows a sender key.

use super::field::buffer;
use crate::address::Address;
use crate::json::{Kind, Value};

/// The other user of a LID mapping: 7.x stores one JSON string.
pub fn mapped_user(value: &Value<'_>) -> Option<String> {
    value.as_str().filter(|user| is_digits(user)).map(str::to_owned)
}

/// The devices of `device-list-<user>.json`.
pub fn devices(value: &Value<'_>) -> Option<Vec<u32>> {
    let Kind::Array(items) = &value.kind else { return None };
    items.iter().map(|item| item.as_str()?.parse().ok()).collect()
}

/// The key of `identity-key-<address>.json`, 33 bytes.
pub fn identity(value: &Value<'_>) -> Option<[u8; 33]> {
    buffer(value)?.try_into().ok()
}

/// Whether a value is what `sender-key-memory-<group>.json` holds, and whether it names anyone.
pub fn memory_is_used(value: &Value<'_>) -> Option<bool> {
    value.is_object().then(|| value.members().iter().any(|member| !member.value.is_falsy()))
}

/// The devices that it names.
pub fn told<'v>(value: &'v Value<'_>) -> impl Iterator<Item = Address> + 'v {
    let told = value.members().iter().filter(|member| !member.value.is_falsy());
    told.filter_map(|member| Address::from_jid(&member.key))
}

/// Whether a value is what `tctoken-<jid>.json` holds.
pub fn is_token(value: &Value<'_>) -> bool {
    value.is_object() && value.get("token").is_none_or(|token| buffer(token).is_some())
}

fn is_digits(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
