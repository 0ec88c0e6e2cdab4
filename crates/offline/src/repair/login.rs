//! Repairs that concern the login: a damaged database is replaced by a backup's login, or everything goes.

use std::path::{Path, PathBuf};

use wakeeper_doctor::Repair;
use wakeeper_doctor::backup::Shelf;
use wakeeper_doctor::clean::Outcome;
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_doctor::repair::Action;
use wakeeper_doctor::restore::{RestoreOptions, Restored, What, restore};
use wakeeper_doctor::source::Limits;
use wakeeper_engine_store::{DATABASE, recover};
use wakeeper_model::SessionName;
use wakeeper_private_fs::shown;

use super::{Work, remains};
use crate::advice::locked;
use crate::aside::{move_folder, size_of};
use crate::health::known_of;
use crate::paths::{Owner, SessionPaths, file_name};
use crate::transfer::open_rows;
use crate::{OfflineError, forget, session_folder, set_login_aside};

pub(super) fn plan_of_all(owner: &Owner, outcome: &mut Outcome) {
    outcome.freed = size_of(&session_folder(&owner.auth_info, &owner.session));
    outcome.plan.push(Action {
        repair: Repair::RemoveFile.word(),
        path: format!("sessions/{}", owner.session),
        peer: None,
        code: None,
        description: "remove the login, Signal sessions, messages and chats; its settings stay".to_owned(),
        freed: outcome.freed,
    });
    (outcome.login_kept, outcome.needs_qr) = (false, true);
    remains(outcome, |_| false);
}

/// A damaged database is replaced by the login of the newest backup; without one it is not touched.
pub(super) async fn plan_of_damaged(
    database: &Path,
    paths: &SessionPaths,
    outcome: &mut Outcome,
) -> Result<Work, OfflineError> {
    let owner = Owner::required(database)?;
    let by_hand = |reason: String| {
        format!(
            "The database cannot be used, and is not replaced: {reason}. Nothing is touched: look for a backup elsewhere, \
             and name it: {}",
            (paths.command)("restore ARCHIVE")
        )
    };
    if !outcome.remaining.iter().any(|finding| finding.repair == Repair::RestoreCredentials) {
        outcome.notes.push(by_hand("SQLite finds nothing wrong with it".to_owned()));
        return Ok(Work::Nothing);
    }
    if owner.session != SessionName::default_session() {
        let reason = format!(
            "session {} is not the default one. Restore its backup into a folder of its own and import that",
            owner.session
        );
        outcome.notes.push(by_hand(reason));
        return Ok(Work::Nothing);
    }
    let known = known_of(database).await;
    let wanted = known.map(|known| recover::Wanted { number: known.number, login: known.login });
    let (backups, wanted) = (paths.backups.clone(), wanted.unwrap_or_default());
    let is_known = wanted.is_known();
    let search = move || match recover::newest_archive(&backups, &wanted) {
        None if !is_known => Err(recover::offered(&backups)),
        found => Ok(found),
    };
    let found = tokio::task::spawn_blocking(search).await?;
    if let Err(offered) = found {
        outcome.notes.push(by_hand(unknown(&offered, paths)));
        outcome.notes.extend(not_opened(paths).await?.map(|sentence| sentence + "."));
        outcome.unproven = offered.iter().map(|path| shown(path)).collect();
        return Ok(Work::Nothing);
    }
    let Ok(Some(archive)) = found else {
        let shelf = shown(&paths.backups.shelf);
        outcome.notes.push(by_hand(format!("no backup of its login can be read in {}", shelf.display())));
        outcome.notes.extend(not_opened(paths).await?.map(|sentence| sentence + "."));
        return Ok(Work::Nothing);
    };
    let file = file_name(database);
    let code = outcome.remaining.first().map(|finding| finding.code);
    let action = |repair: &Repair, path: &str, description: String| Action {
        repair: repair.word(),
        path: path.to_owned(),
        peer: None,
        code,
        description,
        freed: 0,
    };
    let is_there = database.symlink_metadata().is_ok();
    let aside = action(&Repair::MoveAside, &file, "move the damaged database aside".to_owned());
    let from = format!("take the login from {}", shown(&archive).display());
    let actions =
        [Some(aside).filter(|_| is_there), Some(action(&Repair::RestoreCredentials, CREDENTIALS, from))];
    outcome.plan.extend(actions.into_iter().flatten());
    outcome.notes.push(
        "The gateway takes the login over when it starts. Signal sessions are negotiated anew, at the cost of a retry each; \
         messages and chats stay."
            .to_owned(),
    );
    (outcome.login_kept, outcome.needs_qr) = (true, false);
    outcome.login_from = Some(shown(&archive));
    remains(outcome, |_| false);
    Ok(Work::GiveBack { owner, archive })
}

/// Why none of these backups is taken.
fn unknown(offered: &[PathBuf], paths: &SessionPaths) -> String {
    let shelf = shown(&paths.backups.shelf);
    let nothing =
        "nothing here tells any more whose login it held (neither its database nor its rows nor its note)";
    if offered.is_empty() {
        return format!("{nothing}, and {} holds no backup of {}", shelf.display(), paths.backups.label);
    }
    let names: Vec<_> = offered.iter().map(|path| shown(path).display().to_string()).collect();
    let of_it = if offered.len() == 1 {
        "the newest backup of its name may be another's".to_owned()
    } else {
        format!("the backups of its name are of {} accounts", offered.len())
    };
    format!("{nothing}, and {of_it}: {}", names.join(", "))
}

pub(super) async fn give_back(
    owner: &Owner,
    archive: PathBuf,
    paths: &SessionPaths,
    outcome: &mut Outcome,
) -> Result<(), OfflineError> {
    let aside = set_aside(owner, paths.now_ms())?;
    if let Some(aside) = &aside {
        outcome.notes.push(format!("The damaged database is kept in {}.", aside.display()));
    }
    let (paths, target) = (paths.clone(), owner.auth_info.clone());
    let restored = tokio::task::spawn_blocking(move || {
        let how = RestoreOptions {
            what: What::Credentials,
            dry_run: false,
            shelf: &paths.backups.shelf,
            label: &paths.backups.label,
            makes_room: true,
        };
        restore(&archive, &target, &paths.options(), &how)
    });
    let restored: Restored = restored.await?.map_err(|reason| match aside {
        Some(aside) => OfflineError::NotGivenBackAfter { aside, reason },
        None => OfflineError::NotGivenBack(reason),
    })?;
    outcome.login_kept = restored.login_kept;
    outcome.needs_qr = !restored.login_kept;
    outcome.healthy = restored.login_kept;
    Ok(())
}

/// Moves what cannot be used out of the way. Answers where it is.
fn set_aside(owner: &Owner, now_ms: i64) -> Result<Option<PathBuf>, OfflineError> {
    let folder = session_folder(&owner.auth_info, &owner.session);
    if folder.join(DATABASE).symlink_metadata().is_err() {
        return Ok(None);
    }
    let aside = set_login_aside(&owner.auth_info, &owner.session, &format!("damaged-{now_ms}"))?;
    Ok(Some(shown(&aside)))
}

pub(super) async fn forget_all(
    owner: &Owner,
    login: CredentialsState,
    paths: &SessionPaths,
    outcome: &mut Outcome,
) -> Result<(), OfflineError> {
    let now_ms = paths.now_ms();
    match login {
        CredentialsState::Damaged => {
            let kept = paths.backups.shelf.join(format!("{}-damaged-{now_ms}", paths.backups.label));
            let aside = set_login_aside(&owner.auth_info, &owner.session, "damaged")?;
            move_folder(&aside, &kept).map_err(|reason| OfflineError::Keep {
                from: shown(&aside),
                to: shown(&kept),
                reason,
            })?;
            outcome.notes.push(format!(
                "No backup can be made of a damaged database; it is kept in {}.",
                shown(&kept).display()
            ));
        }
        // It is in the backup.
        CredentialsState::Sound | CredentialsState::Missing => {}
    }
    let rows = open_rows(&owner.auth_info).await.map_err(OfflineError::Rows)?;
    let forgotten = forget(&owner.auth_info, &owner.session, &rows, now_ms).await;
    rows.close().await;
    forgotten
        .map_err(|reason| OfflineError::Forget { session: owner.session.clone(), reason: Box::new(reason) })
}

/// What is said of encrypted backups of the session that were not opened.
async fn not_opened(paths: &SessionPaths) -> Result<Option<String>, OfflineError> {
    let backups = paths.backups.clone();
    let list = tokio::task::spawn_blocking(move || {
        let shelf = Shelf::at(&backups.shelf);
        shelf.list(Some(&backups.label), backups.passphrase.as_ref(), &Limits::default())
    });
    let count = list.await??.iter().filter(|backup| backup.locked).count();
    Ok(locked(count, paths))
}
