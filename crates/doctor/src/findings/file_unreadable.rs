//! A file cannot be read.
//!
//! Its owner or permissions keep the examining user out, or the disk reports an error. When the gateway runs
//! as the same user it cannot read the file either, and takes it for absent: with `creds.json` that means a new
//! identity and a QR code. Give the file to the user that the gateway runs as; if the disk is at fault, back up
//! first.

use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::Name;
use crate::source::{Entry, ReadError};

pub(crate) const CODE: Code = Code("file_unreadable");

pub(crate) fn detect(entry: &Entry, name: &Name, error: &ReadError) -> Option<Finding> {
    let ReadError::Io(reason) = error else { return None };
    if !name.is_baileys() {
        return None;
    }
    let cure = Repair::Manual("give the file to the user that the gateway runs as, and check the disk");
    let evidence = format!("reading it failed: {reason} (owner {}, mode {:04o})", entry.uid, entry.mode);
    Some(Finding::error(CODE, &entry.name, evidence).repair(cure).peer(name.peer()))
}
