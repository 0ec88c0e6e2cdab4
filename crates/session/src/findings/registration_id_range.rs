//! The registration id is impossible.
//!
//! It has 14 bits: 0 to 16383 (0 to 255 when Baileys made it). Another value means that the file was altered;
//! contacts would no longer recognise this device.

use super::CredentialsFile;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("registration_id_range");

pub(crate) fn detect(file: &CredentialsFile<'_>) -> Option<Finding> {
    let id = file.credentials.registration_id.filter(|id| !(0..=0x3fff).contains(id))?;
    let evidence = format!("the registration id is {id}, outside 0 to 16383");
    Some(Finding::error(CODE, &file.entry.name, evidence).repair(Repair::RestoreCredentials))
}
