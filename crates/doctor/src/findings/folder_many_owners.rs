//! More than one process uses the session.
//!
//! Two owners tear each other's files, reuse each other's ratchet keys and are thrown out by WhatsApp in turn
//! (`Stream Errored (conflict)`, 440). Stop all but one and restart that one. The login is not harmed.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("folder_many_owners");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let owners = view.options.owners;
    if owners.len() < 2 {
        return Vec::new();
    }
    let evidence = format!("{} run on it: {}", owners.len(), owners.join(", "));
    let cure = Repair::Manual("stop all of them but one, and restart that one");
    vec![Finding::error(CODE, ".", evidence).repair(cure)]
}
