//! Examines a store without changing it, nor anything beside it: it is copied into a private folder first and read there.
//! What is planned and backed up afterwards comes from the same copy.

use std::path::{Path, PathBuf};

use wakeeper_doctor::Report;
use wakeeper_doctor::backup::manifest::account_mark;
use wakeeper_doctor::examine::{CredentialsState, NativeView, Options, native_report};
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_doctor::source::EntryKind;
use wakeeper_private_fs::beneath;

use crate::backup::changed_ms;
use crate::error::{NativeError, io};
use crate::generation::{self, Marked};
use crate::move_notes::moved_to;
use crate::read::NativeReading;
use crate::snapshot::{self, Copies, Found, Seen};
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

/// A session database that was looked at once.
#[derive(Debug)]
pub struct Examined {
    /// What was found.
    pub report: Report,
    database: PathBuf,
    /// What stands there.
    kind: EntryKind,
    /// What the database looked like; `None` when no file stands there.
    seen: Option<Seen>,
    /// The mark that it carries.
    marked: Option<Marked>,
    /// What it holds; `None` when there is no login, or it cannot be read.
    pub(crate) reading: Option<NativeReading>,
}

/// Examines a session database. Never writes; its gateway may run, but not in this process.
///
/// # Errors
/// When it cannot be looked at: no permission, no room for a copy. What is wrong with the database is in the report.
pub async fn examine(
    database: &Path,
    options: &Options<'_>,
    copies: &Copies,
) -> Result<Examined, NativeError> {
    let (_, file) = snapshot::open_folder(database)?;
    let mut view = NativeView {
        path: database.to_owned(),
        file,
        kind: EntryKind::File,
        problems: Vec::new(),
        unreadable: None,
        session: None,
        unread: &[],
        moved: database.parent().and_then(moved_to),
        mode: 0o600,
    };
    let (mut seen, mut marked, mut reading) = (None, None, None);
    match snapshot::take(database, copies).await? {
        Found::Other(kind) => view.kind = kind,
        Found::Copied(taken) => {
            view.mode = taken.mode;
            (marked, reading) = look(&taken.database(), taken.seen.changed_ms(), &mut view).await?;
            seen = Some(taken.seen);
        }
    }
    if let Some(reading) = &reading {
        (view.session, view.unread) = (Some(&reading.session), &reading.unread);
    }
    let (report, kind) = (native_report(&view, options), view.kind);
    Ok(Examined { report, database: database.to_owned(), kind, seen, marked, reading })
}

/// The same of a database that its client may have open in this process: SQLite makes the copy, because to close a second
/// handle on a database gives up the locks of the whole process (sqlite.org/howtocorrupt.html, 2.2). A repair is planned with
/// it, and carried out only with [`examine`].
///
/// # Errors
/// When it cannot be copied, also because it is damaged.
pub async fn examine_while_open(
    database: &Path,
    options: &Options<'_>,
    copies: &Copies,
) -> Result<Examined, NativeError> {
    let failed = || io("examine", database);
    let found = std::fs::symlink_metadata(database).map_err(failed())?;
    if !found.is_file() {
        return Err(failed()(std::io::Error::other("it is no file")));
    }
    // Keys are copied: the folder is 0700 and gone with the value.
    let scratch = tempfile::tempdir().map_err(io("make a private folder for a copy of", database))?;
    let (copy, changed_ms) = (scratch.path().join(DATABASE), changed_ms(database)?);
    copies.one_more();
    rows::copy(database, &copy).await?;
    let mut view = NativeView {
        path: database.to_owned(),
        file: DATABASE.to_owned(),
        kind: EntryKind::File,
        problems: Vec::new(),
        unreadable: None,
        session: None,
        unread: &[],
        moved: database.parent().and_then(moved_to),
        mode: std::os::unix::fs::MetadataExt::mode(&found) & 0o7777,
    };
    let (marked, reading) = look(&copy, changed_ms, &mut view).await?;
    if let Some(reading) = &reading {
        (view.session, view.unread) = (Some(&reading.session), &reading.unread);
    }
    let report = native_report(&view, options);
    Ok(Examined { report, database: database.to_owned(), kind: EntryKind::File, seen: None, marked, reading })
}

/// The mark of a copy, and what it holds, as far as each can be read.
async fn look(
    copy: &Path,
    changed_ms: i64,
    view: &mut NativeView<'_>,
) -> Result<(Option<Marked>, Option<NativeReading>), NativeError> {
    view.problems = rows::check(copy).await?;
    if !view.problems.is_empty() {
        return Ok((None, None));
    }
    // Before the copy is brought to the newest schema: it is the mark of what lies in the original's place.
    let marked = generation::marked(copy).await.ok();
    // What Baileys dates and this store does not is dated by the store's last change.
    let reading = match read(copy, changed_ms).await {
        Ok(reading) => Some(reading),
        Err(NativeError::NoLogin { .. }) => None,
        Err(error) => {
            view.unreadable = Some(error.to_string());
            None
        }
    };
    Ok((marked, reading))
}

impl Examined {
    /// The database's name in its folder.
    pub(crate) fn file(&self) -> String {
        self.database.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Which login a sound database holds: see [`account_mark`].
    pub fn login(&self) -> Option<String> {
        let sound = self.report.credentials == CredentialsState::Sound;
        let reading = self.reading.as_ref().filter(|_| sound);
        reading.map(|reading| account_mark(&reading.session.credentials.identity.public))
    }

    /// The mark that a sound database carries; `None` where nothing sound lies, or the mark cannot be read.
    pub fn marked(&self) -> Option<&Marked> {
        self.marked.as_ref().filter(|_| self.report.credentials == CredentialsState::Sound)
    }

    /// Makes sure that nobody wrote to the database since it was looked at, or put something else in its place: what is
    /// not in the backup that was made of it must not be lost.
    ///
    /// # Errors
    /// When it changed, or cannot be looked at any more.
    pub async fn unchanged(&self) -> Result<(), NativeError> {
        let is_still = match &self.seen {
            Some(seen) => seen.is_still(&snapshot::seen(&self.database).await?),
            None => self.is_other_still()?,
        };
        if is_still { Ok(()) } else { Err(NativeError::Changed { path: self.database.clone() }) }
    }

    /// Whether what is no file is still what it was.
    fn is_other_still(&self) -> Result<bool, NativeError> {
        let (folder, file) = snapshot::open_folder(&self.database)?;
        let entry = folder.entry(&file);
        let entry =
            entry.map_err(|error| io("read", &self.database)(std::io::Error::other(error.to_string())))?;
        Ok(entry.kind == self.kind)
    }
}
