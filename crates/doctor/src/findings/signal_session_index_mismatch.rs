//! A Signal session is filed under a key that is not its own.
//!
//! libsignal finds a session by its base key; under another name it is never found again, or found in place of
//! another one. The entry is dropped, or the file removed when that was the open session.

use super::SessionRecord;
use super::signal_session_incomplete::about_entries;
use crate::finding::{Code, Finding};
use crate::formats::baileys::field::decode_exact;
use crate::formats::baileys::session::Entry;

pub(crate) const CODE: Code = Code("signal_session_index_mismatch");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    let broken = |entry: &Entry| decode_exact::<33>(&entry.index).ok() != entry.base_key;
    session
        .record
        .entries
        .iter()
        .any(broken)
        .then(|| about_entries(session, CODE, "a session is not filed under its own base key", broken))
}
