//! More than one Signal session with a device is open.
//!
//! At most one may be: libsignal takes the first that it meets and the contact another one. The file is removed
//! and the next message negotiates a new session.

use super::SessionRecord;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("signal_session_many_open");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    let open = session.record.entries.iter().filter(|entry| entry.is_open()).count();
    (open > 1).then(|| {
        Finding::error(CODE, session.subject(), format!("{open} sessions are open at once"))
            .repair(Repair::RemoveFile)
            .peer(Some(session.address))
    })
}
