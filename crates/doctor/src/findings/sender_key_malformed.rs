//! A sender key is damaged.
//!
//! A state lacks its chain key or signing key, or they have the wrong length. The file is removed: another
//! sender's key comes again with a retry; our own is made anew, and handed out to the whole group.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::sender_key::State;
use crate::model::SenderKeyName;

pub(crate) const CODE: Code = Code("sender_key_malformed");

pub(crate) fn detect(name: &SenderKeyName, states: &[State]) -> Option<Finding> {
    states.iter().find_map(|state| state.defect).map(|reason| found(name, reason))
}

/// The same of what holds no states at all.
pub(crate) fn found(name: &SenderKeyName, reason: &str) -> Finding {
    let finding = Finding::error(CODE, Subject::SenderKey(name.clone()), reason);
    finding.repair(Repair::RemoveFile).peer(Some(&name.sender))
}
