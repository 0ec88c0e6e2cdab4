//! What has the name of a session's file is not the session's own.
//!
//! A hard link can give a file of somebody else a name in this folder, and a mount can put another file or folder
//! there. Neither is read, backed up, changed or given away: it would carry what others keep to whoever can read this
//! folder. Somebody put it there on purpose; find out who.

use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::Name;
use crate::source::{Entry, ReadError};

pub(crate) const CODE: Code = Code("file_foreign");

pub(crate) fn detect(entry: &Entry, name: &Name, error: &ReadError) -> Option<Finding> {
    let ReadError::Foreign(reason) = error else { return None };
    let cure = Repair::Manual("remove the link or the mount, and find out who made it");
    let finding = Finding::error(CODE, &entry.name, format!("it was not read: {reason}"));
    Some(finding.repair(cure).peer(name.peer()))
}
