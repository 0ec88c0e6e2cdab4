//! A file consists of NUL bytes only.
//!
//! A file system leaves this when the machine lost power after the file was given its length and before its
//! content reached the disk. Nothing of it can be read; the cure is that of an empty file.

use super::Torn;
use crate::finding::{Code, Finding};

pub(crate) const CODE: Code = Code("file_all_nul");

pub(crate) fn detect(torn: &Torn<'_>) -> Finding {
    let evidence = format!("all {} bytes are NUL: the content never reached the disk", torn.text.len());
    Finding::error(CODE, &torn.entry.name, evidence)
        .repair(super::file_truncated::repair(torn.name))
        .peer(torn.name.peer())
}
