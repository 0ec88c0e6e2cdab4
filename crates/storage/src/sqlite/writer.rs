//! The one writer. Requests that arrive while a transaction is being synced are written together in
//! the next one, so that many callers share one disk sync; each is answered only after it.
//!
//! A request whose caller went on waits a moment for others, and joins the first of them. Who reads what it writes waits for
//! it: see [`Writer::settle`].
//!
//! When the disk fails a group, all requests in it fail, the connection is thrown away, and later requests are refused
//! until a write succeeds on a new one: see [`Home`]. Those whose callers went on are kept, and come first then.

mod request;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::request::{Patient, Pending, Request, Unsettled};
use super::home::Home;
use crate::StorageError;
use crate::disk::DiskTrouble;

/// Requests in one transaction at most: bounds how long the first of them waits.
const GROUP: usize = 256;

/// Requests waiting at most; more callers wait to be let in.
const QUEUE: usize = 1024;

/// How long a request whose caller went on waits for others.
const WINDOW: Duration = Duration::from_millis(25);

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
        let task = tokio::spawn(write_groups(connection, home, requests));
        let (queue, task) = (Mutex::new(Some(queue)), Mutex::new(Some(task)));
        Self { queue, task, disk, unsettled: Arc::default() }
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

    /// Runs `work` in one of the next transactions, after all that was asked for before, if `permission` is given then;
    /// `done` hears of it once it is on disk. Answers as soon as it has its place in the queue. While nothing can be written
    /// it waits for that, so `work` may run more than once.
    pub(super) async fn write_soon<T, F>(
        &self,
        operation: &'static str,
        permission: impl Fn() -> Result<(), StorageError> + Send + 'static,
        work: F,
        done: Box<dyn FnOnce(Result<T, StorageError>) + Send>,
    ) -> Result<(), StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnMut(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let permission = Box::new(permission);
        let unsettled = Unsettled::counted(&self.unsettled);
        let queue = self.queue.lock().await.clone().ok_or(StorageError::Closed)?;
        let request = Patient { operation, permission, work, result: None, done, unsettled };
        queue.send(Box::new(request)).await.map_err(|_| StorageError::Closed)
    }

    /// Whether nobody's request waits whose caller went on.
    pub(super) fn is_settled(&self) -> bool {
        self.unsettled.load(Ordering::SeqCst) == 0
    }

    /// Waits for the requests whose callers went on before. While nothing can be written it does not wait.
    pub(super) async fn settle(&self) {
        if !self.is_settled() {
            // What comes before it in the queue is written before it, or with it.
            let _ = self.write("waiting for earlier writes", |_| Box::pin(async { Ok(()) })).await;
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
    // When requests are written that wait for others.
    let mut due = None;
    loop {
        let open = tokio::select! {
            biased;
            count = requests.recv_many(&mut group, GROUP) => count > 0,
            () = tokio::time::sleep_until(due.unwrap_or(next)), if due.is_some() => true,
            () = tokio::time::sleep_until(next) => {
                next = look(&mut connection, &mut home).await;
                if due.is_none() && !group.is_empty() && home.trouble().is_none() {
                    due = Some(Instant::now());
                }
                continue;
            }
        };
        let can_wait = group.len() < GROUP && group.iter().all(|request| request.is_patient());
        if open && can_wait && due.is_none_or(|due| Instant::now() < due) {
            due.get_or_insert_with(|| Instant::now() + WINDOW);
            continue;
        }
        due = None;
        if !group.is_empty() {
            next = serve(&mut connection, &mut home, &mut group, next).await;
        }
        if !open {
            group.drain(..).for_each(|request| request.answer(Some(StorageError::Closed)));
            break;
        }
    }
    if let Some(connection) = connection
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "closing the database failed");
    }
}

/// Writes a group, or refuses it while nothing can be written: what waits for that stays in it. Answers when to look at the
/// file next.
async fn serve(
    connection: &mut Option<SqliteConnection>,
    home: &mut Home,
    group: &mut Vec<Box<dyn Request>>,
    next: Instant,
) -> Instant {
    if home.trouble().is_some() {
        refuse(group, home);
        return next;
    }
    // Before anything is acknowledged because of this write: it must not go to a file that nobody will find.
    if let Err(trouble) = home.check() {
        let next = home.failed(trouble);
        refuse(group, home);
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
    refuse(group, home);
    next
}

/// Answers those who wait for an answer. The others wait for the disk.
fn refuse(group: &mut Vec<Box<dyn Request>>, home: &Home) {
    let failure = home.trouble().map(|trouble| StorageError::Disk { trouble });
    for request in group.extract_if(.., |request| !request.is_patient()) {
        request.answer(failure.clone());
    }
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
