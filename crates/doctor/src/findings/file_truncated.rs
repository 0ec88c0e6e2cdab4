//! A file ends before its content does.
//!
//! The disk was full, or the process was killed between two parts of one write. Baileys takes the file for an
//! absent one. A Signal session, sender key or pre-key is negotiated anew at the cost of one retry; pre-keys and
//! app-state keys, which never change, are taken from a backup when one holds them.

use super::Torn;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::Name;

pub(crate) const CODE: Code = Code("file_truncated");

pub(crate) fn detect(torn: &Torn<'_>, at: usize) -> Finding {
    let evidence = match torn.text.len() - at {
        0 => format!("the text breaks off after {at} bytes"),
        lost => format!("after {at} bytes only {lost} NUL bytes follow"),
    };
    Finding::error(CODE, &torn.entry.name, evidence).repair(repair(torn.name)).peer(torn.name.peer())
}

/// What to do with an unreadable file of this kind.
pub(super) fn repair(name: &Name) -> Repair {
    match name {
        Name::PreKey(_) | Name::AppStateKey { .. } => Repair::RestoreOrRemove,
        _ => Repair::RemoveFile,
    }
}
