//! A key in `creds.json` has the wrong length.
//!
//! Keys have 32 bytes and signatures 64; anything else means that the text was altered. The login comes back
//! with the newest sound `creds.json`.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::field::{Problem, describe};

pub(crate) const CODE: Code = Code("credentials_key_invalid");

pub(crate) fn detect(credentials: &Credentials) -> Option<Finding> {
    let defects: Vec<_> = credentials
        .defects
        .iter()
        .filter(|defect| matches!(defect.problem, Problem::Length { .. } | Problem::NotAKey))
        .collect();
    (!defects.is_empty()).then(|| {
        Finding::error(CODE, Subject::Credentials, describe(&defects)).repair(Repair::RestoreCredentials)
    })
}
