//! One backup, as a list tells of it.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use wakeeper_private_fs::shown;

use super::Reason;
use super::archive::{self, ArchiveError, Effort};
use super::series::mark_in;
use super::shelf::time_of;
use crate::examine::CredentialsState;
use crate::secret::Passphrase;
use crate::source::Limits;
use crate::whatsmeow;

/// One backup, as far as its name and manifest tell.
#[derive(Debug, Clone, Serialize)]
pub struct BackupInfo {
    /// The archive.
    #[serde(serialize_with = "as_shown")]
    pub path: PathBuf,
    /// The session's name.
    pub label: String,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// Its size in bytes.
    pub size: u64,
    /// A passphrase is needed to use it.
    pub encrypted: bool,
    /// The state of the credentials in it; unknown without the passphrase, or when it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsState>,
    /// Errors that were in the session when it was backed up; unknown in old backups, and without the passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<usize>,
    /// Why it was made; unknown in old backups, and without the passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Whether every hash in it is what its manifest says; unknown until it is read back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Number of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
    /// Number of records of Signal sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_sessions: Option<usize>,
    /// Which login, see [`super::manifest::account_mark`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Where the session lies, see [`super::place_mark`].
    #[serde(skip)]
    pub place: Option<String>,
    /// How the session was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// It was not looked into, because too many newer ones are large or encrypted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub passed_over: bool,
    /// It is encrypted, and was not opened: no passphrase was given, or another one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// It is a link or something else that is no file, and was not looked into.
    #[serde(skip)]
    pub is_link: bool,
    /// Why its manifest could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl BackupInfo {
    /// When it was made, to the second, in UTC: `2026-01-31T12:00:07`. Names it, too.
    pub fn time(&self) -> String {
        time_of(self.created_ms)
    }

    /// It may hold a sound login: what cannot be looked into may be the last one.
    pub fn may_hold_login(&self) -> bool {
        let unknown = self.passed_over || self.locked;
        self.credentials.map_or(unknown, |state| state == CredentialsState::Sound)
    }

    /// It is of a store of whatsmeow, which `restore` does not put back.
    pub fn is_of_a_store(&self) -> bool {
        self.format.as_deref() == Some(whatsmeow::FORMAT)
    }

    /// It may hold a session without any error.
    pub fn may_be_well(&self) -> bool {
        self.may_hold_login() && self.errors.is_none_or(|errors| errors == 0)
    }
}

/// Looks into an archive.
pub(super) fn info(
    path: PathBuf,
    label: String,
    created_ms: i64,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    effort: &mut Effort,
) -> BackupInfo {
    let size = path.symlink_metadata().map_or(0, |metadata| metadata.len());
    let encrypted = archive::is_encrypted(&path).unwrap_or(false);
    let summary = archive::summary(&path, passphrase, limits, effort);
    let account = mark_in(&path);
    let mut info = BackupInfo { size, encrypted, account, ..unknown(path, label, created_ms) };
    match summary {
        Ok(summary) => {
            info.credentials = Some(summary.credentials);
            info.errors = summary.errors;
            info.reason = summary.reason;
            info.files = Some(summary.files);
            info.signal_sessions = Some(summary.signal_sessions);
            info.account = summary.account;
            info.place = summary.place;
            info.format = summary.format;
        }
        Err(ArchiveError::PassphraseNeeded) => info.locked = true,
        Err(ArchiveError::NotLookedInto) => info.passed_over = true,
        Err(error) => {
            info.locked = error.is_of_the_passphrase();
            info.problem = Some(error.to_string());
        }
    }
    info
}

/// Of which nothing is known but the name.
fn unknown(path: PathBuf, label: String, created_ms: i64) -> BackupInfo {
    BackupInfo {
        account: None,
        path,
        label,
        created_ms,
        size: 0,
        encrypted: false,
        credentials: None,
        errors: None,
        reason: None,
        verified: None,
        files: None,
        signal_sessions: None,
        place: None,
        format: None,
        passed_over: false,
        locked: false,
        is_link: false,
        problem: None,
    }
}

/// What leads elsewhere is no backup of this folder, and not passed over in silence.
pub(super) fn not_looked_into(path: PathBuf, label: String, created_ms: i64) -> BackupInfo {
    let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    let what = if is_link { "a link, which is not followed" } else { "no file" };
    let problem = Some(format!("it is {what}: it is no backup"));
    BackupInfo { is_link: true, problem, ..unknown(path, label, created_ms) }
}

/// Writes a path as people know it, not by the handle that leads there.
pub(super) fn as_shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    shown(path).serialize(serializer)
}
