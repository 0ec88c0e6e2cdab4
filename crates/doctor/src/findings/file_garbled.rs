//! A file is not JSON.
//!
//! Bytes were lost or overwritten in the middle, or the file is something else under a Baileys name (also a text
//! nested deeper or larger than Baileys ever writes). Baileys takes it for an absent one; the cure is that of
//! an empty file.

use super::Torn;
use crate::finding::{Code, Finding};
use crate::json::Defect;

pub(crate) const CODE: Code = Code("file_garbled");

pub(crate) fn detect(torn: &Torn<'_>) -> Finding {
    let evidence = match torn.defect {
        Defect::Syntax { at } => format!("byte {at} of {} cannot be part of JSON", torn.text.len()),
        _ => "the text is nested deeper, or has more parts, than Baileys ever writes".to_owned(),
    };
    Finding::error(CODE, &torn.entry.name, evidence)
        .repair(super::file_truncated::repair(torn.name))
        .peer(torn.name.peer())
}
