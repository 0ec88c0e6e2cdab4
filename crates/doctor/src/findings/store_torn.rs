//! `baileys_store.json` cannot be read.
//!
//! It keeps chats and messages for display, and no keys: it is never the cause of `Bad MAC`. The program that
//! owns it starts with an empty history. An empty store replaces it; the torn one stays in the backup.

use crate::finding::{Code, Finding, Repair};
use crate::source::{Entry, EntryKind};

pub(crate) const CODE: Code = Code("store_torn");

pub(crate) fn detect(path: &str, entry: &Entry, content: Result<(), &str>) -> Option<Finding> {
    let reason = content.err()?;
    (entry.kind == EntryKind::File)
        .then(|| Finding::error(CODE, path, reason.to_owned()).repair(Repair::ResetStore))
}
