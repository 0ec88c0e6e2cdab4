//! The log shows that a contact's messages cannot be decrypted.
//!
//! Some damage does not show in the files: a flipped byte in a chain key, or a ratchet that was rolled back.
//! It shows in the log as `Bad MAC`, `No matching sessions` or repeated counters, again and again from one
//! device. Its Signal session is removed; the next message negotiates a new one. One or two messages are a
//! warning, three an error. Failures before the present session was made are ignored: it has healed already.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Severity, Subject};
use crate::state::SignalFacts;
use crate::symptoms::PeerFailures;

pub(crate) const CODE: Code = Code("signal_session_failing");

/// So many messages of one device make an error.
const MESSAGES: usize = 3;

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    view.options.peer_failures.iter().flat_map(|trouble| about(view, trouble)).collect()
}

fn about(view: &StateView<'_>, trouble: &PeerFailures) -> Vec<Finding> {
    let stored =
        view.state.signal_sessions.iter().filter(|(address, _)| trouble.concerns(view.state, address));
    stored
        .filter(|(_, facts)| !healed(facts, trouble.last_ms))
        .map(|(address, _)| {
            let severity = if trouble.messages >= MESSAGES { Severity::Error } else { Severity::Warning };
            Finding::new(CODE, severity, Subject::SignalSession(address.clone()), trouble.evidence())
                .repair(Repair::RemoveFile)
                .peer(Some(address))
        })
        .collect()
}

/// A session that was made, or decrypted something, after the last failure is not damaged.
fn healed(facts: &SignalFacts, last_failure: Option<i64>) -> bool {
    last_failure
        .is_some_and(|failed| facts.used > failed || facts.open_created.is_some_and(|made| made > failed))
}
