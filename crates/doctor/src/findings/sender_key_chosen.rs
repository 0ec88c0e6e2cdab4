//! A person named this group.
//!
//! `--group` asks for our own sender key of one group to be made anew and handed out to all its members, for what neither
//! files nor log show: members who wait for messages of ours. The sender key and the list of those who have it go
//! together. The sender keys of others stay. A group of which the session has no such key is a remark.

use std::collections::BTreeSet;

use super::StateView;
use crate::finding::{Code, Finding, Repair, Severity, Subject};

pub(crate) const CODE: Code = Code("sender_key_chosen");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let is_chosen = |group: &str| view.options.groups.iter().any(|chosen| is_same(group, chosen));
    let own = view.state.sender_keys.iter().filter(|(name, facts)| facts.own && is_chosen(&name.group));
    let own = own.map(|(name, _)| Subject::SenderKey(name.clone()));
    let told = view.state.sender_key_memory.keys().filter(|group| is_chosen(group));
    let told = told.map(|group| Subject::SenderKeyMemory(group.clone()));
    let found = |subject| Finding::warning(CODE, subject, "named by hand").repair(Repair::RemoveFile);
    own.chain(told)
        .map(found)
        .chain(view.options.groups.iter().filter_map(|group| missing(view, group)))
        .collect()
}

/// So many groups are named of those that a session knows.
const NAMED: usize = 5;

fn is_same(group: &str, chosen: &str) -> bool {
    group == chosen || group.strip_suffix("@g.us") == Some(chosen)
}

/// What is said of a group that has no sender key of ours.
fn missing(view: &StateView<'_>, chosen: &str) -> Option<Finding> {
    let state = view.state;
    let own = state.sender_keys.iter().filter(|(_, facts)| facts.own).map(|(name, _)| &name.group);
    if own.chain(state.sender_key_memory.keys()).any(|group| is_same(group, chosen)) {
        return None;
    }
    let known: BTreeSet<&String> =
        state.sender_keys.keys().map(|name| &name.group).chain(state.sender_key_memory.keys()).collect();
    let evidence = if known.iter().any(|group| is_same(group, chosen)) {
        format!(
            "the session has no sender key of its own for group {chosen}: one is made with the next message to it"
        )
    } else if known.is_empty() {
        format!("the session knows no group {chosen}, and no other group")
    } else {
        let named: Vec<_> = known.iter().take(NAMED).map(|group| group.as_str()).collect();
        let more = match known.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("the session knows no group {chosen}; it knows {}{more}", named.join(", "))
    };
    Some(Finding::new(CODE, Severity::Info, ".", evidence))
}
