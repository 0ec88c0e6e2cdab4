//! A file is whole, but does not hold what its name promises.
//!
//! For example a device list that is no list, or an app-state key without its bytes. All of these are learnt
//! again from WhatsApp or from the phone, so the file is removed; app-state keys are taken from a backup when
//! one holds them.

use crate::finding::{Code, Finding};
use crate::formats::baileys::name::Name;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("file_wrong_shape");

pub(crate) fn detect(entry: &Entry, name: &Name) -> Finding {
    Finding::error(CODE, &entry.name, "it is whole JSON, but not what a file of this name holds")
        .repair(super::file_truncated::repair(name))
        .peer(name.peer())
}
