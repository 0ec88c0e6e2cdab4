//! The tasks of one client: none outlives it.
//!
//! whatsapp-rust spawns tasks that hold the client and, with it, the engine's database. Some of them end only by
//! time: the one that shows QR codes holds it for up to 160 seconds after the client was told to leave. So every
//! client gets a runtime of its own that knows its tasks and ends them.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::runtime::{AbortHandle, Runtime};

type Task = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// What one client has running. Clones are the same set; dropping it ends nothing.
#[derive(Clone, Default)]
pub(crate) struct ClientTasks {
    running: TaskTracker,
    end: CancellationToken,
}

impl ClientTasks {
    /// Runs `task` until it is done or the client ends.
    pub(crate) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.running.spawn(async move {
            tokio::select! {
                biased;
                () = end.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Does `work` for a caller; `None` when the client ends before it is done.
    pub(crate) async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let work = async {
            tokio::select! {
                biased;
                () = self.end.cancelled() => None,
                done = work => Some(done),
            }
        };
        self.running.track_future(work).await
    }

    /// Lets the tasks finish by themselves for at most `grace`, then ends those that are left, and those that start
    /// later. When it returns, nothing of the client runs any more.
    pub(crate) async fn end(&self, grace: Duration) {
        self.running.close();
        let _ = tokio::time::timeout(grace, self.running.wait()).await;
        self.end.cancel();
        self.running.wait().await;
    }
}

#[async_trait]
impl Runtime for ClientTasks {
    fn spawn(&self, future: Task) -> AbortHandle {
        let one = self.end.child_token();
        let end = one.clone();
        self.running.spawn(async move {
            tokio::select! {
                biased;
                () = end.cancelled() => {}
                () = future => {}
            }
        });
        AbortHandle::new(move || one.cancel())
    }

    fn spawn_detached(&self, future: Task) {
        self.run(future);
    }

    fn sleep(&self, duration: Duration) -> Task {
        Box::pin(tokio::time::sleep(duration))
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) -> Task {
        // Work on a thread cannot be ended; it is short.
        Box::pin(async move {
            let _ = tokio::task::spawn_blocking(work).await;
        })
    }

    fn yield_now(&self) -> Option<Task> {
        // Many threads: other tasks do not wait for this one.
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_task_that_never_ends_lets_go_of_what_it_holds() {
        let tasks = ClientTasks::default();
        let held = Arc::new(());
        for detached in [true, false] {
            let held = Arc::clone(&held);
            let forever: Task = Box::pin(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
            if detached { tasks.spawn_detached(forever) } else { tasks.spawn(forever).detach() }
        }
        assert_eq!(Arc::strong_count(&held), 3);
        tasks.end(Duration::ZERO).await;
        assert_eq!(Arc::strong_count(&held), 1);

        let late = Arc::clone(&held);
        tasks.run(async move {
            std::future::pending::<()>().await;
            drop(late);
        });
        tasks.end(Duration::ZERO).await;
        assert_eq!(Arc::strong_count(&held), 1, "what starts after the end ends too");
    }

    #[tokio::test]
    async fn a_task_in_its_work_may_finish() {
        let tasks = ClientTasks::default();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (done, finished) = tokio::sync::oneshot::channel();
        tasks.run(async move {
            let _ = gone.await;
            let _ = done.send("finished");
        });
        let ((), _) = tokio::join!(tasks.end(Duration::from_mins(1)), async { go.send(()) });
        assert_eq!(finished.await, Ok("finished"));
    }

    #[tokio::test]
    async fn the_handle_of_a_task_ends_it_alone() {
        let tasks = ClientTasks::default();
        let held = Arc::new(());
        let forever = |held: Arc<()>| -> Task {
            Box::pin(async move {
                std::future::pending::<()>().await;
                drop(held);
            })
        };
        let first = tasks.spawn(forever(Arc::clone(&held)));
        tasks.spawn(forever(Arc::clone(&held))).detach();
        drop(first);
        while Arc::strong_count(&held) > 2 {
            tokio::task::yield_now().await;
        }
        assert!(!tasks.running.is_empty());
        tasks.end(Duration::ZERO).await;
        assert!(tasks.running.is_empty());
    }

    /// The release profile unwinds for this: one session's panic ends neither the others nor the way to its own new start.
    #[tokio::test]
    async fn a_panic_ends_its_own_task_and_no_other() {
        let (broken, sound) = (ClientTasks::default(), ClientTasks::default());
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (done, is_done) = tokio::sync::oneshot::channel();
        sound.run(async move {
            let _ = gone.await;
            let _ = done.send(());
        });
        broken.run(async { panic!("on purpose, of one session") });
        broken.end(Duration::from_mins(1)).await;
        drop(go);
        is_done.await.unwrap();
    }
}
