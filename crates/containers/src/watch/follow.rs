//! Brings a container's log to its caretaker, and remembers how far it was read.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wakeeper_doctor::symptoms::{Scanner, Symptom};
use wakeeper_recovery::Observation;

use super::{Reading, WatchError};
use crate::docker::follow::Followed;
use crate::docker::{Engine, EngineError, LogFollower, LogPosition, LogRequest};
use crate::session::symptoms_of;

/// How often it is stored how far a log was read.
const STORE_EVERY: Duration = Duration::from_secs(5);

/// Follows the log of a container until it is removed, or the monitor stops.
///
/// What was read is read again as far back as failures count: they are counted in memory, and nothing that was seen
/// before a restart of the monitor is forgotten by it. The policy ignores what lies before its last cure.
pub async fn follow(
    engine: Engine,
    name: &str,
    reading: &Reading,
    to: mpsc::Sender<Observation>,
    stop: CancellationToken,
) -> Result<(), WatchError> {
    let source = format!("container:{name}");
    let now_ns = reading.clock.now_ms().saturating_mul(1_000_000);
    let known = reading.storage.checkpoint(&source).await?;
    let known: Option<LogPosition> = known.and_then(|text| serde_json::from_str(&text).ok());
    let span = i64::try_from(reading.span.as_nanos()).unwrap_or(i64::MAX);
    let since_ns = known.as_ref().map_or(now_ns, |position| position.at_ns).saturating_sub(span);
    let request = LogRequest { since_ns: Some(since_ns), tail: None, follow: true };
    let mut follower = LogFollower::new(engine, name, &request);
    let mut scanner = Scanner::at(Some(reading.clock.now_ms()));
    let mut store = tokio::time::interval(STORE_EVERY);
    let mut stored = known;
    let mut told_unreadable = false;
    let ended = loop {
        tokio::select! {
            () = stop.cancelled() => break Ok(()),
            _ = store.tick() => remember(reading, &source, follower.position(), &mut stored).await,
            followed = follower.next() => match followed {
                Ok(Followed::Line(line)) => {
                    if !hand_over(symptoms_of(&mut scanner, &line), None, &to).await {
                        break Ok(());
                    }
                }
                Ok(Followed::Detached { trouble }) => {
                    tracing::debug!(container = name, trouble, "the log ended for now");
                }
                Ok(Followed::Unreadable { why }) => {
                    if !std::mem::replace(&mut told_unreadable, true) {
                        tracing::error!(container = name, "{why}. Meanwhile only its files and its stops are watched");
                    }
                }
                Ok(Followed::Attached { replaced }) => {
                    told_unreadable &= !replaced;
                    tracing::debug!(container = name, replaced, "the log is followed");
                }
                Err(EngineError::NoSuchContainer { .. }) => {
                    tracing::info!(container = name, "it was removed, and is no longer watched");
                    break Ok(());
                }
                Err(error) => break Err(error.into()),
            },
        }
    };
    hand_over(scanner.finish(), None, &to).await;
    remember(reading, &source, follower.position(), &mut stored).await;
    ended
}

/// Hands symptoms over; false when nobody takes them any more.
pub async fn hand_over(symptoms: Vec<Symptom>, at_ms: Option<i64>, to: &mpsc::Sender<Observation>) -> bool {
    for symptom in symptoms {
        let symptom = Symptom { at_ms: symptom.at_ms.or(at_ms), ..symptom };
        if to.send(Observation::Symptom(symptom)).await.is_err() {
            return false;
        }
    }
    true
}

async fn remember(
    reading: &Reading,
    source: &str,
    position: Option<&LogPosition>,
    stored: &mut Option<LogPosition>,
) {
    let Some(position) = position.filter(|position| stored.as_ref() != Some(*position)) else { return };
    let Ok(text) = serde_json::to_string(position) else { return };
    match reading.storage.put_checkpoint(source, &text, reading.clock.now_ms()).await {
        Ok(()) => *stored = Some(position.clone()),
        Err(error) => tracing::error!(source, %error, "how far the log was read could not be stored"),
    }
}
