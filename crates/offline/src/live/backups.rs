//! The backups of one session. An id is the name of an archive that the backup folder lists under the session's own name: it
//! is compared with that list, so that no path leads anywhere.

use std::path::{Path, PathBuf};

use tokio::sync::{Semaphore, SemaphorePermit};
use wakeeper_doctor::Options;
use wakeeper_doctor::backup::{
    self, BackupInfo, CreateOptions, Own, Reason, Retention, Shelf, create_running, place_mark,
};
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::source::Limits;
use wakeeper_engine::care::CareError;
use wakeeper_engine::folder::generation::Note;
use wakeeper_engine_store::move_notes::MOVED_MARKER;
use wakeeper_engine_store::{Copying, NativeError, copy_as_baileys};
use wakeeper_waha::{Backup, BackupCheck};

use super::{Subject, told};
use crate::OfflineError;
use crate::paths::SessionPaths;

/// To open an encrypted archive takes 128 MB and half a second: of all that is asked for at the same time, one thing is done
/// after the other.
static READING: Semaphore = Semaphore::const_new(1);

/// The session's backups, newest first: those of its own login, where that is known.
pub(super) async fn list(subject: &Subject) -> Result<Vec<Backup>, CareError> {
    let account = account(subject);
    let paths = subject.paths.clone();
    let reading = turn_to_read().await?;
    let listed = blocking(move || {
        // Until it is done, also when nobody waits for it any more.
        let _reading = reading;
        let place = place_mark(&paths.home);
        let own = Own { account: account.as_deref(), place: Some(&place) };
        let shelf = Shelf::at(&paths.backups.shelf);
        let mut list =
            shelf.list(Some(&paths.backups.label), paths.backups.passphrase.as_ref(), &Limits::default())?;
        list.retain(|backup| !backup.is_link && backup.may_be_of(own));
        Ok::<_, OfflineError>(list)
    });
    Ok(listed.await??.iter().map(shown).collect())
}

/// When the newest was made, by names alone.
pub(super) async fn newest_ms(subject: &Subject) -> Option<i64> {
    let account = account(subject);
    let paths = subject.paths.clone();
    let newest = blocking(move || {
        let place = place_mark(&paths.home);
        let own = Own { account: account.as_deref(), place: Some(&place) };
        let archives = Shelf::at(&paths.backups.shelf).archives_of(&paths.backups.label, own).ok()?;
        archives.first().map(|(.., made_ms)| *made_ms)
    });
    newest.await.ok().flatten()
}

/// Makes one of what there is at this moment, and reads it back. With a retention, old ones that it does not keep go.
pub(super) async fn make(subject: &Subject, retention: Option<Retention>) -> Result<Backup, CareError> {
    let Subject { database, folder, paths, .. } = subject;
    let nothing = |reason: &str| CareError::Refused {
        reason: format!("there is nothing to back up: {reason}"),
        hint: "link the session first".to_owned(),
    };
    if !database.is_file() {
        return Err(nothing("it was never started"));
    }
    if folder.join(MOVED_MARKER).exists() {
        return Err(nothing("it was moved elsewhere"));
    }
    let copied = match copy_as_baileys(database, Copying::InProcess, &paths.copies).await {
        Err(NativeError::NoLogin { .. }) => return Err(nothing("it is not linked")),
        copied => copied.map_err(|error| CareError::from(OfflineError::from(error)))?,
    };
    let paths = paths.clone();
    let made = blocking(move || {
        let store = copied.store();
        let options = Options { store: Some(&store), ..paths.options() };
        let how = CreateOptions {
            shelf: &paths.backups.shelf,
            label: &paths.backups.label,
            passphrase: paths.backups.passphrase.as_ref(),
            always: true,
        };
        let created = create_running(&copied.folder(), &options, &how, Reason::ByHand)?;
        let verified = backup::verify(&created.path, &check_options(&paths))?;
        if !verified.is_what_it_says() {
            let id = id_of(&created.path);
            return Ok(Err(CareError::Failed(format!(
                "{id} would not give the login back; it is kept for a look"
            ))));
        }
        if let Some(retention) = retention {
            make_room(&paths, created.manifest.account.as_deref(), &retention);
        }
        let size = created.path.symlink_metadata().map_or(0, |file| file.len());
        Ok::<_, OfflineError>(Ok(Backup {
            id: id_of(&created.path),
            created_at: created.manifest.created_ms,
            size,
            reason: Some(word(&Reason::ByHand)),
            encrypted: paths.backups.passphrase.is_some(),
            account: created.manifest.account.clone(),
            credentials: Some(word(&created.manifest.credentials)),
            problem: None,
        }))
    });
    made.await??
}

/// What the schedule does as well: a backup that is there is not worth failing for what is left of old ones.
fn make_room(paths: &SessionPaths, account: Option<&str>, retention: &Retention) {
    let place = place_mark(&paths.home);
    let own = Own { account, place: Some(&place) };
    let (shelf, passphrase) = (Shelf::at(&paths.backups.shelf), paths.backups.passphrase.as_ref());
    if let Err(error) = backup::prune(&shelf, &paths.backups.label, own, retention, passphrase, false) {
        tracing::warn!(%error, "old backups were not removed");
    }
}

/// Reads one back to its end.
pub(super) async fn check(subject: &Subject, id: &str) -> Result<BackupCheck, CareError> {
    let archive = named(subject, id).await?;
    let paths = subject.paths.clone();
    let reading = turn_to_read().await?;
    let verified = blocking(move || {
        let _reading = reading;
        backup::verify(&archive, &check_options(&paths))
    });
    let verified = verified.await?;
    Ok(match verified {
        Ok(verified) => BackupCheck {
            sound: verified.is_what_it_says(),
            credentials: Some(word(&verified.report.credentials)),
            findings: verified.report.findings.iter().map(told).collect(),
            problem: None,
        },
        Err(error) => BackupCheck {
            sound: false,
            credentials: None,
            findings: Vec::new(),
            problem: Some(error.to_string()),
        },
    })
}

/// Waits until no other archive is read for somebody.
pub(super) async fn turn_to_read() -> Result<SemaphorePermit<'static>, CareError> {
    READING.acquire().await.map_err(|error| CareError::Failed(error.to_string()))
}

/// The archive of that id.
///
/// # Errors
/// When the backup folder lists none under the session's name.
pub(super) async fn named(subject: &Subject, id: &str) -> Result<PathBuf, CareError> {
    let (backups, id) = (subject.paths.backups.clone(), id.to_owned());
    let found = blocking(move || {
        let archives = Shelf::at(&backups.shelf).archives(Some(&backups.label))?;
        Ok::<_, OfflineError>(archives.into_iter().map(|(path, ..)| path).find(|path| id_of(path) == id))
    });
    found.await??.ok_or(CareError::NoSuchBackup)
}

/// What an archive is called.
pub(super) fn id_of(archive: &Path) -> String {
    archive.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Where the session lies now says nothing about a backup.
fn check_options(paths: &SessionPaths) -> Options<'_> {
    Options { passphrase: paths.backups.passphrase.as_ref(), ..Options::at(paths.now_ms()) }
}

/// The mark of the session's login, as the note beside its database tells.
fn account(subject: &Subject) -> Option<String> {
    Note::read(&subject.folder).map(|note| note.login)
}

fn shown(backup: &BackupInfo) -> Backup {
    Backup {
        id: id_of(&backup.path),
        created_at: backup.created_ms,
        size: backup.size,
        reason: backup.reason.as_ref().map(word),
        encrypted: backup.encrypted,
        account: backup.account.clone(),
        credentials: backup.credentials.as_ref().map(word::<CredentialsState>),
        problem: backup.problem.clone(),
    }
}

/// The stable word that JSON has for it.
fn word<T: serde::Serialize>(value: &T) -> String {
    let text = serde_json::to_value(value).ok();
    text.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

/// Works on files on another thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, OfflineError> {
    Ok(tokio::task::spawn_blocking(work).await?)
}
