//! A person named this group.
//!
//! `--group` asks for our own sender key of one group to be made anew and handed out to all its members, for what neither
//! files nor log show: members who wait for messages of ours. The sender key and the list of those who have it go
//! together. The sender keys of others stay.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("sender_key_chosen");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let is_chosen = |group: &str| {
        let same = |chosen: &String| group == chosen || group.strip_suffix("@g.us") == Some(chosen);
        view.options.groups.iter().any(same)
    };
    let own = view.state.sender_keys.iter().filter(|(name, facts)| facts.own && is_chosen(&name.group));
    let own = own.map(|(name, _)| Subject::SenderKey(name.clone()));
    let told = view.state.sender_key_memory.keys().filter(|group| is_chosen(group));
    let told = told.map(|group| Subject::SenderKeyMemory(group.clone()));
    let found = |subject| Finding::warning(CODE, subject, "named by hand").repair(Repair::RemoveFile);
    own.chain(told).map(found).collect()
}
