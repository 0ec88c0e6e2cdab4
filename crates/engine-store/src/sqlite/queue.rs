//! One queue per store: what waits is done together.
//!
//! No thread is kept for a store that has nothing to do. The first call that comes lets a blocking task work on the queue
//! until it is empty; one at a time, so that there is one writer, and one hop from a caller and one back.

mod batch;
mod request;

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::error::SqliteError;
use super::faults::Faults;
use super::parked::Parked;
use request::Pending;
pub(super) use request::{Answer, Call};

/// Calls that are done together at most: bounds how long the first of them waits.
const BATCH: usize = 256;
/// How long a call that can wait waits for a commit that others need. Longer than the client's own pause before it writes
/// the ratchets of what it sent or received (25 ms, `signal_flush.rs` of whatsapp-rust 0.7.0), so that it joins that commit.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It reads.
    Read,
    /// It writes.
    Write,
    /// It writes, and its caller can wait: it joins the next commit, or gets one of its own after [`PATIENCE`].
    Patient,
}

/// The way to a store's one connection.
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    store: Mutex<batch::Store>,
    waiting: Arc<Mutex<Waiting>>,
    parked: Arc<Parked>,
    faults: Arc<dyn Faults>,
}

#[derive(Default)]
struct Waiting {
    calls: Vec<Box<dyn Call>>,
    /// Those that wait for a commit of others.
    patient: Vec<Box<dyn Call>>,
    /// When the patience of the first of them is over.
    patient_until: Option<Instant>,
    /// Whether somebody ends their patience.
    timed: bool,
    /// Whether somebody works on the calls.
    served: bool,
}

impl Waiting {
    /// What is done together now. A commit takes along those that wait for one.
    fn take(&mut self, parked: &Parked) -> Vec<Box<dyn Call>> {
        let count = self.calls.len().min(BATCH);
        let calls: Vec<_> = self.calls.drain(..count).collect();
        if calls.iter().all(|call| call.is_abandoned() || call.kind() == Kind::Read) {
            return calls;
        }
        self.patient_until = None;
        parked.take().into_iter().chain(mem::take(&mut self.patient)).chain(calls).collect()
    }
}

impl Queue {
    pub(super) fn new(connection: Connection, parked: Arc<Parked>, faults: Arc<dyn Faults>) -> Self {
        Self(Arc::new(Shared {
            store: Mutex::new(batch::Store { connection, failed: None }),
            waiting: Arc::default(),
            parked,
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
        if kind == Kind::Patient {
            self.wait_for_others(call);
        } else {
            let first = {
                let mut waiting = lock(&self.0.waiting);
                waiting.calls.push(call);
                !mem::replace(&mut waiting.served, true)
            };
            if first {
                serve(Arc::clone(&self.0));
            }
        }
        answer.await.map_err(|_| SqliteError::Ended)?
    }

    fn wait_for_others(&self, call: Box<dyn Call>) {
        let timed = {
            let mut waiting = lock(&self.0.waiting);
            waiting.patient.push(call);
            waiting.patient_until.get_or_insert_with(|| Instant::now() + PATIENCE);
            mem::replace(&mut waiting.timed, true)
        };
        if !timed {
            let (shared, waiting) = (Arc::downgrade(&self.0), Arc::clone(&self.0.waiting));
            tokio::spawn(async move {
                let mut until = Some(Instant::now() + PATIENCE);
                while let Some(moment) = until {
                    tokio::time::sleep_until(moment).await;
                    until = end_patience(&shared, &waiting);
                }
            });
        }
    }
}

/// Gives those that waited long enough a commit of their own. Answers when to look again: others took those along that it was
/// begun for, and some came after them.
fn end_patience(shared: &Weak<Shared>, waiting: &Mutex<Waiting>) -> Option<Instant> {
    let mut waiting = lock(waiting);
    if let Some(until) = waiting.patient_until
        && until > Instant::now()
    {
        return Some(until);
    }
    waiting.timed = false;
    waiting.patient_until = None;
    waiting.patient.retain(|call| !call.is_abandoned());
    // Their callers hold the store and are not answered yet, so the handle that is taken here is not its last.
    if waiting.patient.is_empty() {
        return None;
    }
    let shared = shared.upgrade()?;
    let patient = mem::take(&mut waiting.patient);
    waiting.calls.extend(patient);
    if !mem::replace(&mut waiting.served, true) {
        serve(shared);
    }
    None
}

fn serve(shared: Arc<Shared>) {
    let serving = Serving(Some(shared));
    tokio::task::spawn_blocking(move || serving.run());
}

/// The one who works on the queue.
struct Serving(Option<Arc<Shared>>);

impl Serving {
    fn run(mut self) {
        while let Some(shared) = &self.0 {
            let calls = lock(&shared.waiting).take(&shared.parked);
            let writes = calls.iter().any(|call| call.kind() != Kind::Read);
            let work = || batch::run(&mut lock(&shared.store), &*shared.faults, calls);
            // Of a panic its own batch hears, whose callers find their answers gone. What nobody waits for went with it, so no
            // write comes after one that wrote.
            let answers = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
                if writes {
                    lock(&shared.store).failed.get_or_insert(SqliteError::Panicked);
                }
                Vec::new()
            });
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
            let calls = (mem::take(&mut waiting.calls), mem::take(&mut waiting.patient));
            drop(waiting);
            drop(calls);
        }
    }
}

/// What a panic left is put right by whoever comes next, see [`batch::run`].
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
