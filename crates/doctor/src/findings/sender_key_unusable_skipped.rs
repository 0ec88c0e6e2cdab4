//! Baileys 6 lost the keys of skipped group messages.
//!
//! It stores them as `{}`. Group messages that arrive out of order cannot be decrypted (`Received message with
//! old counter`); nothing can be repaired, and nothing else is affected.

use crate::address::Address;
use crate::finding::{Code, Finding};
use crate::formats::baileys::sender_key::SenderKeyFile;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("sender_key_unusable_skipped");

pub(crate) fn detect(entry: &Entry, sender: &Address, file: &SenderKeyFile) -> Option<Finding> {
    let SenderKeyFile::Record { states, .. } = file else { return None };
    let unusable: usize = states.iter().map(|state| state.unusable).sum();
    (unusable > 0).then(|| {
        let evidence = format!("{unusable} skipped message keys were stored without their content");
        Finding::info(CODE, &entry.name, evidence).peer(Some(sender))
    })
}
