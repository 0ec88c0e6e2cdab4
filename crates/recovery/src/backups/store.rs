//! Where the backups of one session are kept, and for how long.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use wakeeper_doctor::backup::retention::Pruned;
use wakeeper_doctor::backup::{
    self, BackupError, BackupInfo, CreateOptions, Created, Own, Retention, RunningBackupError, Shelf,
    Verified, place_mark,
};
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::source::Limits;
use wakeeper_doctor::{KnownFacts, Options};
use wakeeper_private_fs::shown;

use super::target::BackupOutcome;
use super::time;
use crate::clock::Clock;
use crate::session::{SessionError, blocking};

/// Where the backups of one session are kept, and for how long.
#[derive(Clone)]
pub struct BackupStore {
    /// The backup folder, which need not exist.
    pub shelf: PathBuf,
    /// The session's name in it.
    pub label: String,
    /// The mark of the session's login, where it is known: another session may have the same name in this folder.
    pub account: Option<String>,
    /// Where the session lies, which may be another place than that of the copy that is backed up.
    pub home: Option<PathBuf>,
    /// Encrypts new backups and opens old ones.
    pub passphrase: Option<Passphrase>,
    /// What pruning keeps.
    pub retention: Retention,
    /// Old backups are removed.
    pub prunes: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Which backups are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The newest one.
    Newest,
    /// All of the session.
    All,
    /// This archive.
    Archive(PathBuf),
}

/// A backup that was checked.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Checked {
    /// It could be read to its end.
    Read(Box<Verified>),
    /// It gives nothing back.
    Unusable {
        /// The archive.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

impl Checked {
    /// It is what it says.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Read(verified) if verified.is_what_it_says())
    }
}

/// Why there is no new backup that would give the session back, or old ones stay.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// None was made.
    #[error(transparent)]
    Create(#[from] RunningBackupError),
    /// The new one could not be read back.
    #[error(transparent)]
    Verify(#[from] BackupError),
    /// The new one holds another login than the session.
    #[error("{path} would not restore the login that was backed up; it is kept for a look at it")]
    OtherLogin {
        /// The new one.
        path: PathBuf,
    },
    /// Old ones could not be removed.
    #[error("cannot prune {folder}: {source}")]
    Prune {
        /// The backup folder.
        folder: PathBuf,
        /// Why.
        source: BackupError,
    },
}

impl BackupStore {
    /// Says in the log what a schedule keeps here.
    pub fn tell_of_schedule(&self, every: Duration) {
        if self.passphrase.as_ref().is_some_and(Passphrase::is_short) {
            tracing::warn!(
                "BACKUP_PASSPHRASE is short enough to be guessed; a longer one protects new backups better"
            );
        }
        let keep =
            if self.prunes { "" } else { "; old ones are kept, because SESSION_CLEANUP_ENABLED is false" };
        let (shelf, every) = (self.shelf.display(), time(every));
        tracing::info!("sessions are backed up to {shelf} every {every} when they changed{keep}");
    }

    /// When the newest backup was made, milliseconds since 1970; unknown where sessions share the name in this folder, unless the
    /// account tells.
    pub fn newest_ms(&self) -> Option<i64> {
        let shelf = Shelf::at(&self.shelf);
        if self.account.is_none() && shelf.accounts(&self.label).len() > 1 {
            return None;
        }
        let archives = self.with_own(|own| shelf.archives_of(&self.label, own)).ok()?;
        archives.first().map(|(.., made_ms)| *made_ms)
    }

    /// Backs a folder of Baileys' files up if it changed since its newest backup, looks at the new backup as a restore would,
    /// and removes what the retention does not keep. What runs on the folder may go on running.
    ///
    /// # Errors
    /// When the session lies behind its newest backup, cannot be copied, or the copy would not give its login back.
    pub async fn back_up(
        &self,
        auth_info: PathBuf,
        store: Option<PathBuf>,
    ) -> Result<BackupOutcome, SessionError> {
        let backups = self.clone();
        blocking(move || backups.run(&auth_info, store.as_deref()).map_err(SessionError::of)).await
    }

    fn run(&self, auth_info: &Path, store: Option<&Path>) -> Result<BackupOutcome, StoreError> {
        let how = CreateOptions {
            shelf: &self.shelf,
            label: &self.label,
            passphrase: self.passphrase.as_ref(),
            always: false,
        };
        let created = backup::create_scheduled(auth_info, &Options { store, ..self.options() }, &how)?;
        if !created.unchanged {
            self.verify(&created)?;
        }
        let own = Self { account: created.manifest.account.clone(), ..self.clone() };
        let pruned = if self.prunes { own.prune(false)?.removed.len() } else { 0 };
        if created.unchanged {
            return Ok(BackupOutcome::Unchanged);
        }
        Ok(BackupOutcome::Made {
            path: shown(&created.path),
            files: created.manifest.files.len(),
            errors: created.manifest.errors.unwrap_or(0),
            pruned,
        })
    }

    fn verify(&self, created: &Created) -> Result<(), StoreError> {
        let verified = backup::verify(&created.path, &self.options())?;
        if verified.report.credentials != created.manifest.credentials {
            return Err(StoreError::OtherLogin { path: shown(&created.path) });
        }
        Ok(())
    }

    /// Removes backups that the retention does not keep, or says which it would remove.
    ///
    /// # Errors
    /// When one cannot be looked into or removed.
    pub fn prune(&self, dry_run: bool) -> Result<Pruned, StoreError> {
        let shelf = Shelf::at(&self.shelf);
        let passphrase = self.passphrase.as_ref();
        let pruned = self
            .with_own(|own| backup::prune(&shelf, &self.label, own, &self.retention, passphrase, dry_run));
        pruned.map_err(|source| StoreError::Prune { folder: shown(&self.shelf), source })
    }

    /// Whose backups are meant.
    pub fn with_own<T>(&self, work: impl FnOnce(Own<'_>) -> T) -> T {
        let place = self.home.as_deref().map(place_mark);
        work(Own { account: self.account.as_deref(), place: place.as_deref() })
    }

    /// The backups of the session's name, newest first; of all sessions in the folder when `all`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self, all: bool) -> Result<Vec<BackupInfo>, BackupError> {
        let label = (!all).then_some(self.label.as_str());
        Shelf::at(&self.shelf).list(label, self.passphrase.as_ref(), &Limits::default())
    }

    /// The same, each read back as far as that takes no long time.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list_read_back(&self, all: bool) -> Result<Vec<BackupInfo>, BackupError> {
        let mut list = self.list(all)?;
        backup::read_back(&mut list, self.passphrase.as_ref(), &Limits::default());
        Ok(list)
    }

    /// Whether a backup of the session may give its login back.
    pub fn has_login(&self) -> bool {
        let is_own = |backup: &BackupInfo| backup.may_hold_login() && self.is_own(backup);
        self.list(false).is_ok_and(|list| list.iter().any(is_own))
    }

    /// Whether a backup of its name may be the session's, and not that of another one of the same name.
    pub fn is_own(&self, backup: &BackupInfo) -> bool {
        backup.label == self.label && self.with_own(|own| backup.may_be_of(own))
    }

    /// Restores backups into memory and examines the result: none where there is none.
    ///
    /// # Errors
    /// When the folder or the one archive that was asked for cannot be read.
    pub fn check(&self, which: &Which, facts: &KnownFacts) -> Result<Vec<Checked>, BackupError> {
        let shelf = Shelf::at(&self.shelf);
        let archives = || self.with_own(|own| shelf.archives_of(&self.label, own));
        let paths: Vec<PathBuf> = match which {
            Which::Archive(path) => {
                vec![self.with_own(|own| shelf.file_named(path, &self.label, own))?]
            }
            Which::All => archives()?.into_iter().map(|(path, ..)| path).collect(),
            Which::Newest => archives()?.into_iter().map(|(path, ..)| path).take(1).collect(),
        };
        // Where the session lies now says nothing about a backup.
        let options = Options {
            passphrase: self.passphrase.as_ref(),
            on_mount: None,
            owners: &[],
            ..facts.options(self.clock.now_ms())
        };
        let of_several = *which == Which::All;
        let check = |path: &PathBuf| match backup::verify(path, &options) {
            Ok(verified) => Ok(Checked::Read(Box::new(verified))),
            Err(error) if of_several => {
                Ok(Checked::Unusable { path: shown(path), problem: error.to_string() })
            }
            Err(error) => Err(error),
        };
        paths.iter().map(check).collect()
    }

    fn options(&self) -> Options<'_> {
        Options {
            passphrase: self.passphrase.as_ref(),
            home: self.home.as_deref(),
            ..Options::at(self.clock.now_ms())
        }
    }
}
