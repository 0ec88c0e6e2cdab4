//! wakeeper's own store, judged by the same rules as a folder of Baileys.
//!
//! Whoever can open the store (it is not this crate) tells what it holds. The model is looked at as the files that it would
//! be, so that a key that does not fit, a signature that does not verify or a ratchet that cannot be gives the same code
//! wherever it is found.

use std::path::PathBuf;

use super::{CredentialsState, Format, Options, Report, examine_file};
use crate::finding::{Finding, Repair, Severity, Subject};
use crate::findings;
use crate::formats::baileys::Version;
use crate::model::Session;
use crate::source::{Entry, EntryKind};
use crate::transfer::{self, LeftOut};

/// How the path of a row begins that holds our own sender key; the group follows.
pub const OWN_SENDER_KEY: &str = "our own sender key of ";

/// What was seen of a store.
#[derive(Debug)]
pub struct NativeView {
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
    pub session: Option<Session>,
    /// Rows that cannot be read.
    pub left_out: Vec<LeftOut>,
    /// Where the session was moved to, when it was.
    pub moved: bool,
    /// Permission bits of the database.
    pub mode: u32,
}

/// The report on a store.
pub fn native_report(view: &NativeView, options: &Options<'_>) -> Report {
    let mut found = Vec::new();
    if view.moved {
        found.push(findings::moved_marker());
    } else {
        found.extend(findings::for_native(view));
        found.extend(view.session.iter().flat_map(|session| of_model(view, session, options)));
    }
    found.sort_by(|a, b| (b.severity, a.code).cmp(&(a.severity, b.code)));
    let damaged = view.kind != EntryKind::File
        || view.unreadable.is_some()
        || found.iter().any(|f| f.repair == Repair::RestoreCredentials);
    Report {
        path: view.path.clone(),
        format: Format::Native,
        version: None,
        healthy: found.iter().all(|finding| finding.severity != Severity::Error),
        credentials: match &view.session {
            _ if damaged => CredentialsState::Damaged,
            Some(_) if !view.moved => CredentialsState::Sound,
            _ => CredentialsState::Missing,
        },
        files: 1,
        signal_sessions: view.session.as_ref().map_or(0, |session| session.signal_sessions.len()),
        store: None,
        findings: found,
    }
}

fn of_model(view: &NativeView, session: &Session, _: &Options<'_>) -> Vec<Finding> {
    let files = transfer::write(session, Version::V7);
    let found = files
        .iter()
        .flat_map(|(name, text)| examine_file(Entry::in_memory(name, text.len() as u64), Ok(text)).findings);
    found
        .filter(|finding| finding.severity > Severity::Info)
        .map(|finding| Finding {
            repair: match (&finding.subject, finding.severity) {
                // The one part of a login that the gateway can make anew.
                _ if finding.code.as_str().starts_with("signed_pre_key") => {
                    Repair::Manual("start the gateway: it makes a new one and gives it to WhatsApp")
                }
                // Nothing works without them, so the rest is given up for them.
                (Subject::Credentials, Severity::Error) => Repair::RestoreCredentials,
                _ => Repair::Manual("nothing to do: it is made or negotiated anew when it is needed"),
            },
            path: view.file.clone(),
            ..finding
        })
        .collect()
}
