//! A person named this contact.
//!
//! `--peer` asks for the Signal sessions with one device, or with all devices of an account, to be negotiated
//! anew, for what neither files nor log show.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("signal_session_chosen");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let chosen = |user: &str, device: u32| {
        view.options.peers.iter().any(|peer| {
            let same_user = peer.user == user || view.inventory.lid_of(&peer.user) == Some(user);
            // Naming an account without a device names all its devices.
            same_user && (peer.device == device || peer.device == 0)
        })
    };
    view.inventory
        .sessions()
        .filter(|(_, address, _)| chosen(&address.user, address.device))
        .map(|(file, address, _)| {
            Finding::warning(CODE, &file.entry.name, "named by hand")
                .repair(Repair::RemoveFile)
                .peer(Some(address))
        })
        .collect()
}
