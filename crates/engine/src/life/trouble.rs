//! A session whose disk is in trouble: without a client until a write works again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wakeeper_storage::disk::{DiskCause, DiskTrouble, probe};

use crate::life::store::{Closed, EngineStore, OpenStore};

/// Wait before the first attempt at coming back; it doubles up to [`MAX_WAIT`].
const FIRST: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(5);

/// What is kept while a session's disk is in trouble.
pub(crate) struct Trouble {
    wait: Duration,
    /// The session's database, when it was open.
    kept: Option<Kept>,
}

/// The database that was open.
struct Kept {
    engine: Arc<EngineStore>,
    /// One that vanished from its path lives on while it is open: whoever moved it can put it back.
    _store: Option<OpenStore>,
}

impl Trouble {
    /// `engine` and `store` are those of the client that was given up; `before` is a trouble that did not end with an open
    /// connection, whose waits go on growing.
    pub(crate) fn new(
        closed: &Closed,
        engine: Option<(Arc<EngineStore>, Option<OpenStore>)>,
        before: Option<&Self>,
    ) -> Self {
        let gone = closed.trouble().is_some_and(|trouble| trouble.cause == DiskCause::Gone);
        let kept = engine.map(|(engine, store)| Kept { engine, _store: store.filter(|_| gone) });
        Self { wait: before.map_or(FIRST, |before| before.wait), kept }
    }

    /// How long to wait before the next attempt. `jitter` is a random number in `0.0..1.0`.
    pub(crate) fn next_wait(&mut self, jitter: f64) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(MAX_WAIT);
        wait.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// The database was opened again, from its path.
    pub(crate) fn reopened(&mut self) {
        self.kept = None;
    }

    /// Whether writes to the session's folder work again; `rows` is what keeps the rows from being written. What is open
    /// and vanished must be back at its path: a new, empty database in its place would be a lost login.
    ///
    /// # Errors
    /// What still is in the way.
    pub(crate) fn over(
        &self,
        database: &Path,
        rows: Option<Arc<DiskTrouble>>,
    ) -> Result<(), Arc<DiskTrouble>> {
        if let Some(trouble) = rows {
            return Err(trouble);
        }
        if let Some(kept) = &self.kept {
            kept.engine.gate().file().check().map_err(Arc::new)?;
        }
        probe(database).map_err(|error| Arc::new(DiskTrouble::new(database, DiskCause::of_io(&error))))
    }
}
