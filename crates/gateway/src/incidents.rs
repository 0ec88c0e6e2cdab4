//! Incidents of the gateway's own sessions: kept, and told to whoever is to hear of them.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wakeeper_delivery::alerts::{AlertReceiver, AlertSender};
use wakeeper_model::Clock;
use wakeeper_recovery::IncidentKeeper;
use wakeeper_recovery::incidents::{IncidentFolder, IncidentSource};

/// How long a shutdown waits for alerts that are due; those that were not taken are sent after the next start.
const LAST_ALERTS: Duration = Duration::from_secs(2);

/// How incidents are kept.
pub struct IncidentConfig {
    /// Keeps what the engine and the backups tell its log.
    pub keeper: IncidentKeeper,
    /// Who hears of them.
    pub alert: Option<AlertReceiver>,
}

/// Incidents that are being kept.
pub(crate) struct Keeping {
    stop: CancellationToken,
    task: JoinHandle<Option<IncidentFolder>>,
    /// Sends alerts, once there is a place that they are kept in.
    sender: TaskTracker,
    stop_sender: CancellationToken,
}

impl Keeping {
    pub(crate) fn start(config: IncidentConfig, clock: Clock) -> Self {
        let (stop, stop_sender) = (CancellationToken::new(), CancellationToken::new());
        let sender = TaskTracker::new();
        let (tracked, until) = (sender.clone(), stop_sender.clone());
        let IncidentConfig { keeper, alert } = config;
        let opened = move |storage| {
            tracked.spawn(async move {
                let sender = AlertSender::new(storage, IncidentSource::Gateway, alert, clock);
                let sent = match sender {
                    Ok(sender) => sender.run(until).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = sent {
                    tracing::error!("alerts are no longer sent: {error}");
                }
            });
        };
        let task = tokio::spawn(keeper.run(opened, stop.clone()));
        Self { stop, task, sender, stop_sender }
    }

    /// Keeps what was told before, and sends its alerts.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        let Ok(Some(folder)) = self.task.await else { return };
        self.stop_sender.cancel();
        self.sender.close();
        let _ = tokio::time::timeout(LAST_ALERTS, self.sender.wait()).await;
        folder.storage.close().await;
    }
}
