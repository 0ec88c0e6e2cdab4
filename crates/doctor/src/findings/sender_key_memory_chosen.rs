//! A contact that a person named is on the list of those who have our sender key of a group.
//!
//! `--peer` asks for everything with a contact to be negotiated anew. As long as its devices are on the list, they are not
//! told our sender key again, and messages to the group stay at "Waiting for this message" there. They are taken off it.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::state::Devices;

pub(crate) const CODE: Code = Code("sender_key_memory_chosen");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let numbers = view.options.peers.iter().flat_map(|peer| {
        // Naming an account without a device names all its devices.
        let device = Some(peer.device).filter(|device| *device != 0);
        let numbers = view.state.numbers_of(&peer.user).into_iter();
        numbers.map(move |user| Devices { user: user.to_owned(), device })
    });
    let chosen: Vec<Devices> = numbers.collect();
    let lists = view.state.sender_key_memory.iter().filter_map(|(group, told)| {
        let devices: Vec<_> = chosen.iter().filter(|devices| told.names(devices)).cloned().collect();
        let finding = Finding::warning(CODE, Subject::SenderKeyMemory(group.clone()), "named by hand");
        (!devices.is_empty()).then(|| finding.repair(Repair::ForgetDevices { devices }))
    });
    lists.collect()
}
