//! The folder remembers handing out a sender key that it no longer has.
//!
//! A new key would be made with the next message to the group, but the members on the list would not be told,
//! and none of them could read it: `No session found to decrypt message`. The list is removed, so that the new
//! key is handed out to everybody.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::Name;
use crate::inventory::Facts;

pub(crate) const CODE: Code = Code("sender_key_memory_orphan");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let Some(credentials) = view.inventory.credentials().filter(|credentials| credentials.me.is_some()) else {
        return Vec::new();
    };
    let own_groups: std::collections::BTreeSet<&str> = view
        .inventory
        .files
        .values()
        .filter_map(|file| match (&file.name, &file.facts) {
            (Name::SenderKey { group, sender }, Facts::SenderKey(facts))
                if facts.version.is_some() && credentials.is_own_user(&sender.user) =>
            {
                Some(group.as_str())
            }
            _ => None,
        })
        .collect();
    view.inventory
        .files
        .values()
        .filter(|file| match (&file.name, &file.facts) {
            (Name::SenderKeyMemory { group }, Facts::Memory { used: true, .. }) => {
                !own_groups.contains(group.as_str())
            }
            _ => false,
        })
        .map(|file| {
            let evidence = "our own sender key of this group is missing or damaged";
            Finding::error(CODE, &file.entry.name, evidence).repair(Repair::RemoveFile)
        })
        .collect()
}
