//! A Signal session is older than the login.
//!
//! The device was linked again in a folder that still held the sessions of its former identity. They can only
//! give `Bad MAC`, because the identity is part of every message's MAC. They are removed; the next message
//! negotiates new ones. An hour of difference between the clocks is allowed for.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::Credentials;

pub(crate) const CODE: Code = Code("signal_session_predates_pairing");

const CLOCK_DIFFERENCE_MS: i64 = 3_600_000;

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let linked = view.state.credentials().and_then(Credentials::linked_at);
    // A time in the future proves nothing but a wrong clock.
    let Some(linked) = linked.map(|s| s.saturating_mul(1000)).filter(|ms| *ms <= view.options.now_ms) else {
        return Vec::new();
    };
    view.state
        .signal_sessions
        .iter()
        .filter(|(_, facts)| facts.created > 0 && facts.created.saturating_add(CLOCK_DIFFERENCE_MS) < linked)
        .map(|(address, facts)| {
            let hours = (linked - facts.created) / 3_600_000;
            let evidence = format!("it was made {hours} hours before this device was linked");
            let subject = Subject::SignalSession(address.clone());
            Finding::warning(CODE, subject, evidence).repair(Repair::RemoveFile).peer(Some(address))
        })
        .collect()
}
