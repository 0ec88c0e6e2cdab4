//! Computes a plan: lays repairs over the folder in memory and examines the result, until nothing is left that a
//! program may repair.

use std::path::PathBuf;

use serde::Serialize;

use super::credentials;
use super::overlay::Overlay;
use super::repairer::Repairer;
use super::sources::{Found, Sources};
use super::stale::{self, Removal};
use super::undecided::{of_two_accounts, without_login};
use crate::examine::{CredentialsState, Examination, Options};
use crate::finding::{Code, Finding, Repair, Severity, Subject};
use crate::formats::baileys::name::Name;
use crate::inventory::FileReport;
use crate::source::Folder;

/// Rounds of examining and repairing. Removing a damaged sender key uncovers a second finding, hardly ever a third.
const ROUNDS: usize = 8;

/// How far a plan may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What is damaged, and no more.
    Damaged,
    /// That, and Signal sessions, pre-keys and leftovers that nobody can use any more.
    Stale,
    /// What is damaged, every Signal session, and our own sender keys: for ratchets that may have gone back unseen.
    Ratchets,
    /// Everything: a new QR code is needed afterwards.
    Everything,
}

/// One step of a plan, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    /// What is done, as a stable word.
    pub repair: &'static str,
    /// To which file.
    pub path: String,
    /// Whose state it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The finding that it cures; none for what is only stale, given up or reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// One sentence for people.
    pub description: String,
    /// Bytes that the folder loses by it.
    pub freed: u64,
}

/// What would be done, in order.
#[derive(Debug, Default)]
pub struct Plan {
    /// For people.
    pub actions: Vec<Action>,
    /// For [`super::apply`].
    pub overlay: Overlay,
    /// The login is sound after it.
    pub login_kept: bool,
    /// A QR code must be scanned after it.
    pub needs_qr: bool,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Findings that remain after it.
    pub remaining: Vec<Finding>,
    /// The store is to be replaced by an empty one.
    pub reset_store: bool,
    /// The backup or copy that the login comes from.
    pub login_from: Option<PathBuf>,
    /// The backup or copy that a person may restore, where a program may not.
    pub restore_from: Option<PathBuf>,
    /// Copies of a login of which only a person can tell whether it is this one.
    pub unproven: Vec<PathBuf>,
    /// Commands that unpack archives near the folder, which may hold the login.
    pub unpack: Vec<String>,
}

/// Why no plan could be computed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The same findings came back, round after round.
    #[error("the plan does not converge; {0} still stands")]
    NoEnd(String),
}

/// Computes what to do about a folder. Writes nothing.
pub fn plan(
    folder: &Folder,
    mut examination: Examination,
    options: &Options<'_>,
    sources: &dyn Sources,
    extent: Extent,
) -> Result<Plan, PlanError> {
    if examination.inventory.is_moved() && extent != Extent::Everything {
        return Ok(nothing_here(&examination, options));
    }
    if extent == Extent::Everything {
        return Ok(everything(&examination));
    }
    // What was left behind is older than what the gateway used since: no ratchet of it may come back with the login.
    let is_old =
        examination.inventory.moved_within && !examination.inventory.files.contains_key("creds.json");
    let extent = if is_old { Extent::Ratchets } else { extent };
    if examination.is_of_two_accounts(options) {
        let found = sources.credentials(&credentials::told(folder, &examination, options));
        return Ok(of_two_accounts(&mut examination, options, found));
    }
    let mut repairer = Repairer::new(folder, options, sources);
    let mut login = Login::Sound;
    for round in 0.. {
        // First of all, and again when what was repaired has uncovered damage that only a backup can repair.
        if matches!(login, Login::Sound) {
            login = restore_credentials(&mut repairer, &mut examination, options);
            if let (Login::Lost(found), 0) = (&mut login, round) {
                return Ok(without_login(&examination, options, std::mem::take(found)));
            }
        }
        let findings = examination.findings(options);
        // Backups are asked last: the credentials, which tell whose backups may be asked, may have to be repaired before.
        let (from_backup, others): (Vec<_>, Vec<_>) = findings
            .iter()
            .filter(|finding| is_due(finding))
            .partition(|finding| finding.repair.asks_backups());
        let mut progress = false;
        for finding in others {
            progress |= repairer.repair(finding, &mut examination);
        }
        if !progress {
            for finding in from_backup {
                progress |= repairer.repair(finding, &mut examination);
            }
        }
        if !progress {
            break;
        }
        if round == ROUNDS {
            let left = findings.into_iter().find(is_due).map_or_else(String::new, |f| f.code.to_string());
            return Err(PlanError::NoEnd(left));
        }
    }
    give_up(&mut repairer, &mut examination, options, extent);
    Ok(repairer.finish(&examination, options))
}

/// Gives up what is whole, where more than the damaged is to go.
fn give_up(
    repairer: &mut Repairer<'_>,
    examination: &mut Examination,
    options: &Options<'_>,
    extent: Extent,
) {
    match extent {
        Extent::Stale => {
            remove_leftovers(repairer, examination);
            let mut stale = stale::stale(&examination.state(), options.now_ms);
            // What was written anew is not stale.
            stale.retain(|(subject, _)| !repairer.is_changed(&subject.file()));
            remove(repairer, &stale, examination);
        }
        Extent::Ratchets => {
            let given_up = stale::ratchets(&examination.state());
            remove(repairer, &given_up, examination);
        }
        Extent::Damaged | Extent::Everything => {}
    }
}

fn is_due(finding: &Finding) -> bool {
    finding.severity >= Severity::Warning && finding.repair.is_automatic()
}

/// What became of the login.
#[derive(Debug)]
enum Login {
    /// Nothing is wrong with it so far.
    Sound,
    /// It comes from a backup.
    Restored,
    /// It is damaged, and no backup holds a sound one; what was found instead.
    Lost(Found),
}

/// Takes credentials that are damaged from a backup.
fn restore_credentials(
    repairer: &mut Repairer<'_>,
    examination: &mut Examination,
    options: &Options<'_>,
) -> Login {
    let findings = examination.findings(options);
    let is_due = |finding: &&Finding| {
        let is_blank = finding.subject == Subject::Credentials && finding.repair == Repair::RestoreOrRemove;
        finding.repair == Repair::RestoreCredentials || is_blank
    };
    let Some(finding) = findings.iter().find(is_due) else {
        return Login::Sound;
    };
    let current = repairer.read("creds.json").unwrap_or_default();
    let constraint = credentials::constraint(&current, &examination.inventory);
    let mut found = repairer.sources().credentials(&constraint);
    match found.login.take() {
        // The rest of the folder may say that they are another account's.
        Some(restored) if examination.would_be_of_two_accounts(&restored.content, options) => {
            Login::Lost(found)
        }
        Some(restored) => {
            repairer.put_credentials(finding, restored, examination);
            Login::Restored
        }
        // A file without content among nothing else holds no login that could be lost.
        None if finding.repair == Repair::RestoreOrRemove
            && found.unproven.is_empty()
            && found.packed.is_empty()
            && examination.inventory.near.told().is_none()
            && found.locked == 0 =>
        {
            Login::Sound
        }
        None => Login::Lost(found),
    }
}

/// The session lives elsewhere: repairing what it left behind could only bring two owners about.
fn nothing_here(examination: &Examination, options: &Options<'_>) -> Plan {
    let note = "The session was moved out of this folder; nothing is repaired here any more.".to_owned();
    let (state, remaining) = login_state(examination, options);
    let login_kept = state == CredentialsState::Sound;
    Plan { login_kept, notes: vec![note], remaining, ..Plan::default() }
}

fn everything(examination: &Examination) -> Plan {
    let mut plan = Plan { needs_qr: true, reset_store: true, ..Plan::default() };
    for file in examination.inventory.files.values() {
        if matches!(file.name, Name::Own | Name::Unknown) {
            continue;
        }
        let is_file = file.entry.kind == crate::source::EntryKind::File;
        let away = if is_file { "remove it" } else { "move it aside" };
        plan.overlay.take_away(&file.entry.name, is_file);
        plan.actions.push(Action {
            repair: Repair::RemoveFile.word(),
            path: file.entry.name.clone(),
            peer: file.name.peer().map(ToString::to_string),
            code: None,
            description: format!("{away} with everything else"),
            freed: file.entry.len,
        });
    }
    plan
}

/// Editors, copies and crashed writers leave files behind.
fn remove_leftovers(repairer: &mut Repairer<'_>, examination: &mut Examination) {
    let files = examination.inventory.files.values();
    let is_leftover = |file: &&FileReport| {
        let is_file = file.entry.kind == crate::source::EntryKind::File;
        file.name == Name::Temporary && is_file && !repairer.is_changed(&file.entry.name)
    };
    let leftovers: Vec<_> = files.filter(is_leftover).map(|file| file.entry.name.clone()).collect();
    for name in leftovers {
        repairer.remove(&name, None, "a leftover of an editor, a copy or a crashed writer", examination);
    }
}

/// Takes parts of the session out that no finding is about.
fn remove(repairer: &mut Repairer<'_>, removals: &[Removal], examination: &mut Examination) {
    for (subject, why) in removals {
        repairer.remove(&subject.file(), subject.peer(), why, examination);
    }
}

/// Where something that is no file is moved.
pub(super) fn aside_name(name: &str) -> String {
    format!("{name}.moved-aside.old")
}

/// Whether the login is there.
pub(super) fn login_state(
    examination: &Examination,
    options: &Options<'_>,
) -> (CredentialsState, Vec<Finding>) {
    let findings = examination.findings(options);
    (examination.credentials_state(&findings), findings)
}
