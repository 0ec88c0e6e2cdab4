//! `creds.json` is a new, unlinked identity among the files of an older login.
//!
//! This is what a torn `creds.json` becomes once Baileys was started on it: Baileys took the file for absent,
//! made a new identity and waits for a QR code, or asked for a pairing code, while the Signal sessions of the old
//! identity are still here. Do not scan, and do not type the code in: a name and a number in the file are no login
//! before a phone signed them. The login comes back with the newest sound `creds.json` of the old identity.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("credentials_reinitialised");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let unlinked = view.state.credentials().filter(|credentials| {
        credentials.defects.is_empty() && (credentials.me.is_none() || credentials.awaits_code())
    });
    let Some(unlinked) = unlinked.filter(|_| view.state.is_used) else { return Vec::new() };
    let evidence = if unlinked.awaits_code() {
        "a pairing code was asked for and no phone has linked it, but Signal sessions or other state of a login exist"
    } else {
        "the credentials were never linked, but Signal sessions or other state of a login exist"
    };
    vec![Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials)]
}
