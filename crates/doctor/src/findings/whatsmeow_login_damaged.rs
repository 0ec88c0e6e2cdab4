//! The login of a device in a store of whatsmeow is damaged.
//!
//! The device has a row in `whatsmeow_device`, and a key of it is missing or has another length. whatsmeow cannot start this
//! device, and may not start the others of the store either. Put a copy of the store back, or link the device again with a
//! QR code.

use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("whatsmeow_login_damaged");

pub(crate) fn found(file: &str, evidence: String) -> Finding {
    let cure = Repair::Manual("put a copy of the store back, or link the device again with a QR code");
    Finding::error(CODE, file, evidence).about(Subject::Credentials).repair(cure)
}
