//! Takes due deliveries from the outbox: one task for each subscription that is owed something,
//! so that none waits for another's receiver.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{JoinMap, TaskTracker};
use wakeeper_model::Clock;
use wakeeper_storage::{Storage, StorageError};

use super::housekeeping::{self, RetentionSettings};
use super::lane;
use super::receivers::Receivers;
use super::registry::Registry;
use super::subscription::Subscription;
use crate::addresses::AddressPolicy;

/// Lanes of one subscription that are worked on at once.
const LANES: usize = 8;
/// Longest sleep before looking again, should the clock have been set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// Pause after the storage failed.
pub(super) const STORAGE_PAUSE: Duration = Duration::from_secs(1);

/// Starts and wakes the tasks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
}

/// What every task needs.
pub(super) struct Shared {
    pub storage: Arc<dyn Storage>,
    pub registry: Arc<Registry>,
    pub receivers: Receivers,
    pub client: Client,
    /// Where it may connect to.
    pub policy: AddressPolicy,
    pub clock: Clock,
    /// No new deliveries.
    pub stop: CancellationToken,
    /// Those on their way are cut off, too.
    pub abort: CancellationToken,
    tasks: TaskTracker,
    workers: Mutex<Workers>,
}

#[derive(Default)]
struct Workers {
    started: bool,
    by_key: HashMap<String, Arc<Signal>>,
}

/// Tells a worker that there may be something new.
#[derive(Default)]
struct Signal {
    notify: Notify,
    /// Set with every wake-up, so that a worker about to end notices.
    dirty: AtomicBool,
}

impl Dispatcher {
    pub fn new(
        storage: Arc<dyn Storage>,
        registry: Arc<Registry>,
        client: Client,
        policy: AddressPolicy,
        clock: Clock,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                storage,
                registry,
                receivers: Receivers::new(),
                client,
                policy,
                clock,
                stop: CancellationToken::new(),
                abort: CancellationToken::new(),
                tasks: TaskTracker::new(),
                workers: Mutex::default(),
            }),
        }
    }

    pub fn start(&self, retention: RetentionSettings) {
        let first = !std::mem::replace(&mut self.shared.workers().started, true);
        if first {
            self.shared.tasks.spawn(housekeeping::run(self.clone(), Arc::clone(&self.shared), retention));
        }
    }

    /// There may be something due for this subscription. Before the start nothing happens: the
    /// start looks at everything.
    pub fn wake(&self, key: &str) {
        let mut workers = self.shared.workers();
        if !workers.started || self.shared.stop.is_cancelled() {
            return;
        }
        if let Some(signal) = workers.by_key.get(key) {
            signal.dirty.store(true, Ordering::Relaxed);
            signal.notify.notify_one();
            return;
        }
        let signal = Arc::new(Signal::default());
        workers.by_key.insert(key.to_owned(), Arc::clone(&signal));
        let worker = Worker { shared: Arc::clone(&self.shared), key: key.to_owned(), signal };
        self.shared.tasks.spawn(worker.run());
    }

    pub async fn shutdown(&self, grace: Duration) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(grace, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!(
                "webhook deliveries still on their way are cut off and repeated after the next start"
            );
            self.shared.abort.cancel();
            self.shared.tasks.wait().await;
        }
    }
}

impl Shared {
    fn workers(&self) -> MutexGuard<'_, Workers> {
        // Nothing panics while it holds the lock, so a poisoned one is still whole.
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works for one subscription until nothing is owed to it.
struct Worker {
    shared: Arc<Shared>,
    key: String,
    signal: Arc<Signal>,
}

impl Worker {
    async fn run(self) {
        // By lane. Tasks of their own: merely polled here they would stand still whenever this worker
        // waits for the storage, while they hold the very connection that it waits for.
        let mut running = JoinMap::new();
        while !self.shared.stop.is_cancelled() {
            self.signal.dirty.store(false, Ordering::Relaxed);
            let sleep = match self.look(&running).await {
                Ok(found) => {
                    for lane in found.due {
                        let turn = lane::run(
                            Arc::clone(&self.shared),
                            Arc::clone(&found.subscription),
                            lane.clone(),
                        );
                        running.spawn(lane.id, turn);
                    }
                    found.sleep
                }
                Err(Nothing::Owed) if running.is_empty() => {
                    if self.ends() {
                        return;
                    }
                    continue;
                }
                Err(Nothing::Owed) => LONGEST_SLEEP,
                Err(Nothing::Readable(error)) => {
                    tracing::error!(subscription = self.key, %error, "cannot read due webhook deliveries");
                    STORAGE_PAUSE
                }
            };
            tokio::select! {
                Some((lane, ended)) = running.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(lane, %error, "a webhook delivery broke off and is taken up again");
                    }
                }
                () = self.signal.notify.notified() => {}
                () = tokio::time::sleep(sleep) => {}
                () = self.shared.stop.cancelled() => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// What can be taken up now, and how long to sleep if nothing happens.
    async fn look(&self, running: &JoinMap<i64, ()>) -> Result<Found, Nothing> {
        let shared = &self.shared;
        let now_ms = shared.clock.now_ms();
        let Some(subscription) = shared.registry.resolve(&self.key) else {
            abandon(shared, &self.key, now_ms).await?;
            return Err(Nothing::Owed);
        };
        let mut due = Vec::new();
        let free = LANES.saturating_sub(running.len());
        if free > 0 {
            // Lanes being worked on are still due in the rows: ask for so many that free ones show.
            let limit = u32::try_from(LANES + running.len()).unwrap_or(u32::MAX);
            due = shared.storage.due_lanes(&self.key, now_ms, limit).await?;
            due.retain(|lane| !running.contains_key(&lane.id));
            due.truncate(free);
        }
        let next_ms = shared.storage.next_due_ms(&self.key, now_ms).await?;
        if next_ms.is_none() && running.is_empty() && due.is_empty() {
            return Err(Nothing::Owed);
        }
        let sleep = next_ms.map_or(LONGEST_SLEEP, |next_ms| {
            Duration::from_millis(u64::try_from(next_ms - now_ms).unwrap_or_default()).min(LONGEST_SLEEP)
        });
        Ok(Found { subscription, due, sleep })
    }

    /// Takes this worker off the list, unless it was woken since it looked.
    fn ends(&self) -> bool {
        let mut workers = self.shared.workers();
        if self.signal.dirty.load(Ordering::Relaxed) {
            return false;
        }
        workers.by_key.remove(&self.key);
        true
    }
}

struct Found {
    subscription: Arc<Subscription>,
    due: Vec<wakeeper_storage::Lane>,
    sleep: Duration,
}

/// Why a look found nothing.
enum Nothing {
    Owed,
    Readable(StorageError),
}

impl From<StorageError> for Nothing {
    fn from(error: StorageError) -> Self {
        Self::Readable(error)
    }
}

async fn abandon(shared: &Shared, key: &str, now_ms: i64) -> Result<(), StorageError> {
    let reason = "the webhook was removed from the configuration";
    let abandoned = shared.storage.abandon_subscription(key, reason, now_ms).await?;
    if abandoned > 0 {
        tracing::warn!(subscription = key, abandoned, "webhook removed: what was owed to it is dead");
    }
    Ok(())
}
