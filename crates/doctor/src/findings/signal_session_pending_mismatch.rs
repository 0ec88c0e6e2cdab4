//! A Signal session's unanswered key exchange is not its own.
//!
//! Until the contact answers, every message repeats the key exchange that began the session; it must be ours and
//! have the session's base key. Otherwise the contact builds another session than we have. It is dropped.

use super::SessionRecord;
use super::signal_session_incomplete::about_entries;
use crate::finding::{Code, Finding};
use crate::formats::baileys::session::Entry;

pub(crate) const CODE: Code = Code("signal_session_pending_mismatch");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    session.record.entries.iter().any(broken).then(|| {
        let evidence = "the unanswered key exchange does not belong to the session";
        about_entries(session, CODE, evidence, broken)
    })
}

fn broken(entry: &Entry) -> bool {
    entry.pending.is_some_and(|base_key| entry.base_key_type != Some(1) || base_key != entry.base_key)
}
