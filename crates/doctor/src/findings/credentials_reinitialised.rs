//! `creds.json` is a new, unlinked identity among the files of an older login.
//!
//! This is what a torn `creds.json` becomes once Baileys was started on it: Baileys took the file for absent,
//! made a new identity and waits for a QR code, while the Signal sessions of the old identity are still here.
//! Do not scan. The login comes back with the newest sound `creds.json` of the old identity.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("credentials_reinitialised");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let unlinked = view.inventory.credentials().is_some_and(|c| c.me.is_none() && c.defects.is_empty());
    if !unlinked || !view.inventory.holds_session_state() {
        return Vec::new();
    }
    let evidence = "the credentials were never linked, but Signal sessions or other state of a login exist";
    vec![Finding::error(CODE, "creds.json", evidence).repair(Repair::RestoreCredentials)]
}
