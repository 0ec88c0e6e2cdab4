//! Is what lies on the disk what ran last, or an older copy of it?
//!
//! Every start and every stop of a session chooses a random word, the run. The engine's database carries it together with a
//! count of all changes of ratchets; the rows carry the run, the count and which files both are; a note beside the engine's
//! database carries the run and, after a stop, when that database was last changed; where there is a folder for it outside,
//! a witness carries run and count as well. What does not fit together is an older copy, or a
//! copy that somebody started: in each case the sending chains are negotiated anew before anything is sent, which costs a
//! request of pre-keys for each device that is written to. docs/rollback.md says what each of them can see.
//!
//! The order is: the next run's word in the rows, engine, note, rows, witness. A crash in between leaves an engine that
//! carries the word which the rows announced: that is a start or a stop that was cut short, and no doubt.

mod judge;
mod note;
mod progress;
mod witness;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wakeeper_engine_store::generation::{self as native, Mark, Renewal, Renewed, login_mark};
use wakeeper_engine_store::{DATABASE, NativeError};
use wakeeper_storage::{GenerationRow, OwnedRows, Storage, StorageError};

use crate::outbound::retry_requests;

pub use judge::{Doubt, sentence};
pub use note::{NOTE, Note, changed};
use progress::{PROGRESS, Progress};
use wakeeper_model::SessionName;
pub(crate) use witness::Witness;

/// Why the state on the disk could not be told or marked.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The engine's database could not be read or marked.
    #[error(transparent)]
    Engine(#[from] NativeError),
    /// The rows could not be read or written.
    #[error(transparent)]
    Rows(#[from] StorageError),
    /// A file beside the database could not be used.
    #[error("cannot {operation} {}: {source}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Where the state of one session is kept.
#[derive(Clone, Debug)]
pub struct Places {
    /// The session.
    pub session: SessionName,
    /// Its folder.
    pub folder: PathBuf,
    /// The database of rows.
    pub rows: PathBuf,
    /// The folder of witnesses, outside the folder of sessions.
    pub witnesses: Option<PathBuf>,
}

impl Places {
    fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// The witness of a login.
    fn witness(&self, login: &str) -> Option<PathBuf> {
        self.witnesses.as_ref().map(|folder| folder.join(format!("{login}.json")))
    }
}

/// A run of a session that has begun.
#[derive(Clone, Debug)]
pub struct Run {
    places: Places,
    login: String,
    number: Option<String>,
    /// What it is known by.
    word: String,
}

/// How far the rows follow a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followed {
    /// Changes of ratchets, as the rows were asked to know last.
    asked: Option<i64>,
    /// What they know since the last look.
    stored: Arc<Mutex<Option<Mark>>>,
}

impl Followed {
    fn stored(&self) -> MutexGuard<'_, Option<Mark>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the start of a run found.
#[derive(Debug, Default)]
pub struct Begun {
    /// The run, when there is a login to watch.
    pub run: Option<Run>,
    /// What did not fit together; nothing when it is a plain restart.
    pub doubts: Vec<Doubt>,
    /// What is negotiated anew because of it.
    pub renewed: Renewed,
    /// The epoch of the sending chains.
    pub epoch: u32,
}

/// What is told from outside of the files.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// When the engine's database was last changed, read before anything opened it.
    pub engine_changed: Option<String>,
    /// The greatest id of the pre-keys that WhatsApp's server has, when this copy never made that one.
    pub server_ahead: Option<u32>,
}

impl Told {
    /// What the files tell before they are opened.
    pub fn before_opening(places: &Places) -> Self {
        Self { engine_changed: note::changed(&places.database()), server_ahead: None }
    }
}

/// What does not fit together now. Reads only.
///
/// # Errors
/// When something cannot be read.
pub async fn doubts(
    places: &Places,
    storage: &dyn Storage,
    told: &Told,
) -> Result<Vec<Doubt>, GenerationError> {
    doubts_of(native::marked(&places.database()).await?, places, storage, told).await
}

async fn doubts_of(
    marked: native::Marked,
    places: &Places,
    storage: &dyn Storage,
    told: &Told,
) -> Result<Vec<Doubt>, GenerationError> {
    let Some(identity) = marked.identity else { return Ok(Vec::new()) };
    let login = login_mark(&identity);
    let seen = judge::Seen {
        mark: marked.mark,
        row: storage.generation(places.session.as_str()).await?,
        note: Note::read(&places.folder),
        progress: Progress::read(&places.folder),
        witness: places.witness(&login).and_then(|path| Witness::read(&path)),
        engine_file: note::file(&places.database()),
        rows_file: note::file(&places.rows),
        engine_changed: told.engine_changed.clone(),
        note_changed: note::changed(&places.folder.join(NOTE)),
        login,
    };
    let mut doubts = seen.doubts();
    doubts.extend(told.server_ahead.map(|_| Doubt::ServerAhead));
    Ok(doubts)
}

/// Judges what lies on the disk, gives up the sending chains when it is in doubt, and marks the beginning of a run. The
/// client opened the engine's database before, so that its schema is the newest, and sends nothing yet.
///
/// # Errors
/// When something cannot be read or written: then nothing may be sent.
pub(crate) async fn begin(
    places: &Places,
    storage: &dyn Storage,
    rows: &OwnedRows,
    now_ms: i64,
    told: Told,
) -> Result<Begun, GenerationError> {
    // The client's store is open already.
    let marked = native::marked_while_open(&places.database()).await?;
    let doubts = doubts_of(marked, places, storage, &told).await?;
    let renewal = Renewal { greatest_pre_key: told.server_ahead.unwrap_or(0) };
    mark(places, storage, rows, now_ms, doubts, renewal).await
}

/// Marks the beginning of a run of a login that was made by this very process: nothing of it can be older.
///
/// # Errors
/// When something cannot be read or written.
pub async fn begin_linked(
    places: &Places,
    storage: &dyn Storage,
    rows: &OwnedRows,
    now_ms: i64,
) -> Result<Begun, GenerationError> {
    mark(places, storage, rows, now_ms, Vec::new(), Renewal::default()).await
}

async fn mark(
    places: &Places,
    storage: &dyn Storage,
    rows: &OwnedRows,
    now_ms: i64,
    doubts: Vec<Doubt>,
    renewal: Renewal,
) -> Result<Begun, GenerationError> {
    let marked = native::marked_while_open(&places.database()).await?;
    // One that is not linked has no chains, and gets its mark when it is.
    let Some(identity) = marked.identity else { return Ok(Begun::default()) };
    let run =
        Run { places: places.clone(), login: login_mark(&identity), number: marked.number, word: word() };
    let in_doubt = !doubts.is_empty();
    let last = storage.generation(places.session.as_str()).await?.filter(|row| row.login == run.login);
    let before =
        last.clone().unwrap_or_else(|| run.row(&Mark { run: String::new(), writes: 0, written_s: 0 }));
    rows.put_generation(GenerationRow { next: Some(run.word.clone()), ..before }).await?;
    let native::Begun { mark, renewed, epoch } =
        native::begin(&places.database(), &run.word, in_doubt.then_some(renewal)).await?;
    run.note(None)?;
    let (renewals, renewed_ms, renewed_because) =
        last.map_or((0, None, None), |row| (row.renewals, row.renewed_ms, row.renewed_because));
    let mut row = GenerationRow { renewals, renewed_ms, renewed_because, ..run.row(&mark) };
    if in_doubt {
        row.renewals += 1;
        row.renewed_ms = Some(now_ms);
        row.renewed_because = sentence(&doubts);
    }
    rows.put_generation(row).await?;
    run.progress(&mark);
    run.witness(&mark).await;
    Ok(Begun { run: Some(run), doubts, renewed, epoch })
}

impl Run {
    /// Moves on what the rows and the witness know of the engine's database. Cheap when nothing changed. The rows know of it with
    /// one of the next commits, the others with the call after that: they are never ahead.
    ///
    /// # Errors
    /// When something cannot be read; the next call makes up for it.
    pub(crate) async fn seen(
        &self,
        rows: &OwnedRows,
        followed: &mut Followed,
    ) -> Result<(), GenerationError> {
        let stored = followed.stored().take();
        if let Some(mark) = stored {
            self.progress(&mark);
            self.witness(&mark).await;
        }
        let Some(mark) = native::marked_while_open(&self.places.database()).await?.mark else {
            return Ok(());
        };
        if Some(mark.writes) == followed.asked || mark.run != self.word {
            return Ok(());
        }
        followed.asked = Some(mark.writes);
        let (rows, word, followed) = (rows.clone(), self.word.clone(), followed.clone());
        // Nobody waits for it: it may wait for others, or for a disk.
        tokio::spawn(async move {
            match rows.seen_generation(&word, mark.writes, mark.written_s).await {
                Ok(()) => *followed.stored() = Some(mark),
                Err(error) => {
                    tracing::debug!(session = rows.session(), %error, "how far the session is could not be stored");
                }
            }
        });
        Ok(())
    }

    /// Marks the end of a run whose client is gone.
    ///
    /// # Errors
    /// When something cannot be written; the next start takes the run for one that was cut short.
    pub async fn end(mut self, storage: &dyn Storage, rows: &OwnedRows) -> Result<(), GenerationError> {
        let database = self.places.database();
        // Logged out, moved or removed meanwhile: there is nothing to mark.
        if !database.is_file() {
            return Ok(());
        }
        let row = storage.generation(self.places.session.as_str()).await?;
        let Some(row) = row.filter(|row| row.run == self.word) else { return Ok(()) };
        if native::marked(&database).await?.mark.is_none_or(|mark| mark.run != self.word) {
            return Ok(());
        }
        self.word = word();
        rows.put_generation(GenerationRow { next: Some(self.word.clone()), ..row.clone() }).await?;
        let Some(mark) = native::end(&database, &self.word).await? else { return Ok(()) };
        self.note(note::changed(&database))?;
        let ended = self.row(&mark);
        rows.put_generation(GenerationRow {
            renewals: row.renewals,
            renewed_ms: row.renewed_ms,
            renewed_because: row.renewed_because,
            ..ended
        })
        .await?;
        self.progress(&mark);
        self.witness(&mark).await;
        Ok(())
    }

    fn row(&self, mark: &Mark) -> GenerationRow {
        GenerationRow {
            session: self.places.session.as_str().to_owned(),
            login: self.login.clone(),
            run: mark.run.clone(),
            next: None,
            writes: mark.writes,
            written_s: mark.written_s,
            engine_file: note::file(&self.places.database()).unwrap_or_default(),
            rows_file: note::file(&self.places.rows).unwrap_or_default(),
            sealed: note::changed(&self.places.folder.join(NOTE)).unwrap_or_default(),
            renewals: 0,
            renewed_ms: None,
            renewed_because: None,
        }
    }

    fn note(&self, engine_changed: Option<String>) -> Result<(), GenerationError> {
        let note = Note {
            run: self.word.clone(),
            login: self.login.clone(),
            number: self.number.clone(),
            engine_changed,
        };
        note.write(&self.places.folder).map_err(|source| GenerationError::File {
            operation: "write",
            path: self.places.folder.join(NOTE),
            source,
        })
    }

    /// It only helps: without it, a database that was put back within one run may go unseen here.
    fn progress(&self, mark: &Mark) {
        let progress = Progress { run: self.word.clone(), writes: mark.writes };
        if let Err(error) = progress.write(&self.places.folder) {
            tracing::debug!(session = %self.places.session, %error, "how far the session has come was not written");
        }
    }

    /// The witness only helps: without one, the others still see what they can.
    async fn witness(&self, mark: &Mark) {
        let Some(path) = self.places.witness(&self.login) else { return };
        let witness = Witness { run: self.word.clone(), writes: mark.writes };
        let target = path.clone();
        // It is synced, on a disk that may be slow.
        let written = tokio::task::spawn_blocking(move || witness.write(&target)).await;
        if let Err(error) = written.map_err(std::io::Error::other).flatten() {
            tracing::warn!(session = %self.places.session, path = %path.display(), %error,
                "the state folder cannot be written: an older copy of everything may go unseen (setting STATE_DIR)");
        }
    }
}

/// Forgets what is known of a session that lives elsewhere from now on.
///
/// # Errors
/// When the rows cannot be written.
pub async fn forget(folder: &Path, rows: &OwnedRows) -> Result<(), StorageError> {
    // Who the login was is of no use any more.
    let _ = std::fs::remove_file(folder.join(NOTE));
    let _ = std::fs::remove_file(folder.join(retry_requests::FILE));
    let _ = std::fs::remove_file(folder.join(PROGRESS));
    rows.forget_generation().await
}

/// A word that nobody chose before.
fn word() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
