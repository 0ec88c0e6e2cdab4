//! A sender key holds no state.
//!
//! A crash between two writes left the record empty. Messages of that sender in the group cannot be decrypted
//! until the sender hands out its key again, which a retry asks for. The file is removed.

use crate::address::Address;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::sender_key::SenderKeyFile;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("sender_key_empty");

pub(crate) fn detect(entry: &Entry, sender: &Address, file: &SenderKeyFile) -> Option<Finding> {
    let SenderKeyFile::Record { states, .. } = file else { return None };
    states.is_empty().then(|| {
        Finding::warning(CODE, &entry.name, "the record holds no state")
            .repair(Repair::RemoveFile)
            .peer(Some(sender))
    })
}
