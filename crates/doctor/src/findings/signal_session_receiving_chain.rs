//! A Signal session has lost the chain of the contact's current ratchet key.
//!
//! When a session has received anything, one of its receiving chains belongs to the contact's newest ratchet
//! key. Without it the next message cannot be decrypted. The session is dropped.

use super::SessionRecord;
use super::signal_session_incomplete::about_entries;
use crate::finding::{Code, Finding};
use crate::formats::baileys::session::Entry;

pub(crate) const CODE: Code = Code("signal_session_receiving_chain");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    session.record.entries.iter().any(broken).then(|| {
        let evidence = "no receiving chain belongs to the contact's current ratchet key";
        about_entries(session, CODE, evidence, broken)
    })
}

fn broken(entry: &Entry) -> bool {
    let mut receiving = entry.receiving().peekable();
    receiving.peek().is_some() && !receiving.any(|chain| chain.key == entry.last_remote)
}
