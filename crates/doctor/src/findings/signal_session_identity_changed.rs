//! A contact's identity changed.
//!
//! The sessions of one record were made with different identities: the contact installed WhatsApp anew or
//! linked the device again. This is normal; archived sessions of the old identity decrypt only old messages.

use super::SessionRecord;
use crate::finding::{Code, Finding};

pub(crate) const CODE: Code = Code("signal_session_identity_changed");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    let mut identities = session.record.entries.iter().filter_map(|entry| entry.remote_identity);
    let first = identities.next()?;
    identities.any(|identity| identity != first).then(|| {
        Finding::info(CODE, session.subject(), "the contact's identity changed in the course of its sessions")
            .peer(Some(session.address))
    })
}
