//! A Signal session lacks parts.
//!
//! libsignal cannot load the record (`TypeError ... 'ephemeralKeyPair'`, or `No session record`), so one broken
//! entry costs all sessions with that device. Archived entries are dropped from the record; when the open one
//! is broken the file is removed and the next message negotiates a new session.

use super::SessionRecord;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::field::{Defect, Problem, describe};
use crate::formats::baileys::session::Entry;

pub(crate) const CODE: Code = Code("signal_session_incomplete");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    by_problem(session, CODE, |problem| matches!(problem, Problem::Missing | Problem::Kind))
}

/// A finding about the entries that have such defects.
pub(super) fn by_problem(
    session: &SessionRecord<'_>,
    code: Code,
    matches: impl Fn(&Problem) -> bool,
) -> Option<Finding> {
    let defects: Vec<&Defect> = session
        .record
        .entries
        .iter()
        .flat_map(|entry| &entry.defects)
        .filter(|defect| matches(&defect.problem))
        .collect();
    if defects.is_empty() {
        return None;
    }
    let broken = |entry: &Entry| entry.defects.iter().any(|defect| matches(&defect.problem));
    Some(about_entries(session, code, describe(&defects), broken))
}

/// An error about those entries of a record that are broken.
pub(super) fn about_entries(
    session: &SessionRecord<'_>,
    code: Code,
    evidence: impl Into<String>,
    broken: impl Fn(&Entry) -> bool,
) -> Finding {
    let drop: Vec<_> =
        session.record.entries.iter().filter(|entry| broken(entry)).map(|e| e.index.clone()).collect();
    // Without its open session the record is of no use, unless another one is open.
    let open_left = session.record.entries.iter().any(|entry| entry.is_open() && !broken(entry));
    let repair =
        if open_left { Repair::DropSignalSessions { drop, reopen: None } } else { Repair::RemoveFile };
    Finding::error(code, session.subject(), evidence).repair(repair).peer(Some(session.address))
}
