//! Examines a store without changing it, nor anything beside it: it is copied into a private folder first and read there.

use std::path::{Path, PathBuf};

use wakeeper_doctor::Report;
use wakeeper_doctor::examine::{NativeView, Options, native_report};
use wakeeper_doctor::formats::baileys::name::{CREDENTIALS, MOVED_MARKER};
use wakeeper_doctor::source::EntryKind;
use wakeeper_private_fs::beneath;

use crate::error::NativeError;
use crate::snapshot::{self, Found, Snapshot};
use crate::{DATABASE, read, rows};

/// The session database that a path means: itself, the one in the folder, or that of session `default` when the folder is
/// a gateway's; `None` when it means none. What stands there may be something else than a file: that is a finding.
pub fn database_in(path: &Path) -> Option<PathBuf> {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    if is_there(path) && !path.is_dir() {
        return path.file_name().is_some_and(|name| name == DATABASE).then(|| path.to_owned());
    }
    // A Baileys session in a gateway's folder is what is meant as long as it is there.
    let mut places = vec![path.join(DATABASE)];
    if !path.join(CREDENTIALS).exists() {
        // Nobody's link leads to another one's session.
        places.extend(beneath(path, Path::new("sessions/default")).ok().map(|folder| folder.join(DATABASE)));
    }
    places.into_iter().find(|database| is_there(database))
}

/// Examines a session database. Never writes; its gateway may run, but not in this process.
///
/// # Errors
/// When it cannot be looked at: no permission, no room for a copy. What is wrong with the database is in the report.
pub async fn examine(database: &Path, options: &Options<'_>) -> Result<Report, NativeError> {
    let (folder, file) = snapshot::open_folder(database)?;
    let mut view = NativeView {
        path: database.to_owned(),
        file,
        kind: EntryKind::File,
        problems: Vec::new(),
        unreadable: None,
        session: None,
        left_out: Vec::new(),
        moved: folder.entry(MOVED_MARKER).is_ok(),
        mode: 0o600,
    };
    match snapshot::take(database).await? {
        Found::Other(kind) => view.kind = kind,
        Found::Copied(taken) => look(&taken, &mut view, options.now_ms).await?,
    }
    Ok(native_report(&view, options))
}

async fn look(taken: &Snapshot, view: &mut NativeView, now_ms: i64) -> Result<(), NativeError> {
    let copy = taken.database();
    view.mode = taken.mode;
    view.problems = rows::check(&copy).await?;
    if !view.problems.is_empty() {
        return Ok(());
    }
    match read(&copy, now_ms).await {
        Ok(reading) => {
            view.session = Some(reading.session);
            view.left_out = reading.left_out;
        }
        Err(NativeError::NoLogin { .. }) => {}
        Err(error) => view.unreadable = Some(error.to_string()),
    }
    Ok(())
}
