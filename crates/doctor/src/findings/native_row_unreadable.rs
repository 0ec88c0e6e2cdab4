//! A row of a session database cannot be read.
//!
//! The database is whole, but what it holds under one key is not what the engine writes there. The engine takes such a row
//! for an absent one: a Signal session or sender key is negotiated anew at the cost of one retry, a pre-key fails once with
//! `Invalid PreKey ID`.

use crate::examine::NativeView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("native_row_unreadable");

pub(crate) fn detect(view: &NativeView<'_>) -> Vec<Finding> {
    let repair = Repair::Manual("nothing to do: the next message makes it anew");
    let others = view.unread.iter().filter(|row| !row.is_own);
    others
        .map(|row| {
            let evidence = format!("{}: {}", row.what, row.reason);
            let finding = Finding::warning(CODE, row.subject.clone(), evidence);
            finding.repair(repair.clone()).peer(row.subject.peer())
        })
        .collect()
}
