//! The note of a repair that is under way, beside the session's database.
//!
//! The repair itself is one transaction: whoever is killed leaves the database as it was or as it was to be. What comes
//! around it is not: room is given back, and the session's own note is told that the database was changed on purpose,
//! because a change while nothing ran is otherwise taken for an older copy. So that the next run can make up for that,
//! this note is on disk before anything changes and goes when all is done.
//!
//! The note opens nothing: whether it is of the database that lies there is told by the private copy that was examined.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wakeeper_engine_store::Examined;
use wakeeper_engine_store::generation::{self as native, Mark};
use wakeeper_engine_store::repair::{Hook, tidy};
use wakeeper_private_fs::{Folder, FsError};

use super::paths::Owner;
use super::{OfflineError, changed_on_purpose};
use wakeeper_engine::folder::generation;

/// The note, in the session's folder.
pub(super) const NOTE: &str = "repair.json";
/// Bytes of the note: two words and a number.
const LONGEST_NOTE: u64 = 64 << 10;

/// A repair that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    /// The run that the database carried before, when it carried one. A gateway that started since began another.
    run: Option<String>,
    /// How often a ratchet had changed by then: a repair changes none, it only takes some away.
    writes: i64,
    /// When the session's own note was last changed in any way (`ctime`), when there was one. Run and count lie in the
    /// database and go back with it; this time no tool sets, so a folder that is written back has another one.
    session_note_changed: Option<String>,
    /// The database was in doubt before: it stays so.
    pub(super) in_doubt: bool,
}

/// What an earlier repair left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// A repair of the database that lies there, cut short.
    Unfinished(UnderWay),
    /// The note of a repair of which nothing is left to be settled: a gateway ran since, another database lies there, or
    /// it came to its end.
    OfAnother,
    /// A note, and a database that tells nothing.
    Unknown,
}

/// What an earlier repair left beside a database that was examined. Opens the note alone. In a copy of a container's
/// folder times are those of the copying, and told nothing by; what is put back from one is taken for an older copy anyway.
pub(super) fn left(database: &Path, examined: Option<&Examined>, is_copy: bool) -> Left {
    let Some(note) = UnderWay::read(database) else { return Left::Nothing };
    let Some(marked) = examined.and_then(Examined::marked) else { return Left::Unknown };
    let (run, writes) = of_mark(marked.mark.clone());
    let is_untouched = is_copy || note.session_note_changed == session_note_changed(database);
    if (run, writes) == (note.run.clone(), note.writes) && is_untouched {
        Left::Unfinished(note)
    } else {
        Left::OfAnother
    }
}

impl UnderWay {
    /// Notes that a repair begins. On disk when it returns.
    pub(super) async fn begin(database: &Path, in_doubt: bool, hook: Hook<'_>) -> Result<Self, OfflineError> {
        let (run, writes) = of_mark(native::marked(database).await?.mark);
        let note = Self { run, writes, session_note_changed: session_note_changed(database), in_doubt };
        hook().map_err(failed("write", database))?;
        note.left_at(database)
    }

    fn left_at(self, database: &Path) -> Result<Self, OfflineError> {
        let text = serde_json::to_vec(&self).map_err(std::io::Error::from);
        let folder = folder_of(database);
        let left = text.and_then(|text| Ok(Folder::named(folder)?.replace(NOTE, &text)?));
        left.map_err(failed("write", database))?;
        Ok(self)
    }

    /// The note beside a database. One that cannot be read, or that somebody else could have put there, is none.
    fn read(database: &Path) -> Option<Self> {
        let folder = Folder::named(folder_of(database)).ok()?;
        let (file, stat) = folder.open_file(NOTE).ok()?;
        let owners = [rustix::process::geteuid().as_raw(), folder.stat().ok()?.st_uid];
        if stat.st_nlink != 1 || !owners.contains(&stat.st_uid) {
            return None;
        }
        let mut text = Vec::new();
        file.take(LONGEST_NOTE).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
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

    /// Settles a repair that was cut short: it was carried out whole or not at all, and what comes after it is made up
    /// for. The caller keeps others from the session, and the database is the one that was examined.
    ///
    /// # Errors
    /// When the session's note cannot be written; the next run tries again.
    pub(super) async fn settle(&self, database: &Path, hook: Hook<'_>) -> Result<(), OfflineError> {
        if let Err(error) = tidy(database, hook).await {
            // The examination that follows tells what is wrong; what was unused before is unused now.
            tracing::warn!(%error, "the room that an interrupted repair left was not given back");
        }
        self.end(database, hook)
    }
}

/// Removes the note.
///
/// # Errors
/// When it is there and cannot be removed.
pub(super) fn forget(database: &Path) -> Result<(), OfflineError> {
    let removed = Folder::named(folder_of(database)).and_then(|folder| {
        match folder.remove(NOTE) {
            Ok(()) | Err(FsError::Missing) => {}
            Err(error) => return Err(error),
        }
        folder.sync()
    });
    removed.map_err(FsError::into_io).map_err(failed("remove", database))
}

fn of_mark(mark: Option<Mark>) -> (Option<String>, i64) {
    mark.map_or((None, 0), |mark| (Some(mark.run), mark.writes))
}

/// When the session's own note beside a database was last changed.
fn session_note_changed(database: &Path) -> Option<String> {
    generation::changed(&folder_of(database).join(generation::NOTE))
}

fn folder_of(database: &Path) -> &Path {
    database.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(action: &'static str, database: &Path) -> impl FnOnce(std::io::Error) -> OfflineError {
    let path: PathBuf = folder_of(database).join(NOTE);
    move |reason| OfflineError::UnderWay { action, path, reason }
}
