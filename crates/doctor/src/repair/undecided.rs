//! Plans that change nothing, because only a person can tell what is right.

use wakeeper_private_fs::shown;

use super::plan::{Plan, login_state};
use super::sources::Found;
use crate::backup::not_opened;
use crate::examine::{CredentialsState, Examination, Options};
use crate::finding::Repair;
use crate::formats::baileys::name::CREDENTIALS;
use crate::inventory::left_out;

/// So many copies are named.
const TOLD: usize = 5;

/// Damaged credentials and nothing to restore them from: nothing may be touched.
pub(super) fn without_login(examination: &Examination, options: &Options<'_>, found: Found) -> Plan {
    let remaining = examination.findings(options);
    let readable = if found.locked == 0 { "" } else { " that could be opened" };
    let mut notes = vec![format!(
        "The credentials are damaged and no backup{readable} holds sound ones of this login. Nothing is removed: look for a \
         copy of creds.json (other hosts, volume snapshots, image layers) before you scan a new QR code; `wakeeper restore \
         PATH` takes the login from a copy of the folder or a tar archive of it."
    )];
    told(&found, examination, options, &mut notes);
    if !examination.inventory.files.contains_key(CREDENTIALS) {
        notes.push(
            "If your gateway keeps its credentials elsewhere (Evolution API v2 keeps them in its database), there is no \
             creds.json here and nothing is wrong: repair the session there, not here."
                .to_owned(),
        );
    }
    let torn = remaining.iter().find(|finding| finding.repair == Repair::RestoreCredentials);
    notes.extend(torn.map(|finding| format!("{}: {}", finding.path, finding.evidence)));
    let unpack = commands(&found);
    Plan { needs_qr: true, notes, remaining, unproven: found.unproven, unpack, ..Plan::default() }
}

/// Whose folder it is, only a person can tell: a repair for one account would be damage to the other.
pub(super) fn of_two_accounts(examination: &mut Examination, options: &Options<'_>, found: Found) -> Plan {
    let mut notes = vec![
        "Files of two accounts are mixed in this folder. Nothing is changed: put the creds.json that belongs to the \
         other files back with `wakeeper restore PATH`, or give this account a folder of its own."
            .to_owned(),
    ];
    told(&found, examination, options, &mut notes);
    let unpack = commands(&found);
    let login = found.login;
    let fits = login.filter(|login| !examination.would_be_of_two_accounts(&login.content, options));
    let restore_from = fits.map(|login| login.from);
    let is_here = |path| format!("The login that the other files belong to is in {}.", shown(path).display());
    notes.extend(restore_from.as_deref().map(is_here));
    let (state, remaining) = login_state(examination, options);
    let login_kept = state == CredentialsState::Sound;
    Plan { login_kept, notes, remaining, restore_from, unproven: found.unproven, unpack, ..Plan::default() }
}

fn commands(found: &Found) -> Vec<String> {
    found.packed.iter().take(TOLD).map(|(_, packed)| packed.command.clone()).collect()
}

/// What was not taken, and why.
fn told(found: &Found, examination: &Examination, options: &Options<'_>, notes: &mut Vec<String>) {
    notes.extend(not_opened(found.locked, options.passphrase.is_some()).map(|sentence| sentence + "."));
    for (path, packed) in found.packed.iter().take(TOLD) {
        notes.push(format!(
            "{} may hold the login, and is an archive of the kind {}, which is not read here. Unpack it first (`{}`), then \
             give the folder that holds creds.json: `wakeeper restore PATH`.",
            shown(path).display(),
            packed.kind,
            packed.command
        ));
    }
    let unread = left_out(&examination.inventory.near.left_out);
    notes.extend(unread.map(|unread| format!("Not looked into, and it may hold the login: {unread}.")));
    if found.unproven.is_empty() {
        return;
    }
    let named = found.unproven.iter().take(TOLD).map(|path| shown(path).display().to_string());
    let named = named.collect::<Vec<_>>().join(", ");
    notes.push(format!(
        "Not taken, because nothing here proves whose login it is: {named}. If you know that one is this session's, name \
         it: `wakeeper restore PATH`."
    ));
}
