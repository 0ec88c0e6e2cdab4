//! A backup's content given back to one session.
//!
//! What a restore does to a folder of Baileys' files is done to a private copy of the session in that form, so that the same
//! rules hold: which login a backup may give back, and that no ratchet goes back unasked. The copy then becomes the session's
//! database. It carries a mark that no run ever had, so that the session's start takes it for an older copy and negotiates all
//! sending chains anew before anything is sent: no key is used twice, whatever was given back.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wakeeper_doctor::backup::{Login, login_in};
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::model::Session;
use wakeeper_doctor::restore::{RestoreError, RestoreOptions, Restored, What, restore as restore_folder};
use wakeeper_doctor::source::Limits;
use wakeeper_doctor::{Options, transfer};
use wakeeper_engine::care::{CareError, Standing};
use wakeeper_engine::folder::credentials::{create_folder, move_aside};
use wakeeper_engine_store::generation::{self as native, Renewal};
use wakeeper_engine_store::move_notes::{self, MOVED_MARKER};
use wakeeper_engine_store::{DATABASE, Examined, SIDE_FILES, examine, examine_while_open, write};
use wakeeper_waha::{Ratchet, RestoreReport, RestoreRequest, RestoreWhat};

use super::Subject;
use super::backups::{blocking, id_of, named};
use crate::OfflineError;
use crate::paths::SessionPaths;
use crate::transfer::known;

/// What a database is marked with that a restore made: no run of a session has this name.
pub(super) const MARK: &str = "restored";

/// Where the database is made, below the session's folder so that it is on the same file system.
pub(super) const DRAFT: &str = ".restore";

/// What lies where the session's database should be.
enum Present {
    /// No login.
    Nothing,
    /// Something that cannot be used.
    Damaged,
    /// A login that is sound.
    Sound(Box<Examined>),
    /// It cannot be told while the client has it open.
    Unseen(String),
}

/// Gives a backup's content back, or says what that would change.
///
/// # Errors
/// When it must not be given back, or it fails. Nothing was changed then.
pub(super) async fn restore(
    subject: &Subject,
    order: &RestoreRequest,
    standing: Standing,
) -> Result<RestoreReport, CareError> {
    lives_here(&subject.folder)?;
    let archive = named(subject, &order.backup).await?;
    let present = present(subject, standing).await?;
    let mut report = RestoreReport {
        backup: order.backup.clone(),
        what: order.what,
        dry_run: order.dry_run,
        changes: Vec::new(),
        ratchet: Ratchet::Kept,
        applied: false,
        needs_qr: false,
        backup_before: None,
        notes: Vec::new(),
    };
    if let Present::Unseen(why) = &present {
        report.changes.push("look again while the session stands still".to_owned());
        report.notes.push(format!("The database cannot be read while the session runs: {why}"));
        return Ok(report);
    }
    fits(subject, &archive, &present, order).await?;
    if let (Present::Sound(_), RestoreWhat::Credentials) = (&present, order.what) {
        report
            .notes
            .push("The session has this very login, and it is sound: there is nothing to restore".to_owned());
        return Ok(report);
    }
    let work = Work::prepare(subject, &present).await?;
    let restored = work.give_back(&archive, order).await?;
    report.changes = changes(&restored, &present);
    report.notes.extend(restored.notes);
    report.backup_before = restored.backup.as_deref().map(id_of);
    if report.changes.is_empty() {
        return Ok(report);
    }
    report.ratchet = Ratchet::Dropped;
    if order.dry_run {
        return Ok(report);
    }
    put_in_place(subject, &work.folder).await?;
    report.applied = true;
    Ok(report)
}

/// Whether the session's login belongs in its folder: given back to one that was moved, it would have two owners.
fn lives_here(folder: &Path) -> Result<(), CareError> {
    if folder.join(MOVED_MARKER).symlink_metadata().is_ok() {
        let to = move_notes::moved_to(folder).unwrap_or_else(|| "another place".to_owned());
        return Err(refused(
            format!("the session was moved to {to}"),
            "one login in two places breaks its encryption: use it there, or bring it back with `wakeeper import`",
        ));
    }
    if move_notes::is_under_way(folder) {
        return Err(refused(
            "the session is being moved here, and that has not come to its end",
            "make the place that it comes from reachable and start the session: the move is finished or taken back then",
        ));
    }
    Ok(())
}

async fn present(subject: &Subject, standing: Standing) -> Result<Present, CareError> {
    let Subject { database, paths, .. } = subject;
    if database.symlink_metadata().is_err() {
        return Ok(Present::Nothing);
    }
    let options = Options::at(paths.now_ms());
    let examined = match standing {
        Standing::MayRun => match examine_while_open(database, &options, &paths.copies).await {
            Ok(examined) => examined,
            Err(error) => return Ok(Present::Unseen(error.to_string())),
        },
        Standing::Still => examine(database, &options, &paths.copies).await.map_err(failed)?,
    };
    Ok(match examined.report.credentials {
        CredentialsState::Sound => Present::Sound(Box::new(examined)),
        CredentialsState::Damaged => Present::Damaged,
        CredentialsState::Missing => Present::Nothing,
    })
}

/// Whether the backup holds a login that this session may have.
async fn fits(
    subject: &Subject,
    archive: &Path,
    present: &Present,
    order: &RestoreRequest,
) -> Result<(), CareError> {
    let Subject { session, paths, .. } = subject;
    let (searched, passphrase) = (archive.to_owned(), paths.backups.passphrase.clone());
    let read = blocking(move || login_in(&searched, passphrase.as_ref(), &Limits::default())).await?;
    let Login { mark, number, sound } = read.map_err(|error| {
        refused(format!("the backup cannot be used: {error}"), "POST .../backups/{id}/verify says more")
    })?;
    let Some(login) = mark.filter(|_| sound) else {
        return Err(refused("the backup holds no sound login", "GET .../backups lists others"));
    };
    for known in known(&paths.auth_info).await {
        let is_it = known.login.as_ref() == Some(&login);
        if known.session != *session {
            if is_it && known.moved.is_none() {
                let reason = format!("session {} has the login of this backup", known.session);
                return Err(refused(reason, "two sessions of one login break its encryption: use that one"));
            }
            continue;
        }
        let is_another = match &known.login {
            Some(_) => !is_it,
            None => known.number.is_some() && number.is_some() && known.number != number,
        };
        if is_another {
            return Err(refused(
                "the backup is of another login than the session has or had",
                "log the session out first; or make a session of its own for it",
            ));
        }
    }
    let compares = matches!(present, Present::Sound(_));
    if order.what == RestoreWhat::All && !compares && order.force_reason.is_none() {
        return Err(refused(
            "nothing tells whether the backup's encryption state is the newest, because the session's own cannot be read",
            "leave what out: the login alone needs no new QR code; or give a force_reason",
        ));
    }
    Ok(())
}

/// A private copy of the session, as Baileys' files.
struct Work {
    paths: SessionPaths,
    folder: PathBuf,
    /// Gone on drop, with the copy in it.
    _scratch: TempDir,
}

impl Work {
    async fn prepare(subject: &Subject, present: &Present) -> Result<Self, CareError> {
        // Keys are copied: the folder is 0700 and gone with the value.
        let scratch = tempfile::tempdir().map_err(|error| file_failed(&error))?;
        let folder = scratch.path().join("session");
        if let Present::Sound(examined) = present {
            let copied = examined.as_baileys().await.map_err(failed)?;
            std::fs::rename(copied.folder(), &folder).map_err(|error| file_failed(&error))?;
        }
        Ok(Self { paths: subject.paths.clone(), folder, _scratch: scratch })
    }

    /// Restores into the copy, or says what that would do.
    async fn give_back(&self, archive: &Path, order: &RestoreRequest) -> Result<Restored, CareError> {
        let (paths, folder) = (self.paths.clone(), self.folder.clone());
        let (archive, order) = (archive.to_owned(), order.clone());
        let restored = blocking(move || {
            let force = order.force_reason.as_deref();
            let what = match order.what {
                RestoreWhat::Credentials => What::Credentials,
                RestoreWhat::All => What::All { force },
            };
            let how = RestoreOptions {
                what,
                dry_run: order.dry_run,
                shelf: &paths.backups.shelf,
                label: &paths.backups.label,
                makes_room: true,
            };
            let options = Options {
                home: Some(&paths.home),
                passphrase: paths.backups.passphrase.as_ref(),
                ..Options::at(paths.now_ms())
            };
            restore_folder(&archive, &folder, &options, &how)
        });
        restored.await?.map_err(|error| match error {
            RestoreError::Backwards(..) => refused(
                "encryption state with contacts would go back, so that message keys could be used twice",
                "leave what out: the login alone is given back; or give a force_reason, and all sending chains are negotiated \
                 anew before anything is sent",
            ),
            error @ (RestoreError::OtherAccount
            | RestoreError::OtherPlace { .. }
            | RestoreError::NoCredentials
            | RestoreError::Store(_)
            | RestoreError::Moved(_)) => refused(error.to_string(), "GET .../backups lists the session's own"),
            error => CareError::Failed(error.to_string()),
        })
    }
}

/// Makes the copy the session's database. What was there is moved aside, and nothing is deleted.
pub(super) async fn put_in_place(subject: &Subject, copy: &Path) -> Result<(), CareError> {
    let Subject { folder, paths, .. } = subject;
    let now_ms = paths.now_ms();
    let copied = copy.to_owned();
    let read = blocking(move || transfer::read(&copied, &Options::at(now_ms)));
    let session = read.await?.map_err(|error| CareError::Failed(error.to_string()))?.session;
    let draft = folder.join(DRAFT);
    let placed = match made(&session, &draft, now_ms).await {
        Ok(database) => swap(folder, &database, now_ms),
        Err(error) => Err(error),
    };
    if let Err(error) = clear(&draft) {
        tracing::warn!(%error, draft = %draft.display(), "what a restore wrote first was not removed");
    }
    placed
}

/// The database, with its mark and on disk, before it has its name: one without the mark would be taken for the one that ran
/// last, and would use keys twice.
async fn made(session: &Session, draft: &Path, now_ms: i64) -> Result<PathBuf, CareError> {
    clear(draft).map_err(|error| file_failed(&error))?;
    create_folder(draft).map_err(OfflineError::from)?;
    let database = write(session, draft, now_ms).await.map_err(failed)?.database;
    native::begin(&database, MARK, Some(Renewal::default())).await.map_err(failed)?;
    // Brings everything into the one file that is renamed.
    native::end(&database, MARK).await.map_err(failed)?;
    Ok(database)
}

/// Puts the made database where the session's own was. When that fails, all is as it was.
fn swap(folder: &Path, made: &Path, now_ms: i64) -> Result<(), CareError> {
    let name = format!("before-restore-{now_ms}");
    let swapped = exchange(folder, &name, made);
    if swapped.is_err() {
        if made.symlink_metadata().is_err() {
            // It has its name already, and that is not known to be on disk.
            let _ = std::fs::rename(folder.join(DATABASE), made);
        }
        put_back(&folder.join(&name), folder);
    }
    swapped
}

fn exchange(folder: &Path, name: &str, made: &Path) -> Result<(), CareError> {
    let lies_there = |name: &str| folder.join(name).symlink_metadata().is_ok();
    // The note stays: it tells whose login it was, also when the next step is cut short. A session without its database takes
    // its login from the newest backup when it starts.
    if [DATABASE].into_iter().chain(SIDE_FILES).any(lies_there) {
        move_aside(folder, name, false).map_err(OfflineError::from)?;
    }
    std::fs::rename(made, folder.join(DATABASE)).map_err(|error| file_failed(&error))?;
    std::fs::File::open(folder).and_then(|opened| opened.sync_all()).map_err(|error| file_failed(&error))
}

/// Undoes the move of what was there before. The database comes last: without its log it would be an older one.
fn put_back(aside: &Path, folder: &Path) {
    for name in SIDE_FILES.into_iter().chain([MOVED_MARKER, DATABASE]) {
        match std::fs::rename(aside.join(name), folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::error!(%error, kept = %aside.display(), "a file was not put back after a restore");
            }
            _ => {}
        }
    }
    // Stays where something is left in it.
    let _ = std::fs::remove_dir(aside);
}

fn clear(draft: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(draft) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn changes(restored: &Restored, present: &Present) -> Vec<String> {
    let written = restored.written.iter().map(|name| format!("write {name}"));
    let removed = restored.removed.iter().map(|name| format!("remove {name}"));
    let changes: Vec<String> = written.chain(removed).collect();
    let aside = matches!(present, Present::Damaged).then(|| format!("move the damaged {DATABASE} aside"));
    if changes.is_empty() { changes } else { aside.into_iter().chain(changes).collect() }
}

fn refused(reason: impl Into<String>, hint: &str) -> CareError {
    CareError::Refused { reason: reason.into(), hint: hint.to_owned() }
}

fn file_failed(error: &std::io::Error) -> CareError {
    CareError::Failed(error.to_string())
}

fn failed(error: wakeeper_engine_store::NativeError) -> CareError {
    OfflineError::from(error).into()
}
