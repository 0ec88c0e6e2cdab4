//! The registration id is impossible.
//!
//! It has 31 bits: 0 to 2147483647 (0 to 255 when Baileys made it, all 31 bits when wakeeper did). Another value means
//! that the file was altered; contacts would no longer recognise this device.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::Credentials;

pub(crate) const CODE: Code = Code("registration_id_range");

pub(crate) fn detect(credentials: &Credentials) -> Option<Finding> {
    let id = credentials.registration_id.filter(|id| !(0..=0x7fff_ffff).contains(id))?;
    let evidence = format!("the registration id is {id}, outside 0 to 2147483647");
    Some(Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials))
}
