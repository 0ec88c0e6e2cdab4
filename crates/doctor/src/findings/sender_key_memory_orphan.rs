//! The folder remembers handing out a sender key that it no longer has.
//!
//! A new key would be made with the next message to the group, but the members on the list would not be told,
//! and none of them could read it: `No session found to decrypt message`. The list is removed, so that the new
//! key is handed out to everybody.

use std::collections::BTreeSet;

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("sender_key_memory_orphan");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let credentials = view.state.credentials().filter(|credentials| credentials.is_linked());
    let Some(credentials) = credentials else { return Vec::new() };
    let sender_keys = view.state.sender_keys.iter();
    let own = sender_keys.filter(|(name, facts)| facts.usable && credentials.is_own_user(&name.sender.user));
    let own_groups: BTreeSet<&String> = own.map(|(name, _)| &name.group).collect();
    let told = view.state.sender_key_memory.iter().filter(|(_, told)| told.used);
    told.filter(|(group, _)| !own_groups.contains(group))
        .map(|(group, _)| {
            let evidence = "our own sender key of this group is missing or damaged";
            Finding::error(CODE, Subject::SenderKeyMemory(group.clone()), evidence).repair(Repair::RemoveFile)
        })
        .collect()
}
