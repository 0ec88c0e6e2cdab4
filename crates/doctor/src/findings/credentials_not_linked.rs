//! The session was never linked.
//!
//! A fresh folder: the gateway shows a QR code and waits for it to be scanned, or for its pairing code to be typed in. An
//! empty `creds.json` (nothing, blanks or `{}`) and nothing else is the same: a pairing that never finished leaves it. It may be
//! removed. Where a copy of a login lies near the folder, or a backup holds one, or something that may be a copy cannot be looked
//! into, the evidence names it: a login may have been lost, and a QR code would give it up. A store of whatsmeow in which no device is linked is the same, too.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::inventory::Near;
use crate::state::StoredLogin;

pub(crate) const CODE: Code = Code("credentials_not_linked");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    if view.state.is_used {
        return Vec::new();
    }
    let found = |evidence: &str| Finding::info(CODE, Subject::Credentials, evidence);
    let found = match &view.state.login {
        StoredLogin::Unreadable => return Vec::new(),
        StoredLogin::Blank => {
            let evidence = "no login yet: creds.json is empty, and nothing else of a login is here; a QR code must be scanned";
            Finding::warning(CODE, Subject::Credentials, evidence).repair(Repair::RestoreOrRemove)
        }
        StoredLogin::Read(credentials) if !credentials.defects.is_empty() => return Vec::new(),
        StoredLogin::Read(credentials) if credentials.awaits_code() => {
            found("no login yet: the pairing code must be typed into the phone, or pairing begun anew")
        }
        StoredLogin::Read(credentials) if credentials.me.is_some() => return Vec::new(),
        StoredLogin::Missing | StoredLogin::Read(_) => found("no login yet: a QR code must be scanned"),
    };
    vec![match view.near.and_then(Near::told) {
        Some(told) => warned(&found, &told),
        None => found,
    }]
}

/// The same where a login lies near.
fn warned(found: &Finding, told: &str) -> Finding {
    let advice = "look at what is near before you scan a QR code: `restore PATH` gives a login back";
    let evidence = format!("{}; but {told}", found.evidence);
    // What a repair looks for first; it removes nothing while this is near.
    let is_due = found.repair == Repair::RestoreOrRemove;
    let repair = if is_due { Repair::RestoreOrRemove } else { Repair::Manual(advice) };
    Finding::warning(CODE, Subject::Credentials, evidence).repair(repair)
}

/// The same of a session of our own, where nothing is stored before a phone is linked.
pub(crate) fn in_database() -> Finding {
    let evidence = "no login yet: no phone is linked to this session; its gateway shows a QR code, which must be scanned";
    Finding::info(CODE, Subject::Credentials, evidence)
}

/// The same of a store of whatsmeow.
pub(crate) fn in_store() -> Finding {
    let evidence = "no login yet: no device is linked in this store; a QR code must be scanned";
    Finding::info(CODE, Subject::Credentials, evidence)
}
