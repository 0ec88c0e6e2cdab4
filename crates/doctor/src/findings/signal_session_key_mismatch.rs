//! Our ratchet key pair in a Signal session does not belong together.
//!
//! One half was altered, by a failing disk for example. The next message from the contact gives `Bad MAC`.
//! The session is dropped and the next message negotiates a new one.

use super::SessionRecord;
use super::signal_session_incomplete::about_entries;
use crate::curve;
use crate::finding::{Code, Finding};
use crate::formats::baileys::session::{Entry, raw};

pub(crate) const CODE: Code = Code("signal_session_key_mismatch");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    // Computing a public key is costly; archived sessions do no harm with a wrong one.
    let broken = |entry: &Entry| {
        entry.is_open()
            && entry
                .ratchet
                .as_ref()
                .is_some_and(|ratchet| curve::public_of(ratchet.private.expose()) != *raw(&ratchet.public))
    };
    session.record.entries.iter().any(broken).then(|| {
        let evidence = "public and private half of the ratchet key do not belong together";
        about_entries(session, CODE, evidence, broken)
    })
}
