//! A file is larger than any that Baileys writes.
//!
//! It is not read, so that a hostile or runaway file cannot exhaust memory. A sender key grows with every
//! message that Baileys 7 sends to a group, but stays far below the limit of 64 MB.

use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::Name;
use crate::source::{Entry, ReadError};

pub(crate) const CODE: Code = Code("file_too_large");

pub(crate) fn detect(entry: &Entry, name: &Name, error: &ReadError) -> Option<Finding> {
    let ReadError::TooLarge { len, limit } = error else { return None };
    if !name.is_baileys() {
        return None;
    }
    let evidence = format!("it has {len} bytes; more than {limit} are not read");
    let repair = match name {
        Name::Credentials => Repair::Manual("move the file away by hand, then run `wakeeper clean`"),
        // It is not in any backup either, so it is moved aside and not removed.
        _ => Repair::MoveAside,
    };
    Some(Finding::error(CODE, &entry.name, evidence).repair(repair).peer(name.peer()))
}
