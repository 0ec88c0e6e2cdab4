//! Baileys 6 lost the keys of skipped group messages.
//!
//! It stores them as `{}`. Group messages that arrive out of order cannot be decrypted (`Received message with
//! old counter`); nothing can be repaired, and nothing else is affected.

use crate::finding::{Code, Finding, Subject};
use crate::formats::baileys::sender_key::State;
use crate::model::SenderKeyName;

pub(crate) const CODE: Code = Code("sender_key_unusable_skipped");

pub(crate) fn detect(name: &SenderKeyName, states: &[State]) -> Option<Finding> {
    let unusable: usize = states.iter().map(|state| state.unusable).sum();
    (unusable > 0).then(|| {
        let evidence = format!("{unusable} skipped message keys were stored without their content");
        Finding::info(CODE, Subject::SenderKey(name.clone()), evidence).peer(Some(&name.sender))
    })
}
