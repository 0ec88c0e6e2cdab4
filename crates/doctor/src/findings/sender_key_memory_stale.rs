//! A group's member has a new phone and was not told our sender key since.
//!
//! The identity of one of the member's devices changed, and the list of those who have our sender key of the group is
//! older than that, or nothing at all was sent to the new identity yet. The member is still on the list, so it is not told
//! the key again: messages to the group stay at "Waiting for this message" there. The device is taken off the list and
//! told with the next message. Nobody else notices.

use super::StateView;
use crate::address::Address;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::state::{Devices, MemoryFacts, SignalFacts};

pub(crate) const CODE: Code = Code("sender_key_memory_stale");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let changed = view.state.signal_sessions.iter().filter(|(_, facts)| facts.identity_changed);
    let changed: Vec<_> =
        changed.map(|(address, facts)| (devices_of(view, address), address, facts)).collect();
    let mut found = Vec::new();
    for (group, told) in &view.state.sender_key_memory {
        let stale: Vec<_> = changed.iter().filter(|(_, _, facts)| is_older(told, facts)).collect();
        let named = stale.iter().flat_map(|(devices, ..)| devices).filter(|devices| told.names(devices));
        let devices: Vec<Devices> = named.cloned().collect();
        let Some(first) = stale.iter().find(|(devices, ..)| devices.iter().any(|one| told.names(one))) else {
            continue;
        };
        let evidence = format!("{} has a new identity and was not told our sender key since", first.1);
        let finding = Finding::warning(CODE, Subject::SenderKeyMemory(group.clone()), evidence);
        found.push(finding.repair(Repair::ForgetDevices { devices }).peer(Some(first.1)));
    }
    found
}

/// The device under each number of its account.
fn devices_of(view: &StateView<'_>, address: &Address) -> Vec<Devices> {
    let numbers = view.state.numbers_of(&address.user).into_iter();
    numbers.map(|user| Devices { user: user.to_owned(), device: Some(address.device) }).collect()
}

fn is_older(told: &MemoryFacts, facts: &SignalFacts) -> bool {
    let (Some(made), written) = (facts.open_created, told.written_ms.unwrap_or(i64::MAX)) else {
        return false;
    };
    facts.unsent || made > written
}
