//! A person named this contact.
//!
//! `--peer` asks for the Signal sessions with one device, or with all devices of an account, to be negotiated
//! anew, for what neither files nor log show.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("signal_session_chosen");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let chosen = |user: &str, device: u32| {
        view.options.peers.iter().any(|peer| {
            let same_user = peer.user == user || view.state.lid_of(&peer.user) == Some(user);
            // Naming an account without a device names all its devices.
            same_user && (peer.device == device || peer.device == 0)
        })
    };
    view.state
        .signal_sessions
        .keys()
        .filter(|address| chosen(&address.user, address.device))
        .map(|address| {
            Finding::warning(CODE, Subject::SignalSession(address.clone()), "named by hand")
                .repair(Repair::RemoveFile)
                .peer(Some(address))
        })
        .collect()
}
