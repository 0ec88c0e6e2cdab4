//! `creds.json` is a new, unlinked identity among the files of an older login.
//!
//! This is what a torn `creds.json` becomes once Baileys was started on it: Baileys took the file for absent,
//! made a new identity and waits for a QR code, while the Signal sessions of the old identity are still here.
//! Do not scan. The login comes back with the newest sound `creds.json` of the old identity.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("credentials_reinitialised");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let unlinked = view.state.credentials().is_some_and(|c| c.me.is_none() && c.defects.is_empty());
    if !unlinked || !view.state.is_used {
        return Vec::new();
    }
    let evidence = "the credentials were never linked, but Signal sessions or other state of a login exist";
    vec![Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials)]
}
