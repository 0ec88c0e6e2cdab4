//! A leftover of an editor, a copy or a crashed writer.
//!
//! Baileys ignores it. It may hold keys, so it deserves the same care as the folder; `clean --stale` removes it.

use crate::finding::{Code, Finding};
use crate::formats::baileys::name::Name;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("file_temporary");

pub(crate) fn detect(entry: &Entry, name: &Name) -> Option<Finding> {
    (*name == Name::Temporary).then(|| Finding::info(CODE, &entry.name, "a temporary or backup copy"))
}
