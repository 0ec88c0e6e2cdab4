//! Brings the engine's events to whoever cares for the container.

use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc;
use wakeeper_model::Backoff;
use wakeeper_recovery::Observation;

use crate::docker::container::HealthState;
use crate::docker::events::EventRequest;
use crate::docker::{ContainerEvent, Engine, EventKind};

/// Waits between tries while the engine does not answer.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));

/// Brings events for ever, also over restarts of the engine. Each comes once; none is lost that the engine remembers.
pub async fn bring(engine: Engine, since_ns: i64, to: mpsc::Sender<ContainerEvent>) {
    let mut last_ns = since_ns;
    let mut failures = 0;
    loop {
        let request = EventRequest { container: None, since_ns: Some(last_ns.saturating_add(1)) };
        let mut events = std::pin::pin!(engine.events(&request));
        while let Some(Ok(event)) = events.next().await {
            failures = 0;
            last_ns = last_ns.max(event.at_ns);
            if to.send(event).await.is_err() {
                return;
            }
        }
        let wait = BACKOFF.wait(failures);
        if failures == 0 {
            tracing::warn!("the engine tells no more events; asking again");
        }
        failures += 1;
        tokio::time::sleep(wait).await;
    }
}

/// What an event means to a caretaker.
pub fn observation(event: &ContainerEvent) -> Option<Observation> {
    let at_ms = event.at_ns / 1_000_000;
    Some(match event.kind {
        EventKind::Start => Observation::Started { at_ms },
        EventKind::Die { code } => Observation::Ended { at_ms, code, out_of_memory: false },
        EventKind::OutOfMemory => Observation::Ended { at_ms, code: None, out_of_memory: true },
        EventKind::Health(HealthState::Healthy) => Observation::Health { at_ms, well: true },
        EventKind::Health(HealthState::Unhealthy) => Observation::Health { at_ms, well: false },
        EventKind::Health(HealthState::Starting) | EventKind::Destroy => return None,
    })
}
