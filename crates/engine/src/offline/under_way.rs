//! The note of a repair that is under way, beside the session's database.
//!
//! The repair itself is one transaction: whoever is killed leaves the database as it was or as it was to be. What comes
//! around it is not: room is given back, and the session's own note is told that the database was changed on purpose,
//! because a change while nothing ran is otherwise taken for an older copy. So that the next run can make up for that,
//! this note is on disk before anything changes and goes when all is done.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wakeeper_engine_store::generation::{self, Mark};
use wakeeper_engine_store::repair::{Hook, tidy};
use wakeeper_private_fs::{Folder, FsError, read_own};

use super::paths::Owner;
use super::{OfflineError, changed_on_purpose};

/// The note, in the session's folder.
pub(super) const NOTE: &str = "repair.json";
/// Bytes of the note: a word and a number.
const LONGEST_NOTE: u64 = 64 << 10;

/// A repair that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    /// The run that the database carried before, when it carried one. A gateway that started since began another.
    run: Option<String>,
    /// How often a ratchet had changed by then: a repair changes none, it only takes some away.
    writes: i64,
    /// The database was in doubt before: it stays so.
    in_doubt: bool,
}

impl UnderWay {
    /// Notes that a repair begins. On disk when it returns.
    pub(super) async fn begin(database: &Path, in_doubt: bool, hook: Hook<'_>) -> Result<Self, OfflineError> {
        hook().map_err(failed("write", database))?;
        let Some(Mark { run, writes, .. }) = generation::marked(database).await?.mark else {
            return Self { run: None, writes: 0, in_doubt }.left_at(database);
        };
        Self { run: Some(run), writes, in_doubt }.left_at(database)
    }

    fn left_at(self, database: &Path) -> Result<Self, OfflineError> {
        let text = serde_json::to_vec(&self).map_err(std::io::Error::from);
        let folder = folder_of(database);
        let left = text.and_then(|text| Ok(Folder::named(folder)?.replace(NOTE, &text)?));
        left.map_err(failed("write", database))?;
        Ok(self)
    }

    /// The note beside a database. One that cannot be read is of nobody's.
    fn read(database: &Path) -> Option<Self> {
        serde_json::from_slice(&read_own(&folder_of(database).join(NOTE), LONGEST_NOTE).ok()?).ok()
    }

    /// Whether the database is still the one that the repair was begun on: nobody ran on it since, or put another in its
    /// place.
    async fn fits(&self, database: &Path) -> bool {
        let Ok(marked) = generation::marked(database).await else { return false };
        let (run, writes) = marked.mark.map_or((None, 0), |mark| (Some(mark.run), mark.writes));
        (run, writes) == (self.run.clone(), self.writes)
    }

    /// Ends the repair: the database has changed on purpose.
    pub(super) fn end(&self, database: &Path, hook: Hook<'_>) -> Result<(), OfflineError> {
        if let Some(owner) = Owner::of(database).filter(|_| !self.in_doubt) {
            let noted = hook().and_then(|()| changed_on_purpose(&owner.auth_info, &owner.session));
            noted.map_err(|reason| OfflineError::Note { path: database.to_owned(), reason })?;
        }
        hook().map_err(failed("remove", database))?;
        forget(database)
    }
}

/// Whether a repair of a database was begun and did not come to its end.
pub(super) async fn is_left(database: &Path) -> bool {
    match UnderWay::read(database) {
        Some(note) => note.fits(database).await,
        None => false,
    }
}

/// Settles a repair that was cut short: it was carried out whole or not at all, and what comes after it is made up for.
/// Answers whether there was one.
///
/// # Errors
/// When the session's note cannot be written; the next run tries again.
pub(super) async fn settle(database: &Path, hook: Hook<'_>) -> Result<bool, OfflineError> {
    let Some(note) = UnderWay::read(database) else { return Ok(false) };
    if !note.fits(database).await {
        // A gateway ran since, or another database lies there: nothing of the repair is left to be settled.
        forget(database)?;
        return Ok(false);
    }
    if let Err(error) = tidy(database, hook).await {
        // The examination that follows tells what is wrong; what was unused before is unused now.
        tracing::warn!(%error, "the room that an interrupted repair left was not given back");
    }
    note.end(database, hook)?;
    Ok(true)
}

fn forget(database: &Path) -> Result<(), OfflineError> {
    let removed = Folder::named(folder_of(database)).and_then(|folder| {
        match folder.remove(NOTE) {
            Ok(()) | Err(FsError::Missing) => {}
            Err(error) => return Err(error),
        }
        folder.sync()
    });
    removed.map_err(FsError::into_io).map_err(failed("remove", database))
}

fn folder_of(database: &Path) -> &Path {
    database.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(action: &'static str, database: &Path) -> impl FnOnce(std::io::Error) -> OfflineError {
    let path: PathBuf = folder_of(database).join(NOTE);
    move |reason| OfflineError::UnderWay { action, path, reason }
}
