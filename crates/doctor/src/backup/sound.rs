//! The newest backup that gives a login back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wakeeper_bounded_tar::quoted;
use wakeeper_private_fs::shown;

use super::archive::Effort;
use super::info::BackupInfo;
use super::kin::{Bond, Kin};
use super::login::{Held, held_in};
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
    /// One that may be another session's.
    #[error(
        "{newest} in {folder} may be this session's, and nothing here proves it; to take its login, name it: `wakeeper restore {}`", quoted(Path::new(.newest))
    )]
    Unproven {
        /// The backup folder.
        folder: PathBuf,
        /// The newest archive, by its name.
        newest: String,
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
/// each is read to its end, until one is what it says and is the folder's own.
///
/// # Errors
/// When there is none.
pub(crate) fn newest_sound(
    shelf: &Path,
    label: &str,
    passphrase: Option<&Passphrase>,
    told: &Constraint,
    kin: &Kin,
) -> Result<SoundBackup, NoSoundBackup> {
    let backups = Shelf::at(shelf).list(Some(label), passphrase, &Limits::default())?;
    let locked = backups.iter().filter(|backup| backup.encrypted && backup.credentials.is_none()).count();
    let mut search = Search {
        told,
        kin,
        passphrase,
        meant: told.identity.as_ref().map(account_mark),
        several: accounts_of(&backups).len() > 1,
        read: 0,
        offered: BTreeMap::new(),
    };
    let mut passed = Vec::new();
    for backup in &backups {
        match search.look_at(backup) {
            Look::Taken => return Ok(SoundBackup { archive: backup.path.clone(), passed }),
            Look::Passed(why) if passed.len() < TOLD => {
                passed.push(format!("{} was passed over: {why}", shown(&backup.path).display()));
            }
            Look::Passed(_) | Look::Nothing => {}
        }
    }
    let (label, folder) = (label.to_owned(), shown(shelf));
    let mut newest: Vec<String> = search.offered.into_values().collect();
    newest.sort_unstable_by(|a, b| b.cmp(a));
    Err(match (newest.len(), passed.is_empty(), locked) {
        (0, false, _) => NoSoundBackup::Unusable { folder, passed },
        (0, true, 0) => NoSoundBackup::Missing { label, folder },
        (0, true, _) => NoSoundBackup::Locked { folder },
        (1, ..) => NoSoundBackup::Unproven { folder, newest: newest.remove(0) },
        _ => NoSoundBackup::Several { label, folder, newest },
    })
}

struct Search<'a> {
    told: &'a Constraint,
    kin: &'a Kin,
    passphrase: Option<&'a Passphrase>,
    /// The mark of the login, where that shows.
    meant: Option<String>,
    /// The backups are of several accounts.
    several: bool,
    read: usize,
    /// The newest of each login of which nothing tells whose it is.
    offered: BTreeMap<Option<String>, String>,
}

/// What one backup is.
enum Look {
    Taken,
    Passed(String),
    Nothing,
}

impl Search<'_> {
    fn look_at(&mut self, backup: &BackupInfo) -> Look {
        let account = backup.account.as_ref().filter(|_| backup.credentials == Some(CredentialsState::Sound));
        let is_other =
            account.is_some_and(|account| self.meant.as_ref().is_some_and(|meant| meant != account));
        if let Some(problem) = &backup.problem {
            return Look::Passed(problem.clone());
        }
        if backup.is_of_a_store() {
            return Look::Passed(OF_A_STORE.to_owned());
        }
        if is_other {
            return Look::Passed(OTHER.to_owned());
        }
        if backup.credentials != Some(CredentialsState::Sound)
            || self.read == LOOKED_INTO
            || self.offered.contains_key(&backup.account)
        {
            return Look::Nothing;
        }
        self.read += 1;
        let held =
            held_in(&backup.path, self.kin, self.passphrase, &Limits::default(), &mut Effort::of_one());
        match held {
            Ok(held) => self.judge(backup, &held),
            Err(error) => Look::Passed(error.to_string()),
        }
    }

    fn judge(&mut self, backup: &BackupInfo, held: &Held) -> Look {
        let accepts = |told: &Constraint| {
            RestoredCredentials::from_backup(&held.credentials, PathBuf::new(), told).is_some()
        };
        if !accepts(&Constraint::default()) {
            return Look::Passed("its login is not OK, although it says so".to_owned());
        }
        if !accepts(self.told) {
            return Look::Passed(OTHER.to_owned());
        }
        match self.kin.bond(held.tally, self.told, Some(&held.manifest)) {
            Bond::Other => Look::Passed(OTHER.to_owned()),
            bond if bond.takes(self.several) => Look::Taken,
            _ => {
                self.offered.insert(backup.account.clone(), file_name(&backup.path));
                Look::Nothing
            }
        }
    }
}
