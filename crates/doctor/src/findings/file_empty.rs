//! A file has no bytes at all.
//!
//! Baileys writes a file by emptying it first, so a process that is killed in between leaves nothing. Baileys
//! takes such a file for an absent one. A Signal session, sender key or pre-key is negotiated anew at the cost
//! of one retry; keys that never change are taken from a backup when one holds them.

use super::Torn;
use crate::finding::{Code, Finding};

pub(crate) const CODE: Code = Code("file_empty");

pub(crate) fn detect(torn: &Torn<'_>) -> Finding {
    Finding::error(CODE, &torn.entry.name, "the file has no bytes: a write was cut off before it began")
        .repair(super::file_truncated::repair(torn.name))
        .peer(torn.name.peer())
}
