//! The one writer. Requests that arrive while a transaction is being synced are written together in
//! the next one, so that many callers share one disk sync; each is answered only after it.
//!
//! Callers that were answered together wait a moment for each other: see [`company`]. A request whose caller went on waits longer
//! for others, and joins the first of them. Who reads what it writes waits for
//! it: see [`Writer::settle`].
//!
//! When the disk fails a group, all requests in it fail, the connection is thrown away, and later requests are refused
//! until a write succeeds on a new one: see [`Home`]. Those whose callers went on are kept, and come first then; what fails
//! again is tried alone, behind the others: see [`groups`].

mod company;
mod groups;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use self::groups::Groups;
use self::request::{Patient, Pending, Request, Unsettled};
use super::home::Home;
use crate::disk::DiskTrouble;
use crate::{StorageError, Wait};

/// Requests waiting at most; more callers wait to be let in.
const QUEUE: usize = 1024;

/// How long a read waits at most for what was to be written before it.
const SETTLE: Duration = Duration::from_secs(5);

/// How a request waits whose caller goes on.
pub(super) struct Soon {
    /// How long for others.
    pub(super) wait: Wait,
    /// None of an order is written before one that came earlier in it.
    pub(super) order: Option<Arc<str>>,
    /// Reads wait for what it writes.
    pub(super) is_read: bool,
}

/// Hands writes to the writer's task.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Request>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    disk: watch::Receiver<Option<Arc<DiskTrouble>>>,
    /// Requests whose callers went on, that are not answered yet.
    unsettled: Arc<AtomicUsize>,
}

impl Writer {
    /// A writer that never writes.
    pub(super) fn closed() -> Self {
        Self {
            queue: Mutex::new(None),
            task: Mutex::new(None),
            disk: watch::Sender::new(None).subscribe(),
            unsettled: Arc::default(),
        }
    }

    /// Starts the task that owns the writing connection.
    pub(super) fn start(connection: SqliteConnection, home: Home) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE);
        let disk = home.disk();
        let task = tokio::spawn(Groups::new(connection, home).run(requests));
        let (queue, task) = (Mutex::new(Some(queue)), Mutex::new(Some(task)));
        Self { queue, task, disk, unsettled: Arc::default() }
    }

    /// Why nothing can be written now.
    pub(super) fn disk(&self) -> watch::Receiver<Option<Arc<DiskTrouble>>> {
        self.disk.clone()
    }

    /// Runs `work` in a transaction that it may share with others; answers once that is on disk.
    /// Work that fails has its own changes rolled back, and only those. When another's met damage, it runs once more without.
    pub(super) async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>>
            + Clone
            + Send
            + 'static,
    {
        self.write_if(operation, || Ok(()), work).await
    }

    /// As [`Writer::write`], if `permission` is still given when the turn of the work has come.
    pub(super) async fn write_if<T, F>(
        &self,
        operation: &'static str,
        permission: impl Fn() -> Result<(), StorageError> + Send + 'static,
        work: F,
    ) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>>
            + Clone
            + Send
            + 'static,
    {
        let permission = Box::new(permission);
        let queue = self.queue.lock().await.clone().ok_or(StorageError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let request = Pending { operation, permission, work, result: None, reply };
        queue.send(Box::new(request)).await.map_err(|_| StorageError::Closed)?;
        drop(queue);
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Runs `work` in one of the next transactions, after all that was asked for before, if `permission` is given then;
    /// `done` hears of it once it is on disk. Answers as soon as it has its place in the queue. While nothing can be written
    /// it waits for that, so `work` may run more than once.
    pub(super) async fn write_soon<T, F>(
        &self,
        operation: &'static str,
        soon: Soon,
        permission: impl Fn() -> Result<(), StorageError> + Send + 'static,
        work: F,
        done: Box<dyn FnOnce(Result<T, StorageError>) + Send>,
    ) -> Result<(), StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnMut(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let permission = Box::new(permission);
        let Soon { wait, order, is_read } = soon;
        let unsettled = is_read.then(|| Unsettled::counted(&self.unsettled));
        let wait = wait.at_most();
        let queue = self.queue.lock().await.clone().ok_or(StorageError::Closed)?;
        let request =
            Patient { operation, wait, order, permission, work, result: None, done, unsettled, failures: 0 };
        queue.send(Box::new(request)).await.map_err(|_| StorageError::Closed)
    }

    /// Whether nobody's request waits whose caller went on.
    pub(super) fn is_settled(&self) -> bool {
        self.unsettled.load(Ordering::SeqCst) == 0
    }

    /// Waits for the requests whose callers went on before, a while. While nothing can be written it does not wait.
    pub(super) async fn settle(&self) {
        if self.is_settled() || self.disk.borrow().is_some() {
            return;
        }
        // What comes before it in the queue is written before it, or with it.
        let earlier = self.write("waiting for earlier writes", |_| Box::pin(async { Ok(()) }));
        let mut disk = self.disk();
        tokio::select! {
            _ = earlier => {}
            _ = disk.wait_for(Option::is_some) => {}
            () = tokio::time::sleep(SETTLE) => tracing::warn!("a read does not wait longer for earlier writes"),
        }
    }

    /// Finishes what is queued and closes the connection, which folds the WAL into the database.
    pub(super) async fn close(&self) {
        self.queue.lock().await.take();
        if let Some(task) = self.task.lock().await.take() {
            // It ends by itself once every sender is gone; a panic in it was logged by tokio.
            let _ = task.await;
        }
    }
}
