//! `creds.json` is gone, while the rest of the session is here.
//!
//! Baileys would make a new identity and show a QR code, and the Signal sessions that are still here would
//! give `Bad MAC`, because the identity is part of every message's MAC. The login comes back with the newest
//! sound `creds.json` of the same account; nothing else is removed, and its pre-key counters are moved past
//! every id already used.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::state::StoredLogin;

pub(crate) const CODE: Code = Code("credentials_missing");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    if !matches!(view.state.login, StoredLogin::Missing) || !view.state.is_used {
        return Vec::new();
    }
    let evidence = "creds.json does not exist, but Signal sessions or other state of a login do";
    vec![Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials)]
}
