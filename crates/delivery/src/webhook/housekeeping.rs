//! At the start and once a minute: deliveries nobody was told of, figures for `/metrics`, rows to forget.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use wakeeper_storage::{Retention, StorageError};

use super::dispatcher::{Dispatcher, Shared};

const EVERY: Duration = Duration::from_mins(1);
/// Rows of each sort forgotten in one transaction.
const PRUNE_STEP: u32 = 500;
/// Pages of the database given back in one transaction, 512 KB; of one that an earlier version made, 2 MB.
const ROOM_PAGES: u32 = 512;
/// Such transactions in one round: 64 MB a minute at most.
const ROOM_STEPS: u32 = 128;

/// How long finished rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Delivered events, and with them how far a live stream can resume.
    pub delivered: Duration,
    /// Dead letters.
    pub dead: Duration,
    /// Finished sends, and with them their idempotency keys.
    pub sends: Duration,
}

impl Default for RetentionSettings {
    /// A day, thirty days, seven days.
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self { delivered: DAY, dead: DAY * 30, sends: DAY * 7 }
    }
}

impl RetentionSettings {
    fn at(self, now_ms: i64) -> Retention {
        let before =
            |age: Duration| now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        Retention {
            delivered_before_ms: before(self.delivered),
            dead_before_ms: before(self.dead),
            sends_before_ms: before(self.sends),
            limit: PRUNE_STEP,
        }
    }
}

pub(super) async fn run(dispatcher: Dispatcher, shared: Arc<Shared>, retention: RetentionSettings) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shared.stop.cancelled() => return,
        }
        if let Err(error) = round(&dispatcher, &shared, retention).await {
            tracing::error!(%error, "webhook housekeeping failed");
        }
    }
}

async fn round(
    dispatcher: &Dispatcher,
    shared: &Shared,
    retention: RetentionSettings,
) -> Result<(), StorageError> {
    let lanes = shared.storage.pending_lanes().await?;
    let pending: HashSet<String> = lanes.iter().map(|lane| lane.key.subscription.clone()).collect();
    dispatcher.restore(lanes);
    shared.registry.forget_retired(&pending);
    shared.receivers.tidy();
    let counts = shared.storage.outbox_counts().await?;
    metrics::gauge!("wakeeper_webhook_pending").set(counts.pending as f64);
    metrics::gauge!("wakeeper_webhook_dead_letters").set(counts.dead as f64);
    while shared.storage.prune(retention.at(shared.clock.now_ms())).await?.more {
        if shared.stop.is_cancelled() {
            return Ok(());
        }
    }
    for _ in 0..ROOM_STEPS {
        if shared.stop.is_cancelled() || shared.storage.give_back_room(ROOM_PAGES).await? == 0 {
            break;
        }
    }
    Ok(())
}
