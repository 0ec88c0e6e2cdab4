//! The newest backup that gives a login back.

use std::path::{Path, PathBuf};

use wakeeper_private_fs::shown;

use super::login::credentials_in;
use super::manifest::account_mark;
use super::series::accounts_of;
use super::shelf::file_name;
use super::{BackupError, Shelf};
use crate::examine::CredentialsState;
use crate::repair::{Constraint, RestoredCredentials};
use crate::secret::Passphrase;
use crate::source::Limits;

/// So many archives that say that their login is sound are read to their ends.
const LOOKED_INTO: usize = 16;
/// Why one is passed over.
const OTHER: &str = "it is of another account, or of an earlier link of this one";
/// The same of a database of another gateway.
const OF_A_STORE: &str = "it is of a whatsmeow store, which is not put back; `wakeeper backup list` says how to take the database out";
/// So many that were passed over are told.
const TOLD: usize = 8;

/// The newest backup that gives a login back.
#[derive(Debug)]
pub struct SoundBackup {
    /// It.
    pub archive: PathBuf,
    /// What was passed over for it, in words for people.
    pub passed: Vec<String>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum NoSoundBackup {
    /// The backup folder could not be read.
    #[error(transparent)]
    Backups(#[from] BackupError),
    /// There are some, and none is what it says.
    #[error("no backup in {folder} can be used: {}; name an archive to use another one", .passed.join("; "))]
    Unusable {
        /// The backup folder.
        folder: PathBuf,
        /// What was passed over.
        passed: Vec<String>,
    },
    /// There are encrypted ones only.
    #[error(
        "no backup in {folder} can be read without a passphrase; give BACKUP_PASSPHRASE or name an archive"
    )]
    Locked {
        /// The backup folder.
        folder: PathBuf,
    },
    /// Sessions of that name, and nothing tells which one is meant.
    #[error(
        "the backups of {label} in {folder} are of {} accounts, and nothing here tells which one is meant; name an archive: {}",
        .newest.len(), .newest.join(", ")
    )]
    Several {
        /// The session's name in the backup folder.
        label: String,
        /// The backup folder.
        folder: PathBuf,
        /// The newest archive of each, by its name.
        newest: Vec<String>,
    },
    /// There is none at all.
    #[error("no backup of {label} with a login that is OK in {folder}; name an archive to use another one")]
    Missing {
        /// The session's name in the backup folder.
        label: String,
        /// The backup folder.
        folder: PathBuf,
    },
}

/// Finds the newest backup of a session that holds a sound login, and the one that is meant. What a manifest says of its archive is its maker's word:
/// each is read to its end, until one is what it says.
///
/// # Errors
/// When there is none.
pub fn newest_sound(
    shelf: &Path,
    label: &str,
    passphrase: Option<&Passphrase>,
    told: &Constraint,
) -> Result<SoundBackup, NoSoundBackup> {
    let backups = Shelf::at(shelf).list(Some(label), passphrase, &Limits::default())?;
    let accounts = accounts_of(&backups);
    if !told.tells() && accounts.len() > 1 {
        let newest = accounts.values().map(|backup| file_name(&backup.path)).collect();
        return Err(NoSoundBackup::Several { label: label.to_owned(), folder: shown(shelf), newest });
    }
    let locked = backups.iter().filter(|backup| backup.encrypted && backup.credentials.is_none()).count();
    let meant = told.identity.as_ref().map(account_mark);
    let mut passed = Vec::new();
    let mut read = 0;
    for backup in backups {
        let account = backup.account.as_ref().filter(|_| backup.credentials == Some(CredentialsState::Sound));
        let is_other = account.is_some_and(|account| meant.as_ref().is_some_and(|meant| meant != account));
        let why = if let Some(problem) = backup.problem {
            problem
        } else if backup.is_of_a_store() {
            OF_A_STORE.to_owned()
        } else if is_other {
            OTHER.to_owned()
        } else if backup.credentials != Some(CredentialsState::Sound) || read == LOOKED_INTO {
            continue;
        } else {
            read += 1;
            let read = credentials_in(&backup.path, passphrase, &Limits::default());
            let accepts = |told: &Constraint, text: &Option<Vec<u8>>| {
                let text = text.as_deref().unwrap_or_default();
                RestoredCredentials::from_backup(text, PathBuf::new(), told).is_some()
            };
            match read {
                Ok(text) if accepts(told, &text) => return Ok(SoundBackup { archive: backup.path, passed }),
                Ok(text) if accepts(&Constraint::default(), &text) => OTHER.to_owned(),
                Ok(_) => "its login is not OK, although it says so".to_owned(),
                Err(error) => error.to_string(),
            }
        };
        if passed.len() < TOLD {
            passed.push(format!("{} was passed over: {why}", shown(&backup.path).display()));
        }
    }
    let folder = shown(shelf);
    Err(match (passed.is_empty(), locked) {
        (false, _) => NoSoundBackup::Unusable { folder, passed },
        (true, 0) => NoSoundBackup::Missing { label: label.to_owned(), folder },
        (true, _) => NoSoundBackup::Locked { folder },
    })
}
