//! Stores what happens: incidents, steps, alerts. A storage that fails is complained about and does not stop the care.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use wakeeper_doctor::address::Address;
use wakeeper_storage::{
    IncidentQuery, IncidentRow, IncidentSource, IncidentState, IncidentUpdate, NewIncident, NewStep, Storage,
    StorageError,
};

use crate::clock::Clock;
use crate::incidents::state_word;
use crate::kind::Kind;
use crate::policy::{Past, PastIncident, PastRepair, StepRecord};

/// The step that tells of a repair that begins; its detail names the contacts.
pub(crate) const STOPPED: &str = "stopped";
/// The step after it when it turned out at once that it could not be done.
pub(crate) const REFUSED: &str = "refused";
/// Incidents that are read when a caretaker begins.
const INCIDENTS: u32 = 200;

/// How far an incident reaches.
pub(crate) type Extent = Option<(u64, Vec<Address>)>;

struct Open {
    id: i64,
    state: IncidentState,
    messages: i64,
    peers: Vec<String>,
    times: i64,
}

impl Open {
    fn of(row: IncidentRow) -> Self {
        let IncidentRow { id, state, messages, peers, times, .. } = row;
        Self { id, state, messages, peers, times }
    }
}

/// Stores the incidents of one session.
pub(crate) struct Recorder {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    source: IncidentSource,
    session: String,
    incidents: Mutex<Incidents>,
}

/// The newest incident of each kind.
#[derive(Default)]
struct Incidents {
    open: BTreeMap<Kind, Open>,
    /// What comes again soon is still the same.
    closed: BTreeMap<Kind, Open>,
}

impl Recorder {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        source: IncidentSource,
        session: &str,
    ) -> Self {
        Self { storage, clock, source, session: session.to_owned(), incidents: Mutex::default() }
    }

    /// What is known from before a restart.
    pub(crate) async fn past(&self, memory_ms: i64) -> Result<Past, StorageError> {
        let query = IncidentQuery {
            source: Some(self.source),
            session: Some(self.session.clone()),
            unfinished: false,
            before: None,
            limit: INCIDENTS,
        };
        let since = self.clock.now_ms() - memory_ms;
        let mut past = Past::default();
        for row in self.storage.incidents(query).await?.into_iter().rev() {
            let Some(kind) = Kind::of_word(&row.kind) else { continue };
            if row.updated_ms >= since {
                past.repairs.extend(self.repairs(row.id, since).await?);
            }
            past.incidents.retain(|before| before.kind != kind || before.closed_ms.is_none());
            past.incidents.push(PastIncident {
                kind,
                state: row.state,
                opened_ms: row.opened_ms,
                closed_ms: row.closed_ms,
                times: u64::try_from(row.times).unwrap_or(1),
            });
            let mut incidents = self.incidents.lock().await;
            let Incidents { open, closed } = &mut *incidents;
            let known = if row.state == IncidentState::Closed { closed } else { open };
            known.insert(kind, Open::of(row));
        }
        past.repairs.sort_by_key(|repair| repair.at_ms);
        Ok(past)
    }

    async fn repairs(&self, incident: i64, since_ms: i64) -> Result<Vec<PastRepair>, StorageError> {
        let mut repairs = Vec::new();
        for step in self.storage.incident_steps(incident).await?.into_iter().map(|row| row.step) {
            match step.kind.as_str() {
                STOPPED => repairs.push(step),
                REFUSED => drop(repairs.pop()),
                _ => {}
            }
        }
        Ok(repairs
            .into_iter()
            .filter(|step| step.at_ms >= since_ms)
            .map(|step| PastRepair { at_ms: step.at_ms, peers: peers_of(step.detail_json.as_deref()) })
            .collect())
    }

    /// Stores a word of the policy.
    pub(crate) async fn tell(&self, word: StepRecord, extent: Extent) {
        let level = if word.alert { "alert" } else { "incident" };
        tracing::info!(session = %self.session, kind = word.kind.word(), step = word.step, "{level}: {}", word.text);
        metrics::counter!(
            "wakeeper_incident_steps_total",
            "session" => self.session.clone(), "kind" => word.kind.word(), "step" => word.step
        )
        .increment(1);
        let step = (word.step, word.text.clone(), None);
        if let Err(error) = self.store(word.kind, Some(&word), extent, Some(step)).await {
            tracing::error!(session = %self.session, %error, "a step of an incident could not be stored");
        }
        self.count().await;
    }

    /// Stores a step of a repair.
    pub(crate) async fn step(&self, step: &'static str, text: String, detail: Option<Value>) {
        tracing::info!(session = %self.session, step, "incident: {text}");
        if let Err(error) = self.store(Kind::State, None, None, Some((step, text, detail))).await {
            tracing::error!(session = %self.session, %error, "a step of a repair could not be stored");
        }
    }

    /// Stores how far the incident about the stored state reaches by now.
    pub(crate) async fn reach(&self, extent: Extent) {
        if self.incidents.lock().await.open.contains_key(&Kind::State)
            && let Err(error) = self.store(Kind::State, None, extent, None).await
        {
            tracing::error!(session = %self.session, %error, "an incident could not be stored");
        }
    }

    async fn store(
        &self,
        kind: Kind,
        word: Option<&StepRecord>,
        extent: Extent,
        step: Option<(&'static str, String, Option<Value>)>,
    ) -> Result<(), StorageError> {
        let now_ms = self.clock.now_ms();
        let mut incidents = self.incidents.lock().await;
        let Incidents { open: all, closed } = &mut *incidents;
        if let Some(before) = closed.remove(&kind).filter(|_| word.is_some_and(|word| word.times > 1)) {
            all.entry(kind).or_insert(before);
        }
        if let Entry::Vacant(vacant) = all.entry(kind) {
            let new = NewIncident {
                source: self.source,
                session: self.session.clone(),
                kind: kind.word().to_owned(),
                opened_ms: now_ms,
            };
            let id = self.storage.open_incident(new).await?;
            let state = IncidentState::Open;
            vacant.insert(Open { id, state, messages: 0, peers: Vec::new(), times: 1 });
        }
        let Some(open) = all.get_mut(&kind) else { return Ok(()) };
        if let Some((messages, peers)) = extent {
            open.messages = i64::try_from(messages).unwrap_or(i64::MAX).max(open.messages);
            open.peers = peers.iter().map(ToString::to_string).collect();
        }
        if let Some(word) = word {
            open.state = word.state;
            open.times = i64::try_from(word.times).unwrap_or(i64::MAX).max(open.times);
        }
        let new_step = |(step, text, detail): (&str, String, Option<Value>)| NewStep {
            at_ms: now_ms,
            kind: step.to_owned(),
            text,
            detail_json: detail.map(|detail| detail.to_string()),
        };
        let alert = word.filter(|word| word.alert).map(|word| self.alert(open.id, word, now_ms));
        let update = IncidentUpdate {
            id: open.id,
            state: open.state,
            outcome: word.and_then(|word| word.outcome).map(|outcome| outcome.word().to_owned()),
            summary: word.map(|word| word.text.clone()),
            messages: open.messages,
            peers: open.peers.clone(),
            times: open.times,
            steps: step.map(new_step).into_iter().collect(),
            alerts: alert.into_iter().collect(),
            now_ms,
        };
        if open.state == IncidentState::Closed {
            closed.extend(all.remove_entry(&kind));
        }
        self.storage.update_incident(update).await.map(drop)
    }

    /// What a person hears: no contact, no key, no message.
    fn alert(&self, incident: i64, word: &StepRecord, now_ms: i64) -> String {
        json!({
            "event": "session.incident",
            "session": self.session,
            "incident": incident,
            "kind": word.kind.word(),
            "state": state_word(word.state),
            "outcome": word.outcome.map(crate::kind::Outcome::word),
            "step": word.step,
            "text": word.text,
            "timestamp": now_ms,
        })
        .to_string()
    }

    /// Counts what is open, for whoever measures it.
    pub(crate) async fn count(&self) {
        let open = &self.incidents.lock().await.open;
        let left_alone = open.values().any(|open| open.state == IncidentState::LeftAlone);
        metrics::gauge!("wakeeper_incidents_open", "session" => self.session.clone()).set(open.len() as f64);
        metrics::gauge!("wakeeper_left_alone", "session" => self.session.clone())
            .set(f64::from(u8::from(left_alone)));
    }
}

fn peers_of(detail: Option<&str>) -> Vec<Address> {
    let detail: Option<Value> = detail.and_then(|text| serde_json::from_str(text).ok());
    let peers = detail.as_ref().and_then(|detail| detail.get("peers")).and_then(Value::as_array);
    let address = |peer: &Value| peer.as_str().and_then(Address::from_any);
    peers.map(|peers| peers.iter().filter_map(address).collect()).unwrap_or_default()
}
