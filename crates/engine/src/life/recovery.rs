//! A session whose database is missing or cannot be used gets its login back from a backup, or fails with words. It never
//! shows a QR code as if it had not been linked, because linking anew costs what the owner cannot get back.

use std::path::{Path, PathBuf};

use wakeeper_engine_store::recover::{self, Backups, Wanted};
use wakeeper_engine_store::{Condition, DATABASE, NativeError};
use wakeeper_model::SessionName;
use wakeeper_private_fs::Folder;
use wakeeper_storage::Storage;
use wakeeper_waha::Me;

use crate::EngineError;
use crate::life::credentials::{folder, move_aside};
use crate::life::generation::Note;

/// What is known of the session whose database is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub session: &'a SessionName,
    pub folder: &'a Path,
    pub me: Option<&'a Me>,
    pub backups: Option<&'a Backups>,
    /// The rows were lost, so that they do not tell who was linked.
    pub rows_lost: bool,
    pub now_ms: i64,
}

/// The backups of a session: the one called `default` carries the folder's own name, as before it was wakeeper's.
#[must_use]
pub fn backups_of(place: &Backups, session: &SessionName) -> Backups {
    let label = if *session == SessionName::default_session() {
        place.label.clone()
    } else {
        format!("{}-{session}", place.label)
    };
    Backups { shelf: place.shelf.clone(), label, passphrase: place.passphrase.clone() }
}

/// Makes sure that a session's database can be opened, or that there is none and never was one. Answers whether the login was
/// taken from a backup for that.
///
/// # Errors
/// [`EngineError::LoginLost`] when there was a login and no backup gives it back; others when something cannot be looked at
/// or written.
pub(crate) async fn prepare(subject: Subject<'_>, storage: &dyn Storage) -> Result<bool, EngineError> {
    let Subject { session, folder, .. } = subject;
    let database = folder.join(DATABASE);
    let condition = wakeeper_engine_store::condition(&database).await.map_err(|error| {
        EngineError::EngineDatabase { session: session.clone(), reason: error.to_string() }
    })?;
    let wanted = wanted(subject, storage).await?;
    let was_linked = wanted.number.is_some() || wanted.login.is_some();
    let because = match condition {
        Condition::Sound => return Ok(false),
        Condition::Missing | Condition::Empty | Condition::NoLogin if !was_linked => return Ok(false),
        Condition::Missing => format!("{DATABASE} is missing"),
        Condition::Empty => format!("{DATABASE} is empty"),
        Condition::NoLogin => format!("{DATABASE} holds no login, though the session was linked"),
        Condition::Damaged(reason) => format!("{DATABASE} cannot be used ({reason})"),
    };
    if !was_linked && !subject.rows_lost {
        // Never linked: there is nothing to lose, and a QR code is what its owner expects.
        let aside = set_aside(subject)?;
        tracing::warn!(%session, because, kept = ?aside, "the session was never linked; it starts with a QR code");
        return Ok(false);
    }
    give_back(subject, &wanted, &because).await?;
    Ok(true)
}

/// Who was linked here, as the rows and the note beside the database tell.
async fn wanted(subject: Subject<'_>, storage: &dyn Storage) -> Result<Wanted, EngineError> {
    let note = Note::read(subject.folder);
    let row = storage.generation(subject.session.as_str()).await?;
    let of_rows = subject.me.map(|me| me.id.to_string());
    let of_rows = of_rows.and_then(|id| id.split('@').next().map(str::to_owned));
    Ok(Wanted {
        number: of_rows.or_else(|| note.as_ref().and_then(|note| note.number.clone())),
        login: row.map(|row| row.login).or_else(|| note.map(|note| note.login)),
    })
}

async fn give_back(subject: Subject<'_>, wanted: &Wanted, because: &str) -> Result<(), EngineError> {
    let Subject { session, now_ms, .. } = subject;
    let lost = |reason: String| EngineError::LoginLost {
        session: session.clone(),
        because: because.to_owned(),
        reason,
    };
    let Some(place) = subject.backups else {
        return Err(lost("no backup folder is set".to_owned()));
    };
    let backups = backups_of(place, session);
    let (searched, known) = (backups.clone(), wanted.clone());
    let found = tokio::task::spawn_blocking(move || recover::newest(&searched, &known, now_ms)).await;
    let found = match found {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(lost(error.to_string())),
        Err(error) => return Err(lost(error.to_string())),
    };
    let Some(found) = found else { return Err(lost(missing(&backups, wanted))) };
    let aside = set_aside(subject)?;
    // Whole under its name or not there at all: a crash before that is this very case once more at the next start.
    let written = wakeeper_engine_store::write(&found.session, subject.folder, now_ms).await;
    written.map_err(|error: NativeError| EngineError::EngineDatabase {
        session: session.clone(),
        reason: error.to_string(),
    })?;
    tracing::warn!(
        %session,
        because,
        backup = %found.archive.display(),
        kept = aside.as_ref().map(|aside| aside.display().to_string()),
        "the login was taken from a backup; no QR code is needed. new keys are agreed with the next messages"
    );
    Ok(())
}

fn missing(backups: &Backups, wanted: &Wanted) -> String {
    let folder = backups.shelf.display();
    if !wanted.is_known() {
        return format!(
            "nothing tells any more whose login it was, so that no backup in {folder} can be chosen by itself"
        );
    }
    if recover::are_locked(backups) {
        return format!("the backups in {folder} are encrypted and BACKUP_PASSPHRASE is not set");
    }
    format!("no backup of {} in {folder} holds this login and can be read", backups.label)
}

/// Moves whatever lies in the database's place into a folder beside it. Nothing is deleted.
fn set_aside(subject: Subject<'_>) -> Result<Option<PathBuf>, EngineError> {
    let database = subject.folder.join(DATABASE);
    if std::fs::symlink_metadata(&database).is_err() {
        return Ok(None);
    }
    // The note stays: it tells whose login it was, also when the next step is cut short.
    move_aside(subject.folder, &format!("damaged-{}", subject.now_ms), false).map(Some)
}

/// The sessions that have a folder with something in their database's place, but no row.
#[must_use]
pub fn on_disk(auth_info: &Path) -> Vec<SessionName> {
    let items = std::fs::read_dir(auth_info.join("sessions")).into_iter().flatten().flatten();
    let names = items.filter_map(|item| item.file_name().to_str()?.parse::<SessionName>().ok());
    let mut found: Vec<SessionName> = names
        .filter(|name| {
            let folder = folder(auth_info, name);
            std::fs::symlink_metadata(folder.join(DATABASE)).is_ok() && !is_deleted(&folder)
        })
        .collect();
    found.sort();
    found
}

/// Left in the folder of a session while it is deleted, so that one that was deleted halfway does not come back.
const DELETED: &str = "deleted";

/// Marks a session's folder as one that is being deleted.
pub(crate) fn mark_deleted(folder: &Path) -> Result<(), EngineError> {
    let path = folder.join(DELETED);
    Folder::named(folder)
        .and_then(|folder| folder.replace(DELETED, b""))
        .map_err(|error| EngineError::Folder { operation: "mark as deleted", path, source: error.into() })
}

/// Takes the mark away again. One that stays only keeps the session from being found without its row.
pub(crate) fn unmark_deleted(folder: &Path) {
    if let Err(error) = std::fs::remove_file(folder.join(DELETED)) {
        tracing::warn!(folder = %folder.display(), %error, "the mark of a deleted session stays, though the session does");
    }
}

/// Whether a session's folder is being deleted.
pub(crate) fn is_deleted(folder: &Path) -> bool {
    folder.join(DELETED).symlink_metadata().is_ok()
}
