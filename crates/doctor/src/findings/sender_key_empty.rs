//! A sender key holds no state.
//!
//! A crash between two writes left the record empty. Messages of that sender in the group cannot be decrypted
//! until the sender hands out its key again, which a retry asks for. The file is removed.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::sender_key::State;
use crate::model::SenderKeyName;

pub(crate) const CODE: Code = Code("sender_key_empty");

pub(crate) fn detect(name: &SenderKeyName, states: &[State]) -> Option<Finding> {
    states.is_empty().then(|| {
        Finding::warning(CODE, Subject::SenderKey(name.clone()), "the record holds no state")
            .repair(Repair::RemoveFile)
            .peer(Some(&name.sender))
    })
}
