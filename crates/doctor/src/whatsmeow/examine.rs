//! The report on a store: each device of it is a session, judged by the same rules as any other.

use std::path::Path;

use serde::Serialize;

use super::read::{Reading, Unreadable};
use super::{Moved, Store, StoreError};
use crate::examine::{CredentialsState, Format, Options, Report, parts_of};
use crate::finding::{Finding, Repair, Severity, Subject};
use crate::findings::{self, StateView};
use crate::state::SessionState;

/// The report on a store, as `wakeeper examine --json` prints it.
#[derive(Debug, Serialize)]
pub struct StoreReport {
    /// The device that was named, or the first.
    #[serde(flatten)]
    pub first: DeviceReport,
    /// The other devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<DeviceReport>,
}

/// The report on one device.
#[derive(Debug, Serialize)]
pub struct DeviceReport {
    /// Its JID; none where no device is linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What was found.
    #[serde(flatten)]
    pub report: Report,
}

impl StoreReport {
    /// Whether no device has an error.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.all().all(|device| device.report.healthy)
    }

    /// All devices.
    pub fn all(&self) -> impl Iterator<Item = &DeviceReport> {
        std::iter::once(&self.first).chain(&self.sessions)
    }

    /// One report on the store as a whole.
    #[must_use]
    pub fn into_one(self) -> Report {
        let mut report = self.first.report;
        for other in self.sessions {
            report.healthy &= other.report.healthy;
            report.signal_sessions += other.report.signal_sessions;
            report.findings.extend(other.report.findings);
            if other.report.credentials == CredentialsState::Damaged {
                report.credentials = CredentialsState::Damaged;
            }
        }
        report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        report
    }
}

/// Copies a store and reports on it, or on one device of it. Never writes to it.
///
/// # Errors
/// When it cannot be looked at, or holds no such device. Damage is reported.
pub fn examine(path: &Path, device: Option<&str>, options: &Options<'_>) -> Result<StoreReport, StoreError> {
    match Store::open(path) {
        Ok(store) => examine_store(&store, device, options),
        Err(StoreError::Damaged { reason, .. }) => Ok(only(damaged(path, &reason))),
        Err(error) => Err(error),
    }
}

/// Reports on an open store.
///
/// # Errors
/// When it cannot be read, or holds no such device.
pub fn examine_store(
    store: &Store,
    device: Option<&str>,
    options: &Options<'_>,
) -> Result<StoreReport, StoreError> {
    let chosen = device.map(|named| store.device(Some(named))).transpose()?.map(|device| device.jid);
    let all = match store.read_each(0, |read| of_device(store, read, options)) {
        Err(StoreError::Damaged { reason, .. }) => return Ok(only(damaged(store.path(), &reason))),
        all => all?,
    };
    let mut devices = all.into_iter();
    if let Some(chosen) = chosen {
        let found = devices.find(|device| device.session.as_ref() == Some(&chosen));
        return found.map(only_device).ok_or_else(|| StoreError::NoDevice { path: store.path().to_owned() });
    }
    let moved = store.moved()?;
    Ok(match devices.next() {
        Some(first) => StoreReport { first, sessions: devices.collect() },
        None => only(unlinked(store, &moved)),
    })
}

fn only(report: Report) -> StoreReport {
    only_device(DeviceReport { session: None, report })
}

fn only_device(first: DeviceReport) -> StoreReport {
    StoreReport { first, sessions: Vec::new() }
}

fn of_device(store: &Store, read: Result<Reading, Unreadable>, options: &Options<'_>) -> DeviceReport {
    let file = store.file();
    match read {
        Ok(reading) => {
            let found = judged(&reading, options);
            let is_damaged =
                found.iter().any(|f| f.severity == Severity::Error && f.subject == Subject::Credentials);
            let state = if is_damaged { CredentialsState::Damaged } else { CredentialsState::Sound };
            let signal_sessions = reading.session.signal_sessions.len();
            let report = report(store.path(), &file, state, signal_sessions, found);
            DeviceReport { session: Some(reading.device), report }
        }
        Err(Unreadable { device, reason }) => {
            let found = vec![findings::whatsmeow_login_damaged(&file, format!("{device}: {reason}"))];
            let report = report(store.path(), &file, CredentialsState::Damaged, 0, found);
            DeviceReport { session: Some(device), report }
        }
    }
}

/// What is wrong with a device that could be read. What is repaired by removing a part is so here too.
pub(super) fn judged(reading: &Reading, options: &Options<'_>) -> Vec<Finding> {
    let state = SessionState::of(&reading.session);
    let mut found = parts_of(&reading.session);
    found.extend(findings::for_state(&StateView { state: &state, options, version: None, near: None }));
    found.extend(findings::for_whatsmeow_rows(&reading.unread));
    found.into_iter().map(in_store).collect()
}

/// What a person does about a finding in a store of whatsmeow.
fn in_store(finding: Finding) -> Finding {
    let repair = match (&finding.subject, &finding.repair) {
        (_, Repair::None | Repair::Manual(_)) => return finding,
        (Subject::Credentials, _) => {
            Repair::Manual("put a copy of the store back, or link the device again with a QR code")
        }
        (Subject::PreKeys | Subject::PreKey(_), _) => {
            Repair::Manual("nothing to do: whatsmeow makes new ones and gives them to WhatsApp")
        }
        _ => Repair::Manual(
            "whatsmeow makes it anew when its row is gone: `wakeeper import` leaves it behind; wakeeper deletes no rows \
             of this store",
        ),
    };
    finding.repair(repair)
}

fn damaged(path: &Path, reason: &str) -> Report {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = vec![findings::whatsmeow_database_damaged(&file, reason)];
    report(path, &file, CredentialsState::Damaged, 0, found)
}

fn unlinked(store: &Store, moved: &[Moved]) -> Report {
    let file = store.file();
    let told = moved.iter().map(|moved| {
        findings::moved_from_store(&file, format!("{} was moved to {}", moved.device, moved.to))
    });
    let mut found: Vec<_> = told.collect();
    if found.is_empty() {
        found.push(findings::whatsmeow_not_linked());
    }
    report(store.path(), &file, CredentialsState::Missing, 0, found)
}

fn report(
    path: &Path,
    file: &str,
    credentials: CredentialsState,
    signal_sessions: usize,
    mut findings: Vec<Finding>,
) -> Report {
    for finding in findings.iter_mut().filter(|finding| finding.path.is_empty()) {
        file.clone_into(&mut finding.path);
    }
    findings.sort_by(|a, b| (b.severity, a.code).cmp(&(a.severity, b.code)));
    Report {
        path: path.to_owned(),
        format: Format::Whatsmeow,
        version: None,
        releases: None,
        healthy: findings.iter().all(|finding| finding.severity != Severity::Error),
        credentials,
        files: 1,
        signal_sessions,
        store: None,
        findings,
    }
}
