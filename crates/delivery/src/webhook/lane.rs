//! One lane's turn: its deliveries one after the other. What became of them is stored together: at once when something else than
//! a success is to be stored, and otherwise with one of the next commits. Until then the rows say that they are owed, so it is
//! remembered here which are not.

use std::sync::Arc;

use tokio::time::Instant;
use wakeeper_storage::{AttemptRow, DeliveryRecord, LaneKey, OutboxItem, StorageError, Verdict};

use super::delivery::{self, Attempted};
use super::dispatcher::{STORAGE_PAUSE, Shared};
use super::failing;
use super::lanes::Ended;
use super::receivers::Receiver;
use super::recent::{DeliveryOutcome, RecentDelivery};
use super::retry;
use super::subscription::Subscription;
use crate::events::body;

/// Deliveries in one turn; then other lanes get theirs.
const LANE_BATCH: usize = 32;
/// Bodies read at once, with those that were delivered and are not stored yet. As many events at most are delivered again after a
/// crash, of each lane.
const PAGE: usize = 16;

/// Works on a lane until it is empty, must wait, or had its turn.
pub(super) async fn run(
    shared: Arc<Shared>,
    subscription: Arc<Subscription>,
    lane: LaneKey,
    gave_up: bool,
) -> Ended {
    let receiver = shared.receivers.receiver(&subscription.receiver());
    let room = tokio::select! {
        room = shared.receivers.room(&receiver) => room,
        () = shared.stop.cancelled() => {
            return Ended::GoesOn { next_attempt_ms: shared.clock.now_ms(), gave_up };
        }
    };
    let gauge = metrics::gauge!("wakeeper_webhook_in_flight");
    gauge.increment(1.0);
    let mut turn = Turn {
        shared: &shared,
        subscription: &subscription,
        receiver: &receiver,
        lane: &lane,
        gave_up,
        next_attempt_ms: shared.clock.now_ms(),
        outcomes: Vec::new(),
        store_by: None,
    };
    let empty = turn.take().await;
    let (next_attempt_ms, gave_up) = (turn.next_attempt_ms, turn.gave_up);
    gauge.decrement(1.0);
    drop(room);
    if empty { Ended::Empty } else { Ended::GoesOn { next_attempt_ms, gave_up } }
}

struct Turn<'a> {
    shared: &'a Shared,
    subscription: &'a Subscription,
    receiver: &'a Receiver,
    lane: &'a LaneKey,
    gave_up: bool,
    /// When the lane's next row may be tried.
    next_attempt_ms: i64,
    /// What is not stored yet.
    outcomes: Vec<DeliveryRecord>,
    store_by: Option<Instant>,
}

impl Turn<'_> {
    /// Answers whether the lane is empty.
    async fn take(&mut self) -> bool {
        let mut done = 0;
        while done < LANE_BATCH {
            let mut delivered = self.shared.delivered.of(self.lane);
            if delivered.len() >= PAGE {
                if !self.settle().await {
                    return false;
                }
                delivered = self.shared.delivered.of(self.lane);
            }
            // What is not stored yet counts, unless it never will be.
            let limit = if delivered.len() < PAGE { PAGE } else { PAGE + delivered.len() };
            let items = match self.shared.storage.lane_items(self.lane, limit as u32).await {
                Ok(items) => items,
                Err(error) => {
                    tracing::error!(%error, "cannot read webhook deliveries");
                    self.pause().await;
                    return false;
                }
            };
            // Whatever is added from here on is told to the lane's worker.
            let is_last = items.len() < limit;
            for item in items.into_iter().filter(|item| !delivered.contains(&item.id)) {
                let goes_on = !self.shared.stop.is_cancelled() && self.deliver(item).await;
                if !goes_on {
                    self.store().await;
                    return false;
                }
                done += 1;
            }
            // A whole page is all that may wait.
            let stored = if is_last { self.store_soon().await } else { self.store().await };
            if !stored {
                return false;
            }
            if is_last {
                return true;
            }
        }
        false
    }

    /// Answers whether the lane's next delivery may follow at once.
    async fn deliver(&mut self, item: OutboxItem) -> bool {
        let OutboxItem { id, event_id, name, timestamp_ms, rest, attempts, .. } = item;
        let body = body(&event_id, timestamp_ms, &name, &rest);
        let number = attempts.saturating_add(1);
        let started_ms = self.shared.clock.now_ms();
        let Some(attempted) = self.attempt(&event_id, body, started_ms).await else { return false };
        let now_ms = self.shared.clock.now_ms();
        let verdict = retry::verdict(
            &self.subscription.retries,
            number,
            self.gave_up,
            &attempted.outcome,
            now_ms,
            rand::random(),
        );
        self.report(&event_id, number, &attempted, &verdict);
        self.remember((event_id, name), number, started_ms, &attempted, &verdict);
        self.next_attempt_ms = match &verdict {
            Verdict::Delivered => {
                self.gave_up = false;
                now_ms
            }
            Verdict::Retry { next_attempt_ms } => *next_attempt_ms,
            Verdict::Dead { next_attempt_ms, exhausted, .. } => {
                self.gave_up |= *exhausted;
                *next_attempt_ms
            }
        };
        let goes_on = !matches!(verdict, Verdict::Retry { .. }) && self.next_attempt_ms <= now_ms;
        let is_success = verdict == Verdict::Delivered;
        let attempt = (!is_success).then(|| AttemptRow {
            number,
            started_ms,
            duration_ms: i64::try_from(attempted.duration.as_millis()).unwrap_or(i64::MAX),
            status: attempted.status,
            error: attempted.why(),
        });
        self.outcomes.push(DeliveryRecord { delivery: id, attempt, verdict, now_ms });
        self.store_by.get_or_insert_with(|| Instant::now() + self.shared.hold);
        (is_success || self.store().await) && goes_on
    }

    /// Sends an event once, and stores meanwhile what waited too long; nothing when it is cut off.
    async fn attempt(&mut self, event_id: &str, body: String, started_ms: i64) -> Option<Attempted> {
        let (shared, subscription) = (self.shared, self.subscription);
        let attempt =
            delivery::attempt(&shared.client, &shared.policy, subscription, event_id, body, started_ms);
        let mut attempt = std::pin::pin!(attempt);
        loop {
            let store_by = self.store_by;
            let held_too_long = async {
                match store_by {
                    Some(moment) => tokio::time::sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                attempted = &mut attempt => return Some(attempted),
                () = shared.abort.cancelled() => return None,
                () = held_too_long => {
                    self.store_soon().await;
                }
            }
        }
    }

    /// Has it stored soon that the deliveries so far were successes.
    async fn store_soon(&mut self) -> bool {
        if self.outcomes.iter().any(|outcome| outcome.verdict != Verdict::Delivered) {
            return self.store().await;
        }
        self.store_by = None;
        let outcomes = std::mem::take(&mut self.outcomes);
        if outcomes.is_empty() {
            return true;
        }
        let noted = self.shared.delivered.note(self.lane, outcomes.iter().map(|outcome| outcome.delivery));
        let done = Box::new(move |stored: Result<(), StorageError>| match stored {
            Ok(()) => drop(noted),
            // They are owed as far as the rows say; this process knows better.
            Err(error) => {
                tracing::error!(%error, "it cannot be stored which webhook deliveries arrived");
                noted.keep();
            }
        });
        match self.shared.storage.record_deliveries_soon(outcomes, done).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "it cannot be stored which webhook deliveries arrived");
                false
            }
        }
    }

    /// Waits until all is stored that is to be stored soon: a crash repeats no more than that.
    async fn settle(&mut self) -> bool {
        self.store_all(Vec::new()).await
    }

    /// Stores what became of the deliveries so far.
    async fn store(&mut self) -> bool {
        self.store_by = None;
        let outcomes = std::mem::take(&mut self.outcomes);
        outcomes.is_empty() || self.store_all(outcomes).await
    }

    /// Stores outcomes, and what came before them. Keeps at it while the storage fails: sending on without a record would repeat
    /// for nothing.
    async fn store_all(&mut self, outcomes: Vec<DeliveryRecord>) -> bool {
        while let Err(error) = self.shared.storage.record_deliveries(outcomes.clone()).await {
            tracing::error!(%error, "cannot store what became of webhook deliveries");
            if self.shared.stop.is_cancelled() {
                return false;
            }
            self.pause().await;
        }
        true
    }

    async fn pause(&self) {
        tokio::select! {
            () = tokio::time::sleep(STORAGE_PAUSE) => {}
            () = self.shared.stop.cancelled() => {}
        }
    }

    fn remember(
        &self,
        (event_id, event): (String, String),
        attempt: u32,
        started_ms: i64,
        attempted: &Attempted,
        verdict: &Verdict,
    ) {
        let outcome = match verdict {
            Verdict::Delivered => DeliveryOutcome::Delivered,
            Verdict::Retry { next_attempt_ms } => DeliveryOutcome::Retry(*next_attempt_ms),
            Verdict::Dead { .. } => DeliveryOutcome::Dead,
        };
        let subscription = self.subscription.key.clone();
        let delivery =
            RecentDelivery::of(attempted, outcome, started_ms, (event_id, event), subscription, attempt);
        self.shared.recent.add(&self.lane.session, delivery);
    }

    fn report(&self, event: &str, attempt: u32, attempted: &Attempted, verdict: &Verdict) {
        metrics::histogram!("wakeeper_webhook_attempt_seconds").record(attempted.duration.as_secs_f64());
        let subscription = self.subscription.key.as_str();
        let outcome = match verdict {
            Verdict::Delivered => "delivered",
            Verdict::Retry { .. } => {
                tracing::debug!(event, subscription, attempt, "webhook attempt failed, will try again");
                "retry"
            }
            Verdict::Dead { reason, .. } => {
                tracing::warn!(event, subscription, attempt, reason, "webhook delivery given up");
                "dead"
            }
        };
        metrics::counter!("wakeeper_webhook_attempts_total", "outcome" => outcome).increment(1);
        match &attempted.outcome {
            retry::Outcome::Failed { why, .. } => {
                self.receiver.failed();
                self.failed(why, verdict);
            }
            retry::Outcome::Delivered | retry::Outcome::Gone => {
                self.receiver.succeeded();
                if self.shared.failing.forget(&self.subscription.key) {
                    tracing::info!(subscription, "a webhook's receiver takes events again");
                }
            }
        }
    }

    /// A receiver that fails is told of from its first failure on, in the log once.
    fn failed(&self, why: &str, verdict: &Verdict) {
        let next_try_ms = match verdict {
            Verdict::Retry { next_attempt_ms } | Verdict::Dead { next_attempt_ms, .. } => {
                Some(*next_attempt_ms)
            }
            Verdict::Delivered => None,
        };
        let now_ms = self.shared.clock.now_ms();
        let Subscription { key, url, .. } = self.subscription;
        if self.shared.failing.note(key, url, why, next_try_ms, now_ms) {
            tracing::warn!(
                subscription = key.as_str(),
                receiver = failing::redacted(url),
                reason = why,
                "a webhook's receiver fails; its events are kept and tried again"
            );
        }
    }
}
