//! The login out of a copy that somebody made: a folder, or a tar archive of one.

use std::path::Path;

use wakeeper_private_fs::shown;

use super::whose::{Whose, is_a_login};
use super::{RestoreError, give_up_old_ratchets, is_lasting, is_sound, refused};
use crate::backup::kin::{Bond, Tally};
use crate::backup::plain;
use crate::examine::{Examination, Options};
use crate::formats::baileys::name::CREDENTIALS;
use crate::repair::{self, Overlay, RestoredCredentials};
use crate::source::Folder;

/// What it can give back: the login of the folder's account, and what never changes, where it is missing.
pub(super) fn overlay(
    path: &Path,
    folder: Option<&Folder>,
    present: Option<&Examination>,
    options: &Options<'_>,
    notes: &mut Vec<String>,
) -> Result<Overlay, RestoreError> {
    let copy = plain::read(path, &options.limits, is_lasting).map_err(refused(path))?;
    let mut overlay = Overlay::default();
    if is_sound(present, options) {
        return Ok(overlay);
    }
    let Whose { told: constraint, kin, .. } = Whose::of(folder, present, options);
    let mut beside = Tally::default();
    for (name, content) in &copy.lasting {
        kin.compare(&mut beside, name, content);
    }
    let is_own = |text: &&Vec<u8>| {
        let mut tally = beside;
        kin.compare(&mut tally, CREDENTIALS, text);
        kin.bond(tally, &constraint, None) != Bond::Other
    };
    let take = |text: &Vec<u8>| RestoredCredentials::from_backup(text, shown(path), &constraint);
    let sound = |restored: &RestoredCredentials| repair::is_sound(CREDENTIALS, &restored.content);
    let mut logins = copy.logins.iter().filter(is_own).filter_map(take).filter(sound);
    let Some(login) = logins.next() else {
        let any = copy.logins.iter().any(|text| is_a_login(text));
        return Err(if any { RestoreError::OtherAccount } else { RestoreError::NoCredentials });
    };
    if logins.any(|other| other.identity() != login.identity()) {
        return Err(RestoreError::ManyLogins(shown(path)));
    }
    overlay.put(CREDENTIALS, login.content);
    let missing = |name: &str| present.is_none_or(|present| !present.inventory.files.contains_key(name));
    for (name, content) in copy.lasting {
        if missing(&name) && repair::is_sound(&name, &content) {
            overlay.put(&name, content);
        }
    }
    give_up_old_ratchets(present, &mut overlay);
    notes.push(
        "Signal sessions and sender keys of the copy are left out: they may be older than those in use."
            .to_owned(),
    );
    Ok(overlay)
}
