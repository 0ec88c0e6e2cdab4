//! A backup's content given back to a folder of sessions.

use std::path::Path;

use wakeeper_doctor::KnownFacts;
use wakeeper_doctor::backup::{Own, Shelf, SoundBackup, place_mark};
use wakeeper_doctor::layout::Layout;
use wakeeper_doctor::restore::{RestoreOptions, Restored, What, newest_for, restore as restore_folder};
use wakeeper_private_fs::shown;

use super::health::{account, home, sessions};
use super::paths::SessionPaths;
use super::room::{Room, room_for};
use super::{OfflineError, set_login_aside};

/// Restores an archive, or the newest one that holds a sound login. Whatever runs on the session must be stopped.
///
/// # Errors
/// When nothing may be restored, or it fails.
pub async fn restore(
    paths: &SessionPaths,
    archive: Option<&Path>,
    what: What<'_>,
    dry_run: bool,
    facts: &KnownFacts,
) -> Result<Restored, OfflineError> {
    let backups = &paths.backups;
    let SoundBackup { archive, passed: mut notes } = match archive {
        Some(path) => {
            let account = account(paths).await;
            let place = place_mark(&home(paths));
            let own = Own { account: account.as_deref(), place: Some(&place) };
            let named = Shelf::at(&backups.shelf).file_named(path, &backups.label, own);
            let archive = named.map_err(|error| paths.not_named(error))?;
            is_a_copy(&archive)?;
            SoundBackup { archive, passed: Vec::new() }
        }
        None => newest_for(&paths.auth_info, &backups.shelf, &backups.label, &paths.options_with(facts))?,
    };
    match room_for(paths, &archive).await? {
        Room::Free => {}
        Room::NotNeeded(why) => {
            notes.push(why);
            return Ok(nothing(&archive, notes));
        }
        Room::Occupied(session) if dry_run => {
            notes.push(format!("What is left of session {session} would be moved aside first."));
        }
        Room::Occupied(session) => {
            let name = format!("damaged-{}", paths.now_ms());
            let aside = set_login_aside(&paths.auth_info, &session, &name)?;
            let aside = shown(&aside);
            notes.push(format!("What was left of session {session} is kept in {}.", aside.display()));
        }
    }
    let how =
        RestoreOptions { what, dry_run, shelf: &backups.shelf, label: &backups.label, makes_room: true };
    let mut restored = restore_folder(&archive, &paths.auth_info, &paths.options_with(facts), &how)?;
    if restored.applied && !sessions(&paths.auth_info).await.is_empty() {
        notes.push("The gateway takes the login over when it starts.".to_owned());
    }
    notes.append(&mut restored.notes);
    Ok(Restored { notes, ..restored })
}

/// Refuses a folder that is no session's own: it gives nothing back, and nothing was compared with it.
fn is_a_copy(archive: &Path) -> Result<(), OfflineError> {
    match Layout::at(archive).filter(|_| archive.is_dir()) {
        None | Some(Layout::Session) => Ok(()),
        Some(_) => Err(OfflineError::NotACopy { path: shown(archive) }),
    }
}

fn nothing(archive: &Path, notes: Vec<String>) -> Restored {
    Restored {
        from: shown(archive),
        backup: None,
        written: Vec::new(),
        removed: Vec::new(),
        applied: false,
        login_kept: true,
        notes,
    }
}
