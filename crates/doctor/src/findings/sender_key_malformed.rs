//! A sender key is damaged.
//!
//! A state lacks its chain key or signing key, or they have the wrong length. The file is removed: another
//! sender's key comes again with a retry; our own is made anew, and handed out to the whole group.

use crate::address::Address;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::sender_key::SenderKeyFile;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("sender_key_malformed");

pub(crate) fn detect(entry: &Entry, sender: &Address, file: &SenderKeyFile) -> Option<Finding> {
    let reason = match file {
        SenderKeyFile::Malformed { reason } => reason,
        SenderKeyFile::Record { states, .. } => states.iter().find_map(|state| state.defect)?,
    };
    Some(Finding::error(CODE, &entry.name, reason).repair(Repair::RemoveFile).peer(Some(sender)))
}
