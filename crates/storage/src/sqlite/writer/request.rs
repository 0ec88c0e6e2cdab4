//! A request in the writer's queue, its result type hidden.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use crate::StorageError;

/// A request in the queue.
pub(super) trait Request: Send {
    /// How long it waits for others, when nobody waits for its answer. It waits for room on the disk, too.
    fn patience(&self) -> Option<Duration>;

    /// Whether nobody waits for its answer.
    fn is_patient(&self) -> bool {
        self.patience().is_some()
    }

    /// The order that it is part of, if any: it is not written before those that came earlier in it.
    fn order(&self) -> Option<&Arc<str>>;

    /// Runs the work, once more if need be, and keeps its result; `false` when it failed by itself, an error when the disk did: then
    /// nothing of the transaction can be trusted.
    fn run<'c>(
        &'c mut self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<bool, StorageError>>;

    /// Its group failed, and it is kept; answers how often so far.
    fn failed(&mut self) -> u32;

    /// Answers the caller: with what the work said when the transaction was committed, else with `failure`.
    fn answer(self: Box<Self>, failure: Option<StorageError>);
}

/// Says, when a request's turn has come, whether its caller may still write.
pub(super) type Permission = Box<dyn Fn() -> Result<(), StorageError> + Send>;

/// One whose caller waits for its answer.
pub(super) struct Pending<T, F> {
    pub(super) operation: &'static str,
    pub(super) permission: Permission,
    pub(super) work: F,
    pub(super) result: Option<Result<T, StorageError>>,
    pub(super) reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<T, F> Request for Pending<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Clone + Send,
{
    fn patience(&self) -> Option<Duration> {
        None
    }

    fn order(&self) -> Option<&Arc<str>> {
        // Its caller hears that it failed, and decides what comes after it.
        None
    }

    fn run<'c>(
        &'c mut self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<bool, StorageError>> {
        Box::pin(async move {
            if let Err(refused) = (self.permission)() {
                self.result = Some(Err(refused));
                return Ok(false);
            }
            let work = self.work.clone();
            let result = guarded(self.operation, async { work(connection).await }).await;
            keep(&mut self.result, result)
        })
    }

    fn failed(&mut self) -> u32 {
        // Its caller hears of it, so it is not kept.
        1
    }

    fn answer(self: Box<Self>, failure: Option<StorageError>) {
        // A caller that went away does not want to know.
        let _ = self.reply.send(told(self.result, failure));
    }
}

/// One whose caller went on. It is tried again until the disk takes it.
pub(super) struct Patient<T, F> {
    pub(super) operation: &'static str,
    pub(super) wait: Duration,
    pub(super) order: Option<Arc<str>>,
    pub(super) permission: Permission,
    pub(super) work: F,
    pub(super) result: Option<Result<T, StorageError>>,
    pub(super) done: Box<dyn FnOnce(Result<T, StorageError>) + Send>,
    /// Nothing when no read waits for it.
    pub(super) unsettled: Option<Unsettled>,
    /// How many groups failed that it was in.
    pub(super) failures: u32,
}

impl<T, F> Request for Patient<T, F>
where
    T: Send,
    F: for<'c> FnMut(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
{
    fn patience(&self) -> Option<Duration> {
        Some(self.wait)
    }

    fn order(&self) -> Option<&Arc<str>> {
        self.order.as_ref()
    }

    fn run<'c>(
        &'c mut self,
        connection: &'c mut SqliteConnection,
    ) -> BoxFuture<'c, Result<bool, StorageError>> {
        Box::pin(async move {
            if let Err(refused) = (self.permission)() {
                self.result = Some(Err(refused));
                return Ok(false);
            }
            let work = &mut self.work;
            let result = guarded(self.operation, async { work(connection).await }).await;
            keep(&mut self.result, result)
        })
    }

    fn failed(&mut self) -> u32 {
        self.failures += 1;
        self.failures
    }

    fn answer(self: Box<Self>, failure: Option<StorageError>) {
        let Self { result, done, unsettled, .. } = *self;
        drop(unsettled);
        done(told(result, failure));
    }
}

/// Runs what a caller gave. A panic in it is a failure of its own.
async fn guarded<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, sqlx::Error>> + Send,
) -> Result<T, StorageError> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result.map_err(StorageError::during(operation)),
        Err(_) => Err(StorageError::Panicked { operation }),
    }
}

fn keep<T>(
    kept: &mut Option<Result<T, StorageError>>,
    result: Result<T, StorageError>,
) -> Result<bool, StorageError> {
    if let Err(error) = &result
        && error.disk_cause().is_some()
    {
        return Err(error.clone());
    }
    let succeeded = result.is_ok();
    *kept = Some(result);
    Ok(succeeded)
}

fn told<T>(
    result: Option<Result<T, StorageError>>,
    failure: Option<StorageError>,
) -> Result<T, StorageError> {
    match (result, failure) {
        (Some(Err(own)), _) => Err(own),
        (_, Some(failure)) => Err(failure),
        (Some(Ok(value)), None) => Ok(value),
        (None, None) => Err(StorageError::Closed),
    }
}

/// Counts a request whose caller went on, until it is answered.
pub(super) struct Unsettled(Arc<AtomicUsize>);

impl Unsettled {
    pub(super) fn counted(by: &Arc<AtomicUsize>) -> Self {
        by.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(by))
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
