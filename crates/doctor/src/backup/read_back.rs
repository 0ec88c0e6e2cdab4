//! Reads the archives of a list back, as far as that takes no long time: whether each is what it says.

use super::BackupInfo;
use super::archive::{self, ArchiveError, Effort};
use crate::secret::Passphrase;
use crate::source::Limits;

/// Notes on each whether every hash in it is what its manifest says. Encrypted ones, and those that are too many, stay as
/// they are: a check of all of them is a command of its own.
pub fn read_back(list: &mut [BackupInfo], passphrase: Option<&Passphrase>, limits: &Limits) {
    let mut effort = Effort::of_reading_back();
    for backup in list.iter_mut().filter(|backup| backup.problem.is_none()) {
        match archive::read_with(&backup.path, passphrase, limits, &mut effort, |_| Ok(())) {
            Ok(_) => backup.verified = Some(true),
            Err(ArchiveError::NotLookedInto | ArchiveError::PassphraseNeeded) => {}
            Err(error) => {
                backup.verified = Some(false);
                backup.problem = Some(error.to_string());
            }
        }
    }
}
