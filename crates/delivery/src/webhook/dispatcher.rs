//! Takes due deliveries from the outbox: one task for each subscription that is owed something,
//! so that none waits for another's receiver. Lanes are kept in memory; their rows tell of them at the start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::Notify;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{JoinMap, TaskTracker};
use wakeeper_model::Clock;
use wakeeper_storage::{Lane, LaneKey, Storage, StorageError};

use super::delivered::Delivered;
use super::failing::{Failing, FailingReceivers};
use super::housekeeping::{self, RetentionSettings};
use super::lane;
use super::lanes::{Due, Ended, LaneId, Lanes};
use super::receivers::Receivers;
use super::recent::Recent;
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
    /// What the last attempts came to.
    pub recent: Recent,
    /// Those that fail now.
    pub failing: FailingReceivers,
    pub client: Client,
    /// Where it may connect to.
    pub policy: AddressPolicy,
    pub clock: Clock,
    /// How long what was delivered may wait to be stored with others.
    pub hold: Duration,
    /// No new deliveries.
    pub stop: CancellationToken,
    /// Those on their way are cut off, too.
    pub abort: CancellationToken,
    /// What the rows do not know yet.
    pub delivered: Arc<Delivered>,
    tasks: TaskTracker,
    workers: Mutex<Workers>,
}

#[derive(Default)]
struct Workers {
    started: bool,
    by_key: HashMap<String, Arc<Queue>>,
}

/// What is owed to one subscription, and how its worker is told.
#[derive(Default)]
struct Queue {
    lanes: Mutex<Lanes>,
    notify: Notify,
}

impl Queue {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        // Nothing panics while it holds the lock, so a poisoned one is still whole.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dispatcher {
    pub fn new(
        storage: Arc<dyn Storage>,
        registry: Arc<Registry>,
        client: Client,
        policy: AddressPolicy,
        clock: Clock,
        hold: Duration,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                storage,
                registry,
                receivers: Receivers::new(),
                recent: Recent::default(),
                failing: FailingReceivers::default(),
                client,
                policy,
                clock,
                hold,
                stop: CancellationToken::new(),
                abort: CancellationToken::new(),
                delivered: Arc::default(),
                tasks: TaskTracker::new(),
                workers: Mutex::default(),
            }),
        }
    }

    /// What tests of webhooks and their last deliveries are read and sent with.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Forgets what was delivered for a deleted session.
    pub fn forget(&self, session: &str) {
        self.shared.recent.forget(session);
    }

    pub fn start(&self, retention: RetentionSettings) {
        let first = !std::mem::replace(&mut self.shared.workers().started, true);
        if first {
            self.shared.tasks.spawn(housekeeping::run(self.clone(), Arc::clone(&self.shared), retention));
        }
    }

    /// Rows were added to these lanes. Before the start nothing happens: the start looks at everything.
    pub fn owed(&self, lanes: &[LaneKey]) {
        let now_ms = self.shared.clock.now_ms();
        for lane in lanes {
            self.change(&lane.subscription, |known| known.tell(lane.clone(), now_ms));
        }
    }

    /// What was given up in these lanes is owed again.
    pub fn replayed(&self, lanes: Vec<LaneKey>) {
        let now_ms = self.shared.clock.now_ms();
        for lane in lanes {
            let subscription = lane.subscription.clone();
            self.change(&subscription, |known| known.hasten(lane, now_ms));
        }
    }

    /// Lanes as their rows tell of them: those of an earlier run, and those whose committer was cut off before it told.
    pub fn restore(&self, lanes: Vec<Lane>) {
        for lane in lanes {
            let subscription = lane.key.subscription.clone();
            self.change(&subscription, |known| known.restore(lane));
        }
    }

    /// Changes a subscription's lanes and tells its worker, which is started when there is none.
    fn change(&self, subscription: &str, change: impl FnOnce(&mut Lanes)) {
        let mut workers = self.shared.workers();
        if !workers.started || self.shared.stop.is_cancelled() {
            return;
        }
        if let Some(queue) = workers.by_key.get(subscription) {
            change(&mut queue.lanes());
            queue.notify.notify_one();
            return;
        }
        let queue = Arc::new(Queue::default());
        change(&mut queue.lanes());
        workers.by_key.insert(subscription.to_owned(), Arc::clone(&queue));
        let worker = Worker { shared: Arc::clone(&self.shared), key: subscription.to_owned(), queue };
        self.shared.tasks.spawn(worker.run());
    }

    /// Receivers that fail now; of a session, those that hear of its events.
    pub fn failing(&self, session: Option<&str>) -> Vec<Failing> {
        let registry = &self.shared.registry;
        let keys = session.map(|session| registry.keys_of(session));
        self.shared
            .failing
            .all(|key| registry.resolve(key).is_some() && keys.as_ref().is_none_or(|keys| keys.contains(key)))
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
        // Behind what is to be stored soon.
        if let Err(error) = self.shared.storage.record_deliveries(Vec::new()).await {
            tracing::warn!(%error, "webhook deliveries that arrived may be repeated after the next start");
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
    queue: Arc<Queue>,
}

impl Worker {
    async fn run(self) {
        // Tasks of their own: merely polled here they would stand still whenever this worker
        // waits for the storage, while they hold the very connection that it waits for.
        let mut running = JoinMap::new();
        while !self.shared.stop.is_cancelled() {
            let sleep = match self.look(running.len()).await {
                Ok(found) => {
                    for Due { id, key, gave_up } in found.due {
                        let subscription = Arc::clone(&found.subscription);
                        running.spawn(id, lane::run(Arc::clone(&self.shared), subscription, key, gave_up));
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
                Err(Nothing::Stored(error)) => {
                    tracing::error!(subscription = self.key, %error, "cannot end what is owed to a webhook");
                    STORAGE_PAUSE
                }
            };
            tokio::select! {
                Some((lane, ended)) = running.join_next() => self.ended(lane, ended),
                () = self.queue.notify.notified() => {}
                () = tokio::time::sleep(sleep) => {}
                () = self.shared.stop.cancelled() => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// What can be taken up now beside so many lanes, and how long to sleep if nothing happens.
    async fn look(&self, running: usize) -> Result<Found, Nothing> {
        let now_ms = self.shared.clock.now_ms();
        let Some(subscription) = self.shared.registry.resolve(&self.key) else {
            // Before, so that what is told meanwhile, to the same address set again, is looked for.
            self.queue.lanes().forget_waiting();
            abandon(&self.shared, &self.key, now_ms).await?;
            return Err(Nothing::Owed);
        };
        let mut lanes = self.queue.lanes();
        let due = lanes.take_due(now_ms, LANES.saturating_sub(running));
        if lanes.is_empty() {
            return Err(Nothing::Owed);
        }
        // One that is due already waits for a lane that is worked on.
        let sleep =
            lanes.next_due_ms().filter(|next_ms| *next_ms > now_ms).map_or(LONGEST_SLEEP, |next_ms| {
                Duration::from_millis(u64::try_from(next_ms - now_ms).unwrap_or_default()).min(LONGEST_SLEEP)
            });
        Ok(Found { subscription, due, sleep })
    }

    fn ended(&self, lane: LaneId, ended: Result<Ended, JoinError>) {
        let now_ms = self.shared.clock.now_ms();
        let how = ended.unwrap_or_else(|error| {
            tracing::error!(lane, %error, "a webhook delivery broke off and is taken up again");
            let pause_ms = i64::try_from(STORAGE_PAUSE.as_millis()).unwrap_or_default();
            Ended::GoesOn { next_attempt_ms: now_ms + pause_ms, gave_up: false }
        });
        self.queue.lanes().ended(lane, &how, now_ms);
    }

    /// Takes this worker off the list, unless something was added since it looked.
    fn ends(&self) -> bool {
        let mut workers = self.shared.workers();
        if !self.queue.lanes().is_empty() {
            return false;
        }
        workers.by_key.remove(&self.key);
        true
    }
}

struct Found {
    subscription: Arc<Subscription>,
    due: Vec<Due>,
    sleep: Duration,
}

/// Why a look found nothing.
enum Nothing {
    Owed,
    Stored(StorageError),
}

impl From<StorageError> for Nothing {
    fn from(error: StorageError) -> Self {
        Self::Stored(error)
    }
}

async fn abandon(shared: &Shared, key: &str, now_ms: i64) -> Result<(), StorageError> {
    let reason = "the webhook was removed from the configuration";
    shared.failing.forget(key);
    let abandoned = shared.storage.abandon_subscription(key, reason, now_ms).await?;
    if abandoned > 0 {
        tracing::warn!(subscription = key, abandoned, "webhook removed: what was owed to it is dead");
    }
    Ok(())
}
