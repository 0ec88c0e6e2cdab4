//! A directory, link, pipe or device stands where a file belongs.
//!
//! The usual cause is Docker: a bind mount of a file that does not exist makes a directory of that name. Links
//! are never followed, because they may lead out of the folder. What stands there is moved aside; it is never
//! emptied.

use crate::examine::NativeView;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::Name;
use crate::source::{Entry, EntryKind};

pub(crate) const CODE: Code = Code("file_not_regular");

pub(crate) fn detect(entry: &Entry, name: &Name) -> Option<Finding> {
    if entry.kind == EntryKind::File || !name.is_baileys() {
        return None;
    }
    let repair = if *name == Name::Credentials { Repair::RestoreCredentials } else { Repair::MoveAside };
    let evidence = format!("it is {} instead of a regular file", entry.kind.word());
    Some(Finding::error(CODE, &entry.name, evidence).repair(repair).peer(name.peer()))
}

/// The same of wakeeper's own database. It is never moved aside unasked: what it leads to may be the session.
pub(crate) fn detect_database(view: &NativeView<'_>) -> Option<Finding> {
    if view.kind == EntryKind::File {
        return None;
    }
    let evidence = format!("it is {} instead of a regular file, and was not opened", view.kind.word());
    let cure =
        Repair::Manual("look at what stands there; put the database itself in its place, or remove it");
    Some(Finding::error(CODE, &view.file, evidence).repair(cure))
}
