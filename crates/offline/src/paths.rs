//! Where the sessions of a gateway's folder are, and what belongs to them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wakeeper_doctor::backup::BackupError;
use wakeeper_doctor::{KnownFacts, Options};
use wakeeper_engine_store::Copies;
use wakeeper_engine_store::recover::Backups;
use wakeeper_model::{Clock, SessionName};
use wakeeper_private_fs::{Folder, Trust};

use super::OfflineError;

/// A gateway's folder, and where what belongs to its sessions is kept.
#[derive(Clone)]
pub struct SessionPaths {
    /// The folder of sessions.
    pub auth_info: PathBuf,
    /// Where that folder lies, when this is a copy; else the same.
    pub home: PathBuf,
    /// `baileys_store.json`, which need not exist.
    pub store: PathBuf,
    /// The backups of the default session.
    pub backups: Backups,
    /// The folder of witnesses, outside the data folder, when one is set.
    pub witnesses: Option<PathBuf>,
    /// This is a copy of what is in a container.
    pub is_copy: bool,
    /// A command for these places, as a person would type it, for advice.
    pub command: Arc<dyn Fn(&str) -> String + Send + Sync>,
    /// The time.
    pub clock: Clock,
    /// Counts the copies that are made of databases.
    pub copies: Copies,
}

impl SessionPaths {
    /// Why the backup that was named cannot be had, with the command that lists those that can.
    pub fn not_named(&self, error: BackupError) -> OfflineError {
        match error {
            reason
            @ (BackupError::NoSuch { .. } | BackupError::Several { .. } | BackupError::Link { .. }) => {
                OfflineError::NoSuchBackup { reason, list: (self.command)("backup list") }
            }
            error => error.into(),
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// What the examiner is told of Baileys' files here.
    pub(super) fn options(&self) -> Options<'_> {
        Options {
            store: Some(&self.store),
            home: Some(&self.home),
            database: Some(wakeeper_engine_store::DATABASE),
            passphrase: self.backups.passphrase.as_ref(),
            ..Options::at(self.now_ms())
        }
    }

    /// The same, with what is known besides.
    pub fn options_with<'a>(&'a self, facts: &'a KnownFacts) -> Options<'a> {
        Options {
            store: Some(&self.store),
            home: Some(&self.home),
            database: Some(wakeeper_engine_store::DATABASE),
            passphrase: self.backups.passphrase.as_ref(),
            ..facts.options(self.now_ms())
        }
    }
}

/// The database of the gateway's own session that a folder means. SQLite opens by path, so a folder that a container can
/// write to holds none for us: of a gateway in a container a private copy is worked on, which is no longer the container's.
pub fn database_in(folder: &Path) -> Option<PathBuf> {
    (!is_containers(folder)).then(|| wakeeper_engine_store::database_in(folder)).flatten()
}

/// Whether a container can write to a folder.
pub(super) fn is_containers(folder: &Path) -> bool {
    Folder::named(folder).is_ok_and(|folder| matches!(folder.trust(), Trust::Nobody(_)))
}

/// The gateway that a session belongs to.
pub(super) struct Owner {
    pub auth_info: PathBuf,
    pub session: SessionName,
}

impl Owner {
    /// `None` for a database that lies in no gateway's folder, such as an exported one.
    pub(super) fn of(database: &Path) -> Option<Self> {
        let folder = database.parent()?;
        let sessions =
            folder.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "sessions"))?;
        let session = folder.file_name()?.to_str()?.parse().ok()?;
        Some(Self { auth_info: sessions.parent()?.to_owned(), session })
    }

    /// The same, where only a gateway's session will do.
    pub(super) fn required(database: &Path) -> Result<Self, OfflineError> {
        Self::of(database)
            .ok_or_else(|| OfflineError::NoGateway { path: wakeeper_private_fs::shown(database) })
    }
}

/// The last part of a database's path.
pub(super) fn file_name(database: &Path) -> String {
    database.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
