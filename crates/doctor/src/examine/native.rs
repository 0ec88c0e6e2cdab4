//! wakeeper's own store, judged by the same rules as a folder of Baileys.
//!
//! Whoever can open the store (it is not this crate) tells what it holds. A key that does not fit, a signature that does not
//! verify or a ratchet that cannot be gives the same code wherever it is found.

use std::path::PathBuf;

use super::{CredentialsState, Format, Options, Report};
use crate::finding::{Finding, Repair, Severity, Subject};
use crate::findings::{self, SessionRecord, StateView};
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::key_pair::PreKey;
use crate::formats::baileys::sender_key::State;
use crate::formats::baileys::session::Record;
use crate::model::Session;
use crate::source::EntryKind;
use crate::state::SessionState;

/// What was seen of a store.
#[derive(Debug)]
pub struct NativeView<'a> {
    /// What was examined.
    pub path: PathBuf,
    /// The database's name in its folder.
    pub file: String,
    /// What stands there. Only a file is opened.
    pub kind: EntryKind,
    /// What SQLite finds wrong.
    pub problems: Vec<String>,
    /// Why it cannot be read although SQLite finds nothing wrong: another version may have written it.
    pub unreadable: Option<String>,
    /// What it holds; `None` when it was never linked, or cannot be read.
    pub session: Option<&'a Session>,
    /// Rows that cannot be read.
    pub unread: &'a [UnreadRow],
    /// Where the session was moved to, when it was.
    pub moved: Option<String>,
    /// Permission bits of the database.
    pub mode: u32,
}

/// A row of a store that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadRow {
    /// What it should hold.
    pub subject: Subject,
    /// It holds our own sender key, which every message to the group needs.
    pub is_own: bool,
    /// What it should hold, in words.
    pub what: String,
    /// Why it cannot be read.
    pub reason: String,
}

/// The report on a store.
pub fn native_report(view: &NativeView<'_>, options: &Options<'_>) -> Report {
    let mut found = Vec::new();
    if let Some(to) = &view.moved {
        found.push(findings::moved_marker(Some(to)));
    } else {
        found.extend(findings::for_native(view));
        found.extend(view.session.into_iter().flat_map(of_parts).map(in_store));
    }
    let damaged = view.kind != EntryKind::File
        || view.unreadable.is_some()
        || found.iter().any(|f| f.repair == Repair::RestoreCredentials);
    // What is damaged is older than any backup, or nobody's.
    if let Some(session) = view.session.filter(|_| !damaged && view.moved.is_none()) {
        let state = SessionState::of(session);
        found.extend(findings::told_by_more(&StateView {
            state: &state,
            options,
            version: None,
            near: None,
        }));
    }
    if view.session.is_none() && view.moved.is_none() && !damaged {
        found.push(findings::no_login_in_database());
    }
    let found = in_order(found, &view.file);
    Report {
        path: view.path.clone(),
        format: Format::Native,
        version: None,
        releases: None,
        healthy: found.iter().all(|finding| finding.severity != Severity::Error),
        credentials: match &view.session {
            _ if damaged => CredentialsState::Damaged,
            Some(_) if view.moved.is_none() => CredentialsState::Sound,
            _ => CredentialsState::Missing,
        },
        files: 1,
        signal_sessions: view.session.map_or(0, |session| session.signal_sessions.len()),
        store: None,
        findings: found,
    }
}

/// Errors first. A part of the session lies in the database.
fn in_order(mut found: Vec<Finding>, file: &str) -> Vec<Finding> {
    for finding in found.iter_mut().filter(|finding| finding.path.is_empty()) {
        file.clone_into(&mut finding.path);
    }
    found.sort_by(|a, b| (b.severity, a.code).cmp(&(a.severity, b.code)));
    found
}

/// What is wrong with single parts of a session.
pub(crate) fn of_parts(session: &Session) -> Vec<Finding> {
    let mut found = findings::for_credentials(&Credentials::of_model(&session.credentials));
    for (id, pair) in &session.pre_keys {
        let pre_key = PreKey { pair: Some(pair.clone()), defects: Vec::new() };
        found.extend(findings::for_pre_key(*id, &pre_key));
    }
    for (address, record) in &session.signal_sessions {
        let record = Record::of_model(record);
        found.extend(findings::for_record(&SessionRecord { address, record: &record }));
    }
    for (name, key) in &session.sender_keys {
        let states: Vec<State> = key.states.iter().map(State::of_model).collect();
        found.extend(findings::for_sender_key(name, &states));
    }
    found.retain(|finding| finding.severity > Severity::Info);
    found
}

/// What repairs a finding where a gateway of ours runs.
fn in_store(finding: Finding) -> Finding {
    let repair = match (&finding.subject, finding.severity) {
        // The one part of a login that the gateway can make anew.
        _ if findings::is_about_signed_pre_key(finding.code) => {
            Repair::Manual("start the gateway: it makes a new one and gives it to WhatsApp")
        }
        // Nothing works without them, so the rest is given up for them.
        (Subject::Credentials, Severity::Error) => Repair::RestoreCredentials,
        _ => Repair::Manual("nothing to do: it is made anew when it is needed"),
    };
    finding.repair(repair)
}
