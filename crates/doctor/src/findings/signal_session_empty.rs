//! A file of Signal sessions holds none.
//!
//! `{}`, `null` or a record without entries. Under Baileys 6 such a file *blocks sending* to the contact, because
//! its mere existence counts as a session. The file is removed; the next message negotiates a new session.

use crate::address::Address;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::session::SessionFile;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("signal_session_empty");

pub(crate) fn detect(entry: &Entry, address: &Address, file: &SessionFile) -> Option<Finding> {
    let SessionFile::NoRecord { found } = file else { return None };
    let finding = Finding::error(CODE, &entry.name, format!("it holds {found}"));
    Some(finding.repair(Repair::RemoveFile).peer(Some(address)))
}
