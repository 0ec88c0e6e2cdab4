//! Our own sender key of a group is damaged.
//!
//! Every message to the group needs it, so one that cannot be read would fail them all. A running gateway sets it aside, makes
//! a new one and hands it to the group with the next message; `clean` removes it from a store whose gateway is stopped.

use crate::examine::{NativeView, OWN_SENDER_KEY};
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("native_own_sender_key");

pub(crate) fn detect(view: &NativeView) -> Vec<Finding> {
    view.left_out
        .iter()
        .filter(|row| row.path.starts_with(OWN_SENDER_KEY))
        .map(|row| {
            let evidence = format!("{}: {}", row.path, row.reason);
            Finding::error(CODE, &view.file, evidence).repair(Repair::RemoveFile)
        })
        .collect()
}
