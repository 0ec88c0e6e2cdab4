//! The one writer. Requests that arrive while a transaction is being synced are written together in
//! the next one, so that many callers share one disk sync; each is answered only after it.
//!
//! When the disk fails a group, all requests in it fail, the connection is thrown away, and later requests are refused
//! until a write succeeds on a new one: see [`Home`].

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::home::Home;
use crate::StorageError;
use crate::disk::DiskTrouble;

/// Requests in one transaction at most: bounds how long the first of them waits.
const GROUP: usize = 256;

/// Requests waiting at most; more callers wait to be let in.
const QUEUE: usize = 1024;

/// A request in the queue, its result type hidden.
trait Request: Send {
    /// Runs the work and keeps its result; `false` when it failed by itself, an error when the disk did: then
    /// nothing of the transaction can be trusted.
    fn run<'c>(
        &'c mut self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<bool, StorageError>>;

    /// Answers the caller: with what the work said when the transaction was committed, else with `failure`.
    fn answer(self: Box<Self>, failure: Option<StorageError>);
}

/// Says, when a request's turn has come, whether its caller may still write.
type Permission = Box<dyn Fn() -> Result<(), StorageError> + Send>;

struct Pending<T, F> {
    operation: &'static str,
    permission: Permission,
    work: Option<F>,
    result: Option<Result<T, StorageError>>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<T, F> Request for Pending<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
{
    fn run<'c>(
        &'c mut self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<bool, StorageError>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Ok(false) };
            if let Err(refused) = (self.permission)() {
                self.result = Some(Err(refused));
                return Ok(false);
            }
            let result = work(connection).await.map_err(StorageError::during(self.operation));
            if let Err(error) = &result
                && error.disk_cause().is_some()
            {
                return Err(error.clone());
            }
            let succeeded = result.is_ok();
            self.result = Some(result);
            Ok(succeeded)
        })
    }

    fn answer(self: Box<Self>, failure: Option<StorageError>) {
        let answer = match (self.result, failure) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(failure)) => Err(failure),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(StorageError::Closed),
        };
        // A caller that went away does not want to know.
        let _ = self.reply.send(answer);
    }
}

/// Hands writes to the writer's task.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Request>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    disk: watch::Receiver<Option<Arc<DiskTrouble>>>,
}

impl Writer {
    /// A writer that never writes.
    pub(super) fn closed() -> Self {
        Self { queue: Mutex::new(None), task: Mutex::new(None), disk: watch::Sender::new(None).subscribe() }
    }

    /// Starts the task that owns the writing connection.
    pub(super) fn start(connection: SqliteConnection, home: Home) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE);
        let disk = home.disk();
        let task = tokio::spawn(write_groups(connection, home, requests));
        Self { queue: Mutex::new(Some(queue)), task: Mutex::new(Some(task)), disk }
    }

    /// Why nothing can be written now.
    pub(super) fn disk(&self) -> watch::Receiver<Option<Arc<DiskTrouble>>> {
        self.disk.clone()
    }

    /// Runs `work` in a transaction that it may share with others; answers once that is on disk.
    /// Work that fails has its own changes rolled back, and only those.
    pub(super) async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
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
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let permission = Box::new(permission);
        let queue = self.queue.lock().await.clone().ok_or(StorageError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let request = Pending { operation, permission, work: Some(work), result: None, reply };
        queue.send(Box::new(request)).await.map_err(|_| StorageError::Closed)?;
        drop(queue);
        answer.await.map_err(|_| StorageError::Closed)?
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

/// How often an idle writer looks whether its file is still there.
const LOOK: Duration = Duration::from_secs(1);

async fn write_groups(
    connection: SqliteConnection,
    mut home: Home,
    mut requests: mpsc::Receiver<Box<dyn Request>>,
) {
    let mut connection = Some(connection);
    let mut group = Vec::with_capacity(GROUP);
    let mut next = Instant::now() + LOOK;
    loop {
        tokio::select! {
            biased;
            count = requests.recv_many(&mut group, GROUP) => match count {
                0 => break,
                _ => next = serve(&mut connection, &mut home, &mut group, next).await,
            },
            () = tokio::time::sleep_until(next) => next = look(&mut connection, &mut home).await,
        }
    }
    if let Some(connection) = connection
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "closing the database failed");
    }
}

/// Writes a group, or refuses it while nothing can be written. Answers when to look at the file next.
async fn serve(
    connection: &mut Option<SqliteConnection>,
    home: &mut Home,
    group: &mut Vec<Box<dyn Request>>,
    next: Instant,
) -> Instant {
    if let Some(trouble) = home.trouble() {
        answer(group, Some(StorageError::Disk { trouble }));
        return next;
    }
    // Before anything is acknowledged because of this write: it must not go to a file that nobody will find.
    if let Err(trouble) = home.check() {
        let next = home.failed(trouble);
        answer(group, home.trouble().map(|trouble| StorageError::Disk { trouble }));
        return next;
    }
    let outcome = match connection.as_mut() {
        Some(open) => write_group(open, group).await,
        None => Err(StorageError::Closed),
    };
    let Err(error) = outcome else {
        answer(group, None);
        return next;
    };
    tracing::error!(%error, requests = group.len(), "a group of writes failed");
    let Some(trouble) = home.diagnose(&error) else {
        if let Some(open) = connection.as_mut() {
            // SQLite may have rolled back by itself already; then this fails harmlessly.
            let _ = sqlx::query("ROLLBACK").execute(open).await;
        }
        answer(group, Some(error));
        return next;
    };
    let next = home.failed(trouble);
    if let Some(failed) = connection.take() {
        home.give_up(failed).await;
    }
    answer(group, home.trouble().map(|trouble| StorageError::Disk { trouble }));
    next
}

/// Looks whether the file is still there and, when nothing could be written, whether it can be now.
async fn look(connection: &mut Option<SqliteConnection>, home: &mut Home) -> Instant {
    if home.trouble().is_none() {
        return match home.check().and_then(|()| home.check_log()) {
            Ok(()) => Instant::now() + LOOK,
            Err(trouble) => home.failed(trouble),
        };
    }
    match home.reopen(connection.take()).await {
        Ok(opened) => {
            *connection = Some(opened);
            Instant::now() + LOOK
        }
        Err((trouble, kept)) => {
            *connection = kept;
            home.failed(trouble)
        }
    }
}

fn answer(group: &mut Vec<Box<dyn Request>>, failure: Option<StorageError>) {
    for request in group.drain(..) {
        request.answer(failure.clone());
    }
}

async fn write_group(
    connection: &mut SqliteConnection,
    group: &mut [Box<dyn Request>],
) -> Result<(), StorageError> {
    execute(connection, "BEGIN IMMEDIATE", "beginning a transaction").await?;
    for request in group.iter_mut() {
        execute(connection, "SAVEPOINT request", "setting a savepoint").await?;
        if !request.run(connection).await? {
            execute(connection, "ROLLBACK TO request", "rolling back to a savepoint").await?;
        }
        execute(connection, "RELEASE request", "releasing a savepoint").await?;
    }
    execute(connection, "COMMIT", "committing a transaction").await
}

async fn execute(
    connection: &mut SqliteConnection,
    sql: &'static str,
    operation: &'static str,
) -> Result<(), StorageError> {
    sqlx::query(sql).execute(connection).await.map(drop).map_err(StorageError::during(operation))
}
