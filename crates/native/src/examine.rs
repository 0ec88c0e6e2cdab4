//! Examines a store without changing it: what it holds is copied into a private folder first and read there.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use wakeeper_session::Report;
use wakeeper_session::examine::{NativeView, Options, native_report};
use wakeeper_session::formats::baileys::name::MOVED_MARKER;

use crate::error::{NativeError, io};
use crate::{DATABASE, read, rows};

/// The session database that a path means: itself, the one in the folder, or that of session `default` when the folder is
/// a gateway's; `None` when it means none.
pub fn database_in(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return path.file_name().is_some_and(|name| name == DATABASE).then(|| path.to_owned());
    }
    // A Baileys session in a gateway's folder is what is meant as long as it is there.
    let mut places = vec![path.join(DATABASE)];
    if !path.join("creds.json").exists() {
        places.push(path.join("sessions/default").join(DATABASE));
    }
    places.into_iter().find(|database| database.is_file())
}

/// Examines a session database. Never writes; its gateway may run.
///
/// # Errors
/// When it cannot be looked at: no permission, no room for a copy. What is wrong with the database is in the report.
pub async fn examine(database: &Path, options: &Options<'_>) -> Result<Report, NativeError> {
    let folder = database.parent().unwrap_or_else(|| Path::new("."));
    let mode = std::fs::metadata(database).map_err(io("examine", database))?.permissions().mode();
    let mut view = NativeView {
        path: database.to_owned(),
        file: database.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        problems: rows::check(database).await?,
        unreadable: None,
        session: None,
        left_out: Vec::new(),
        moved: folder.join(MOVED_MARKER).exists(),
        mode,
    };
    if view.problems.is_empty() {
        look(database, &mut view, options.now_ms).await?;
    }
    Ok(native_report(&view, options))
}

async fn look(database: &Path, view: &mut NativeView, now_ms: i64) -> Result<(), NativeError> {
    // Keys are copied: the folder is 0700 and gone when this returns.
    let scratch = tempfile::tempdir().map_err(io("make a private folder for a copy of", database))?;
    let copy = scratch.path().join(DATABASE);
    rows::copy(database, &copy).await?;
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
