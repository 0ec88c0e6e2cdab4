//! Whose login a folder waits for. A backup or copy of another account's is not given to it, whatever became of its own.

use std::collections::BTreeSet;
use std::path::Path;

use wakeeper_private_fs::shown;

use super::{RestoreError, is_sound};
use crate::backup::kin::{Bond, Kin, Tally};
use crate::backup::manifest::account_mark;
use crate::backup::{MARK, Manifest, NoSoundBackup, SoundBackup, newest_sound};
use crate::examine::{Examination, Options};
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::CREDENTIALS;
use crate::json;
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
    /// It holds something of a session.
    is_used: bool,
}

impl Whose {
    /// Looks at a folder, as far as there is one.
    pub(super) fn of(folder: Option<&Folder>, present: Option<&Examination>, options: &Options<'_>) -> Self {
        let (Some(folder), Some(examination)) = (folder, present) else { return Self::default() };
        let kin = Kin::of(folder, options);
        let inventory = &examination.inventory;
        let is_used = inventory.holds_session_state() || inventory.files.contains_key(CREDENTIALS);
        Self {
            told: repair::told(folder, examination, options),
            sound: is_sound(present, options),
            kin,
            is_used,
        }
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
        // Of a folder's own login the numbers may have changed, and the identity never does.
        let has_another =
            |text: &[u8]| identity_in(text).is_some_and(|identity| Some(identity) != self.told.identity);
        let is_foreign = |text: &[u8]| {
            is_a_login(text) && if self.sound { has_another(text) } else { !accepts(text, &self.told) }
        };
        let is_contradicted = self.kin.bond(tally, &self.told, Some(manifest)) == Bond::Other;
        if is_other || (!self.sound && is_contradicted) || credentials.is_some_and(is_foreign) {
            return Err(RestoreError::OtherAccount);
        }
        Ok(())
    }

    /// Judges a backup that a person named by where it was made, where nothing in the folder proves whose login it held:
    /// refuses it when the backups that were made of this very folder are of other accounts, and says what is not known.
    pub(super) fn judge_place(
        &self,
        manifest: &Manifest,
        tally: Tally,
        here: impl FnOnce(&str) -> BTreeSet<String>,
        notes: &mut Vec<String>,
    ) -> Result<(), RestoreError> {
        let bond = self.kin.bond(tally, &self.told, Some(manifest));
        let (Some(account), Bond::Unknown, true) = (manifest.login(), bond, self.is_used) else {
            return Ok(());
        };
        let own = self.kin.place().map(here).unwrap_or_default();
        let account = short(account);
        if own.iter().any(|own| short(own) == account) {
            return Ok(());
        }
        if let Some(one) = own.first() {
            return Err(RestoreError::OtherPlace { account: account.to_owned(), own: short(one).to_owned() });
        }
        let made = if manifest.place.is_some() {
            "was made of another folder"
        } else {
            "does not say where it was made"
        };
        notes.push(format!(
            "Nothing in this folder proves that its login was this one (account {account}), and the backup {made}: it is \
             taken because it was named."
        ));
        Ok(())
    }
}

/// So much of an account's mark is shown, as in a list.
fn short(mark: &str) -> &str {
    mark.get(..MARK).unwrap_or(mark)
}

fn identity_in(text: &[u8]) -> Option<[u8; 32]> {
    Credentials::read(&json::parse(text).ok()?).identity_public().copied()
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
