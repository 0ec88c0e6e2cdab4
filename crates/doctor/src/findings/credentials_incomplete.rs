//! `creds.json` lacks fields that every login has.
//!
//! Baileys fails on it with errors such as `Cannot read properties of undefined (reading 'private')`. The
//! missing parts cannot be computed; the login comes back with the newest sound `creds.json`.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::field::{Problem, describe};

pub(crate) const CODE: Code = Code("credentials_incomplete");

pub(crate) fn detect(credentials: &Credentials) -> Option<Finding> {
    let defects: Vec<_> = credentials
        .defects
        .iter()
        .filter(|defect| matches!(defect.problem, Problem::Missing | Problem::Kind))
        .collect();
    (!defects.is_empty()).then(|| {
        Finding::error(CODE, Subject::Credentials, describe(&defects)).repair(Repair::RestoreCredentials)
    })
}
