//! A key of the shared settings is missing.
//!
//! The versions of the shared settings (archived and muted chats, contacts' names) are here, but not the key
//! that the credentials name. Baileys reports `failed to find key` and cannot change settings until the phone
//! sends the key again. Messages are not affected. A backup that holds the key brings it back.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("app_state_key_missing");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let key = view.state.credentials().and_then(|credentials| credentials.app_state_key_id.as_ref());
    let Some(key) = key.filter(|key| !key.is_empty()) else { return Vec::new() };
    if view.state.app_state_keys.contains(key) {
        return Vec::new();
    }
    let evidence = "the credentials name this key, and it is not here";
    vec![Finding::warning(CODE, Subject::AppStateKey(key.clone()), evidence).repair(Repair::RestoreOrRemove)]
}
