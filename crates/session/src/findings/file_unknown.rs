//! The folder holds something that Baileys never writes.
//!
//! Baileys ignores it, and so does the doctor, apart from saying so. A name may also only look like one of
//! Baileys' own, such as `pre-key-007.json`.

use crate::finding::{Code, Finding};
use crate::formats::baileys::name::Name;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("file_unknown");

pub(crate) fn detect(entry: &Entry, name: &Name) -> Option<Finding> {
    let evidence = format!("{} that Baileys never writes", entry.kind.word());
    (*name == Name::Unknown).then(|| Finding::info(CODE, &entry.name, evidence))
}
