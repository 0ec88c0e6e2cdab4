//! A key of the shared settings is missing.
//!
//! The versions of the shared settings (archived and muted chats, contacts' names) are here, but not the key
//! that the credentials name. Baileys reports `failed to find key` and cannot change settings until the phone
//! sends the key again. Messages are not affected. A backup that holds the key brings it back.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("app_state_key_missing");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let key = view.inventory.credentials().and_then(|credentials| credentials.app_state_key_id.as_ref());
    let Some(key) = key.filter(|key| !key.is_empty()) else { return Vec::new() };
    let name = format!("app-state-sync-key-{}.json", key.replace('/', "__").replace(':', "-"));
    if view.inventory.files.contains_key(&name) {
        return Vec::new();
    }
    let evidence = "the credentials name this key, and it is not here";
    vec![Finding::warning(CODE, &name, evidence).repair(Repair::RestoreOrRemove)]
}
