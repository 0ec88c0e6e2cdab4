//! `creds.json` is gone, while the rest of the session is here.
//!
//! Baileys would make a new identity and show a QR code, and the Signal sessions that are still here would
//! give `Bad MAC`, because the identity is part of every message's MAC. The login comes back with the newest
//! sound `creds.json` of the same account; nothing else is removed, and its pre-key counters are moved past
//! every id already used.
//!
//! Some gateways keep their credentials elsewhere and only the other keys in files: Evolution API v2 does, in its
//! database. Such a folder never has a `creds.json`, and nothing is wrong with it; where it lies in a folder called
//! `instances`, as Evolution's do, this is only a warning, unless a backup of it or a copy near it holds a login: then it once
//! had one. A folder that holds nothing but a copy such as `creds.json.bak` has lost its login, too.

use std::path::Path;

use super::FolderView;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::name::CREDENTIALS;

pub(crate) const CODE: Code = Code("credentials_missing");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let inventory = view.inventory;
    if inventory.files.contains_key(CREDENTIALS) {
        return Vec::new();
    }
    if !inventory.holds_session_state() {
        let evidence = "creds.json does not exist, and a copy of it lies here";
        let found = Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials);
        return inventory.is_only_copy().then_some(found).into_iter().collect();
    }
    let evidence = "creds.json does not exist, but Signal sessions or other state of a login do; a gateway that keeps its \
                    credentials elsewhere, as Evolution API v2 does in its database, has none here";
    let had_login = inventory.near.is_of_login();
    let found = if is_evolutions(view.path) && !had_login {
        let advice = "nothing, when the gateway finds its credentials in its database";
        Finding::warning(CODE, Subject::Credentials, evidence).repair(Repair::Manual(advice))
    } else {
        Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials)
    };
    vec![found]
}

/// `instances/<id of the instance>`
fn is_evolutions(path: &Path) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|parent| parent == "instances")
}
