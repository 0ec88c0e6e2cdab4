//! One queue per store: what waits is done together.
//!
//! No thread is kept for a store that has nothing to do. The first call that comes lets a blocking task work on the queue
//! until it is empty; one at a time, so that there is one writer, and one hop from a caller and one back.

mod batch;
mod request;

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::SqliteError;
use super::faults::Faults;
use request::{Call, Pending};

/// Calls that are done together at most: bounds how long the first of them waits.
const BATCH: usize = 256;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It reads.
    Read,
    /// It writes.
    Write,
}

/// The way to a store's one connection.
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    store: Mutex<batch::Store>,
    waiting: Mutex<Waiting>,
    faults: Arc<dyn Faults>,
}

#[derive(Default)]
struct Waiting {
    calls: Vec<Box<dyn Call>>,
    /// Whether somebody works on them.
    served: bool,
}

impl Queue {
    pub(super) fn new(connection: Connection, faults: Arc<dyn Faults>) -> Self {
        Self(Arc::new(Shared {
            store: Mutex::new(batch::Store { connection, failed: None }),
            waiting: Mutex::new(Waiting::default()),
            faults,
        }))
    }

    /// Runs `work` in its turn.
    pub(super) async fn call<T, F>(
        &self,
        kind: Kind,
        operation: &'static str,
        work: F,
    ) -> Result<T, SqliteError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(Pending { kind, operation, work, result: None, reply });
        let first = {
            let mut waiting = lock(&self.0.waiting);
            waiting.calls.push(call);
            !mem::replace(&mut waiting.served, true)
        };
        if first {
            let serving = Serving(Some(Arc::clone(&self.0)));
            tokio::task::spawn_blocking(move || serving.run());
        }
        answer.await.map_err(|_| SqliteError::Ended)?
    }
}

/// The one who works on the queue.
struct Serving(Option<Arc<Shared>>);

impl Serving {
    fn run(mut self) {
        while let Some(shared) = &self.0 {
            let mut waiting = lock(&shared.waiting);
            let count = waiting.calls.len().min(BATCH);
            let calls = waiting.calls.drain(..count).collect();
            drop(waiting);
            // Of a panic only its own batch hears, whose callers find their answers gone.
            let work = || batch::run(&mut lock(&shared.store), &*shared.faults, calls);
            let answers = catch_unwind(AssertUnwindSafe(work)).unwrap_or_default();
            let mut waiting = lock(&shared.waiting);
            let done = waiting.calls.is_empty();
            if done {
                waiting.served = false;
            }
            drop(waiting);
            if done {
                // Before the last answer: who gets it may drop the store, and must be the one who closes the database.
                self.0 = None;
            }
            for answer in answers {
                answer();
            }
        }
    }
}

impl Drop for Serving {
    /// When the runtime ended before this ran: nobody may wait for ever.
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            let mut waiting = lock(&shared.waiting);
            waiting.served = false;
            let calls = mem::take(&mut waiting.calls);
            drop(waiting);
            drop(calls);
        }
    }
}

/// What a panic left is put right by whoever comes next, see [`batch::run`].
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
