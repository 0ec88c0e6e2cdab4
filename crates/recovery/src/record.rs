//! Stores what happens: incidents, steps, alerts. A storage that fails is complained about and does not stop the care.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
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

/// What waits for a storage that fails, at most.
const WAITING: usize = 256;

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
    /// What a disk that fails did not take, in order.
    waiting: Mutex<VecDeque<Entered>>,
}

/// What is to be stored.
struct Entered {
    kind: Kind,
    word: Option<StepRecord>,
    extent: Extent,
    step: Option<(&'static str, String, Option<Value>)>,
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
        Self {
            storage,
            clock,
            source,
            session: session.to_owned(),
            incidents: Mutex::default(),
            waiting: Mutex::default(),
        }
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
        let step = Some((word.step, word.text.clone(), None));
        self.keep(Entered { kind: word.kind, word: Some(word), extent, step }).await;
        self.count().await;
    }

    /// Stores it behind what waits already. Where the disk fails it waits, for the next word or [`Self::retry`].
    async fn keep(&self, entered: Entered) {
        let mut waiting = self.waiting.lock().await;
        if waiting.len() >= WAITING {
            waiting.pop_front();
            tracing::error!(session = %self.session, "too much waits to be stored; a step of an incident is lost");
        }
        waiting.push_back(entered);
        self.store_waiting(&mut waiting).await;
    }

    async fn store_waiting(&self, waiting: &mut VecDeque<Entered>) {
        while let Some(next) = waiting.front() {
            if let Err(error) = self.store(next).await {
                tracing::error!(session = %self.session, %error, "a step of an incident could not be stored");
                if error.disk_cause().is_some() {
                    return;
                }
            }
            waiting.pop_front();
        }
    }

    /// The number of the newest incident of a kind, once it is stored.
    pub(crate) async fn number_of(&self, kind: Kind) -> Option<i64> {
        let incidents = self.incidents.lock().await;
        incidents.open.get(&kind).or_else(|| incidents.closed.get(&kind)).map(|open| open.id)
    }

    /// Tries again to store what waits.
    pub(crate) async fn retry(&self) {
        let mut waiting = self.waiting.lock().await;
        if !waiting.is_empty() {
            self.store_waiting(&mut waiting).await;
            drop(waiting);
            self.count().await;
        }
    }

    /// Does anything wait to be stored?
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.try_lock().map_or(true, |waiting| !waiting.is_empty())
    }

    /// Stores a step of a repair.
    pub(crate) async fn step(&self, step: &'static str, text: String, detail: Option<Value>) {
        tracing::info!(session = %self.session, step, "incident: {text}");
        let step = Some((step, text, detail));
        self.keep(Entered { kind: Kind::State, word: None, extent: None, step }).await;
    }

    /// Stores how far the incident about the stored state reaches by now.
    pub(crate) async fn reach(&self, extent: Extent) {
        if self.incidents.lock().await.open.contains_key(&Kind::State) {
            self.keep(Entered { kind: Kind::State, word: None, extent, step: None }).await;
        }
    }

    async fn store(&self, entered: &Entered) -> Result<(), StorageError> {
        let Entered { kind, word, extent, step } = entered;
        let (kind, word) = (*kind, word.as_ref());
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
            open.messages = i64::try_from(*messages).unwrap_or(i64::MAX).max(open.messages);
            open.peers = peers.iter().map(ToString::to_string).collect();
        }
        if let Some(word) = word {
            open.state = word.state;
            open.times = i64::try_from(word.times).unwrap_or(i64::MAX).max(open.times);
        }
        let new_step = |(step, text, detail): &(&str, String, Option<Value>)| NewStep {
            at_ms: now_ms,
            kind: (*step).to_owned(),
            text: text.clone(),
            detail_json: detail.as_ref().map(ToString::to_string),
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
            steps: step.iter().map(new_step).collect(),
            alerts: alert.into_iter().collect(),
            now_ms,
        };
        let is_closed = open.state == IncidentState::Closed;
        self.storage.update_incident(update).await?;
        // Not before: what is tried again must find it.
        if is_closed {
            closed.extend(all.remove_entry(&kind));
        }
        Ok(())
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
