//! `creds.json` cannot be read.
//!
//! It is empty, cut short, overwritten or followed by remains of another version. Baileys takes it for absent
//! and silently makes a **new identity**: the QR code appears and every contact gives `Bad MAC`. Do not delete
//! the folder and do not scan: the login comes back with the newest sound `creds.json` of the same identity.
//! Where the torn file still holds the whole document (two writers), that is kept instead.

use super::Torn;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::credentials::{Credentials, Salvage};
use crate::json::{self, Defect};

pub(crate) const CODE: Code = Code("credentials_torn");

pub(crate) fn detect(torn: &Torn<'_>) -> Finding {
    let how = match torn.defect {
        Defect::Empty => "the file has no bytes".to_owned(),
        Defect::AllNul => format!("all {} bytes are NUL", torn.text.len()),
        Defect::Truncated { at } => format!("the text breaks off after {at} bytes"),
        Defect::Trailing { at } => format!("{} bytes follow a complete document", torn.text.len() - at),
        Defect::Syntax { at } => format!("byte {at} cannot be part of JSON"),
        Defect::TooComplex => "the text is nested deeper than Baileys ever writes".to_owned(),
    };
    if let Some(len) = complete_part(torn) {
        return Finding::error(CODE, &torn.entry.name, format!("{how}; the document itself is OK"))
            .repair(Repair::KeepPrefix { len });
    }
    let salvage = Salvage::read(torn.text);
    let evidence = match salvage.fields.len() {
        0 => format!("{how}; nothing of it can be saved"),
        _ => format!("{how}; still whole: {}", salvage.fields.join(", ")),
    };
    Finding::error(CODE, &torn.entry.name, evidence).repair(Repair::RestoreCredentials)
}

fn complete_part(torn: &Torn<'_>) -> Option<usize> {
    let Defect::Trailing { at } = torn.defect else { return None };
    let credentials = Credentials::read(&json::parse_prefix(torn.text).ok()?);
    let sound = credentials.defects.is_empty() && credentials.is_linked();
    (sound && credentials.pairs().all(|(_, pair)| pair.matches())).then_some(at)
}
