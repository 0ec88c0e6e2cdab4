//! One lane's turn: its deliveries one after the other, each stored before the next begins.

use std::sync::Arc;

use wakeeper_storage::{AttemptRow, DeliveryRecord, LaneKey, OutboxItem, Verdict};

use super::delivery::{self, Attempted};
use super::dispatcher::{STORAGE_PAUSE, Shared};
use super::lanes::Ended;
use super::receivers::Receiver;
use super::retry;
use super::subscription::Subscription;
use crate::events::body;

/// Deliveries in one turn; then other lanes get theirs.
const LANE_BATCH: u32 = 32;
/// Bodies read at once.
const PAGE: u32 = 8;

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
}

impl Turn<'_> {
    /// Answers whether the lane is empty.
    async fn take(&mut self) -> bool {
        let mut done = 0;
        while done < LANE_BATCH {
            let items = match self.shared.storage.lane_items(self.lane, PAGE).await {
                Ok(items) => items,
                Err(error) => {
                    tracing::error!(%error, "cannot read webhook deliveries");
                    self.pause().await;
                    return false;
                }
            };
            if items.is_empty() {
                return true;
            }
            for item in items {
                if self.shared.stop.is_cancelled() || !self.deliver(item).await {
                    return false;
                }
                done += 1;
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
        let attempted = tokio::select! {
            attempted = delivery::attempt(
                &self.shared.client, &self.shared.policy, self.subscription, &event_id, body, started_ms,
            ) => attempted,
            () = self.shared.abort.cancelled() => return false,
        };
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
        let attempt = AttemptRow {
            number,
            started_ms,
            duration_ms: i64::try_from(attempted.duration.as_millis()).unwrap_or(i64::MAX),
            status: attempted.status,
            error: attempted.why(),
        };
        let record = DeliveryRecord { delivery: id, attempt: Some(attempt), verdict, now_ms };
        self.store(record).await && goes_on
    }

    /// Keeps at it while the storage fails: sending on without a record would repeat for nothing.
    async fn store(&self, record: DeliveryRecord) -> bool {
        while let Err(error) = self.shared.storage.record_delivery(record.clone()).await {
            tracing::error!(%error, "cannot store a webhook delivery's outcome");
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
            retry::Outcome::Failed { .. } => self.receiver.failed(),
            retry::Outcome::Delivered | retry::Outcome::Gone => self.receiver.succeeded(),
        }
    }
}
