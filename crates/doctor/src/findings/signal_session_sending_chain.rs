//! A Signal session cannot send.
//!
//! It must have exactly one sending chain, under its current ratchet key and with a chain key. Otherwise
//! encrypting fails, or uses a chain that the contact has closed. The session is dropped.

use super::SessionRecord;
use super::signal_session_incomplete::about_entries;
use crate::finding::{Code, Finding};
use crate::formats::baileys::session::Entry;

pub(crate) const CODE: Code = Code("signal_session_sending_chain");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    session.record.entries.iter().any(broken).then(|| {
        let evidence = "there is not exactly one sending chain under the current ratchet key";
        about_entries(session, CODE, evidence, broken)
    })
}

fn broken(entry: &Entry) -> bool {
    let current = entry.ratchet.as_ref().map(|ratchet| ratchet.public);
    let mut sending = entry.sending();
    let first_is_current = sending.next().is_some_and(|chain| chain.key == current && chain.has_key);
    !first_is_current || sending.next().is_some()
}
