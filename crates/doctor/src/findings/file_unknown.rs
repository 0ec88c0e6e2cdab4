//! The folder holds something that Baileys never writes.
//!
//! Baileys ignores it, and so does the doctor, apart from saying so. A name may also only look like one of
//! Baileys' own, such as `pre-key-007.json`.

use crate::finding::{Code, Finding};
use crate::formats::baileys::name::Name;
use crate::source::Entry;

use super::FolderView;

pub(crate) const CODE: Code = Code("file_unknown");

pub(crate) fn detect(entry: &Entry, name: &Name) -> Option<Finding> {
    let evidence = format!("{} that Baileys never writes", entry.kind.word());
    (*name == Name::Unknown).then(|| Finding::info(CODE, &entry.name, evidence))
}

/// More of them than are reported one by one.
pub(crate) fn detect_folder(view: &FolderView<'_>) -> Vec<Finding> {
    let count = view.inventory.passed_over;
    let evidence = format!("{count} more files that Baileys never writes; they are in no backup");
    (count > 0).then(|| Finding::info(CODE, ".", evidence)).into_iter().collect()
}
