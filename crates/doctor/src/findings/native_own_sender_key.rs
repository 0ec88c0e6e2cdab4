//! Our own sender key of a group is damaged.
//!
//! Every message to the group needs it, so one that cannot be read would fail them all. A running gateway sets it aside, makes
//! a new one and hands it to the group with the next message; `clean` removes it from a store whose gateway is stopped.

use crate::examine::NativeView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("native_own_sender_key");

pub(crate) fn detect(view: &NativeView<'_>) -> Vec<Finding> {
    let own = view.unread.iter().filter(|row| row.is_own);
    own.map(|row| {
        let evidence = format!("{}: {}", row.what, row.reason);
        Finding::error(CODE, row.subject.clone(), evidence).repair(Repair::RemoveFile)
    })
    .collect()
}
