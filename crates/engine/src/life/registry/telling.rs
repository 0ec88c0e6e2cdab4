//! What receivers of events are told of the sessions themselves: steps of their incidents, and what was seen of them.

use std::sync::{Arc, Weak};

use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;
use wakeeper_model::SessionName;
use wakeeper_recovery::IncidentNews;
use wakeeper_storage::Change;
use wakeeper_waha::{EventName, IncidentEvent, Payload};

use super::{Sessions, Shared};
use crate::journal::Journal;
use crate::life::state::SessionState;

/// Tells of each step of each incident, as long as there are sessions.
pub(super) async fn tell_incidents(shared: Weak<Shared>, mut news: Receiver<IncidentNews>) {
    loop {
        let step = match news.recv().await {
            Ok(step) => step,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(
                    missed,
                    "webhooks do not hear of some steps of incidents: too many came at once"
                );
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        let Some(sessions) = shared.upgrade().map(|shared| Sessions { shared }) else { return };
        let Ok(name) = step.session.parse::<SessionName>() else { continue };
        // One that was deleted has no events any more.
        let handle = sessions.handles().get(&name).cloned();
        if let Some(handle) = handle {
            tell(&handle.outbound.journal, &name, EventName::SessionIncident, &event(step).into()).await;
        }
    }
}

/// Tells what was seen of one session, until it is gone.
pub(super) async fn tell_evidence(state: Arc<SessionState>, journal: Arc<Journal>, gone: CancellationToken) {
    loop {
        let sighting = tokio::select! {
            sighting = state.sightings().next() => sighting,
            () = gone.cancelled() => return,
        };
        tell(&journal, state.name(), EventName::SessionEvidence, &sighting.into()).await;
    }
}

async fn tell(journal: &Journal, session: &SessionName, event: EventName, payload: &Payload) {
    let Some(made) = journal.event(session, "", event, payload) else { return };
    if let Err(error) = journal.commit(vec![Change::Events(vec![made])]).await {
        tracing::warn!(%session, %event, %error, "it was not stored; webhooks do not hear of it");
    }
}

fn event(news: IncidentNews) -> IncidentEvent {
    IncidentEvent {
        incident: news.incident,
        kind: news.kind.word().to_owned(),
        state: news.state.to_owned(),
        outcome: news.outcome.map(str::to_owned),
        step: news.step.to_owned(),
        text: news.text,
        times: news.times,
    }
}
