//! The one writer. Requests that arrive while a transaction is being synced are written together in
//! the next one, so that many callers share one disk sync; each is answered only after it.

use futures::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::StorageError;

/// Requests in one transaction at most: bounds how long the first of them waits.
const GROUP: usize = 256;

/// Requests waiting at most; more callers wait to be let in.
const QUEUE: usize = 1024;

/// A request in the queue, its result type hidden.
trait Request: Send {
    /// Runs the work and keeps its result; `false` when it failed.
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, bool>;

    /// Answers the caller: with what the work said when the transaction was committed, else with `failure`.
    fn answer(self: Box<Self>, failure: Option<StorageError>);
}

struct Pending<T, F> {
    operation: &'static str,
    work: Option<F>,
    result: Option<Result<T, StorageError>>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<T, F> Request for Pending<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
{
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, bool> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return false };
            let result = work(connection).await.map_err(StorageError::during(self.operation));
            let succeeded = result.is_ok();
            self.result = Some(result);
            succeeded
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
}

impl Writer {
    /// A writer that never writes.
    pub(super) fn closed() -> Self {
        Self { queue: Mutex::new(None), task: Mutex::new(None) }
    }

    /// Starts the task that owns the writing connection.
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE);
        let task = tokio::spawn(write_groups(connection, requests));
        Self { queue: Mutex::new(Some(queue)), task: Mutex::new(Some(task)) }
    }

    /// Runs `work` in a transaction that it may share with others; answers once that is on disk.
    /// Work that fails has its own changes rolled back, and only those.
    pub(super) async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let queue = self.queue.lock().await.clone().ok_or(StorageError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let request = Pending { operation, work: Some(work), result: None, reply };
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

async fn write_groups(mut connection: SqliteConnection, mut requests: mpsc::Receiver<Box<dyn Request>>) {
    let mut group = Vec::with_capacity(GROUP);
    while requests.recv_many(&mut group, GROUP).await > 0 {
        let outcome = write_group(&mut connection, &mut group).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, requests = group.len(), "a group of writes failed");
            // SQLite may have rolled back by itself already (disk full); then this fails harmlessly.
            let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
        }
        let failure = outcome.err();
        for request in group.drain(..) {
            request.answer(failure.clone());
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "closing the database failed");
    }
}

async fn write_group(
    connection: &mut SqliteConnection,
    group: &mut [Box<dyn Request>],
) -> Result<(), StorageError> {
    execute(connection, "BEGIN IMMEDIATE", "beginning a transaction").await?;
    for request in group.iter_mut() {
        execute(connection, "SAVEPOINT request", "setting a savepoint").await?;
        if !request.run(connection).await {
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
