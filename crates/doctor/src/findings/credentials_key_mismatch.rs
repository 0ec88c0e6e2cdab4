//! A public key in `creds.json` is not that of its private key.
//!
//! One of the two was altered, by a failing disk or by hand. A wrong noise key keeps the login out, a wrong
//! identity gives `Bad MAC` with everybody. The login comes back with the newest sound `creds.json`.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::Credentials;

pub(crate) const CODE: Code = Code("credentials_key_mismatch");

pub(crate) fn detect(credentials: &Credentials) -> Option<Finding> {
    let wrong: Vec<_> =
        credentials.pairs().filter(|(_, pair)| !pair.matches()).map(|(name, _)| name).collect();
    (!wrong.is_empty()).then(|| {
        let evidence = format!("public and private key do not belong together: {}", wrong.join(", "));
        Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials)
    })
}
