//! Whose login a folder waits for. A backup or copy of another account's is not given to it, whatever became of its own.

use std::path::Path;

use wakeeper_private_fs::shown;

use super::{RestoreError, is_sound};
use crate::backup::kin::{Bond, Kin, Tally};
use crate::backup::manifest::account_mark;
use crate::backup::{Manifest, NoSoundBackup, SoundBackup, newest_sound};
use crate::examine::{Examination, Options};
use crate::repair::{self, Constraint, RestoredCredentials};
use crate::source::Folder;

/// What a folder tells of its login.
#[derive(Default)]
pub(super) struct Whose {
    /// What the credentials must be.
    pub(super) told: Constraint,
    /// The folder's own are sound.
    sound: bool,
    /// What else it shows.
    pub(super) kin: Kin,
}

impl Whose {
    /// Looks at a folder, as far as there is one.
    pub(super) fn of(folder: Option<&Folder>, present: Option<&Examination>, options: &Options<'_>) -> Self {
        let (Some(folder), Some(examination)) = (folder, present) else { return Self::default() };
        let kin = Kin::of(folder, options);
        Self { told: repair::told(folder, examination, options), sound: is_sound(present, options), kin }
    }

    /// Refuses the backup of another login: by its own words, and by what it holds where that would replace the folder's.
    pub(super) fn allows(
        &self,
        manifest: &Manifest,
        credentials: Option<&[u8]>,
        tally: Tally,
    ) -> Result<(), RestoreError> {
        let mark = self.told.identity.as_ref().map(account_mark);
        let is_other = mark.is_some_and(|mark| match &manifest.account {
            Some(account) => *account != mark,
            None => self.sound,
        });
        let is_foreign = |text| is_a_login(text) && !accepts(text, &self.told);
        let is_contradicted = self.kin.bond(tally, &self.told, Some(manifest)) == Bond::Other;
        if is_other || (!self.sound && (is_contradicted || credentials.is_some_and(is_foreign))) {
            return Err(RestoreError::OtherAccount);
        }
        Ok(())
    }
}

/// The login out of a backup.
pub(super) fn login(
    text: &[u8],
    from: &Path,
    told: &Constraint,
) -> Result<RestoredCredentials, RestoreError> {
    RestoredCredentials::from_backup(text, shown(from), told).ok_or(if is_a_login(text) {
        RestoreError::OtherAccount
    } else {
        RestoreError::NoCredentials
    })
}

/// Credentials that could be given back to somebody.
pub(super) fn is_a_login(text: &[u8]) -> bool {
    accepts(text, &Constraint::default())
}

fn accepts(text: &[u8], told: &Constraint) -> bool {
    RestoredCredentials::from_backup(text, std::path::PathBuf::new(), told).is_some()
}

/// The newest backup of a session that gives back the login of a folder; those of other logins are passed over.
///
/// # Errors
/// When there is none.
pub fn newest_for(
    target: &Path,
    shelf: &Path,
    label: &str,
    options: &Options<'_>,
) -> Result<SoundBackup, NoSoundBackup> {
    // What cannot be looked at is told by the restore itself.
    let folder = Folder::open(target).ok();
    let present = folder.as_ref().and_then(|folder| Examination::of_folder(folder, options).ok());
    let mut whose = Whose::of(folder.as_ref(), present.as_ref(), options);
    if folder.is_none() {
        whose.kin = Kin::at(target, options);
    }
    newest_sound(shelf, label, options.passphrase, &whose.told, &whose.kin)
}
