//! A row in a store of whatsmeow cannot be read.
//!
//! The database is whole, but the record in a row is not what whatsmeow writes there, or was made under another login. whatsmeow
//! fails each message that needs it and does not repair it: the messages of that contact or group are lost until the row is
//! gone. wakeeper deletes no rows of this store; `wakeeper import` leaves such a row behind and goes on without it.

use crate::examine::UnreadRow;
use crate::finding::{Code, Finding, Repair, Severity, Subject};

pub(crate) const CODE: Code = Code("whatsmeow_row_unreadable");

pub(crate) fn detect(unread: &[UnreadRow]) -> Vec<Finding> {
    let cure = Repair::Manual("`wakeeper import` leaves it behind; wakeeper deletes no rows of this store");
    unread
        .iter()
        .map(|row| {
            let hurts = matches!(row.subject, Subject::SignalSession(_) | Subject::SenderKey(_));
            let severity = if hurts { Severity::Error } else { Severity::Warning };
            let evidence = format!("{}: {}", row.what, row.reason);
            Finding::new(CODE, severity, row.subject.clone(), evidence)
                .repair(cure.clone())
                .peer(row.subject.peer())
        })
        .collect()
}
