//! A pre-key file lacks a key, or holds one of the wrong length.
//!
//! The contact that was given this pre-key fails once with `Invalid PreKey ID` and gets another one with the
//! retry. The file is taken from a backup when one holds it, else removed.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::field::describe;
use crate::formats::baileys::key_pair::PreKey;

pub(crate) const CODE: Code = Code("pre_key_malformed");

pub(crate) fn detect(id: u32, pre_key: &PreKey) -> Option<Finding> {
    let defects: Vec<_> = pre_key.defects.iter().collect();
    (!defects.is_empty()).then(|| {
        Finding::error(CODE, Subject::PreKey(id), describe(&defects)).repair(Repair::RestoreOrRemove)
    })
}
