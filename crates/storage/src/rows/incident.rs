use std::fmt;

/// Where an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentState {
    /// Seen; waited for or reported.
    Open,
    /// Something is being done about it.
    Repairing,
    /// Something was done; it is being watched whether it helped.
    Verifying,
    /// Nothing more is tried until a person acts or it heals.
    LeftAlone,
    /// Over.
    Closed,
}

/// Who keeps an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentSource {
    /// A monitor, about containers and folders that it watches.
    Monitor,
    /// A gateway, about its own sessions.
    Gateway,
}

/// Symptoms that belong together, from first sight to the end.
#[derive(Clone, PartialEq, Eq)]
pub struct IncidentRow {
    /// Its number; grows, never reused.
    pub id: i64,
    /// Who keeps it.
    pub source: IncidentSource,
    /// The session it happened to.
    pub session: String,
    /// What went wrong, as a stable word.
    pub kind: String,
    /// Where it is.
    pub state: IncidentState,
    /// How it ended, as a stable word.
    pub outcome: Option<String>,
    /// The last word on it, for people.
    pub summary: String,
    /// Messages concerned so far.
    pub messages: i64,
    /// Contacts concerned, as JIDs.
    pub peers: Vec<String>,
    /// How often it was seen.
    pub times: i64,
    /// The first symptom.
    pub opened_ms: i64,
    /// The last change.
    pub updated_ms: i64,
    /// The end.
    pub closed_ms: Option<i64>,
}

/// An incident about to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIncident {
    /// Who keeps it.
    pub source: IncidentSource,
    /// The session it happened to.
    pub session: String,
    /// What went wrong, as a stable word.
    pub kind: String,
    /// The first symptom.
    pub opened_ms: i64,
}

/// What becomes of an incident, together with what was done and who must hear of it: all or nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct IncidentUpdate {
    /// The incident.
    pub id: i64,
    /// Where it is now.
    pub state: IncidentState,
    /// How it ended; also what ends it. `None` keeps the one before, until it is open again.
    pub outcome: Option<String>,
    /// The last word on it; `None` keeps the one before.
    pub summary: Option<String>,
    /// Messages concerned so far.
    pub messages: i64,
    /// Contacts concerned, as JIDs.
    pub peers: Vec<String>,
    /// How often it was seen.
    pub times: i64,
    /// What was done or seen.
    pub steps: Vec<NewStep>,
    /// Bodies of alerts to be sent.
    pub alerts: Vec<String>,
    /// The present time.
    pub now_ms: i64,
}

/// A step about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStep {
    /// When.
    pub at_ms: i64,
    /// What, as a stable word.
    pub kind: String,
    /// What, for people.
    pub text: String,
    /// What, for programs.
    pub detail_json: Option<String>,
}

/// A step of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentStep {
    /// Position; grows in the order of storing.
    pub id: i64,
    /// The step.
    pub step: NewStep,
}

/// Which incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentQuery {
    /// Only those that it keeps.
    pub source: Option<IncidentSource>,
    /// Only of this session.
    pub session: Option<String>,
    /// Only those that are not over.
    pub unfinished: bool,
    /// Only older ones than this number.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: u32,
}

/// An alert that nobody took yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Its number.
    pub id: i64,
    /// The body as JSON text; every attempt sends the same bytes.
    pub body: String,
    /// When it was raised.
    pub created_ms: i64,
    /// How often it was tried.
    pub attempts: i64,
}

impl fmt::Debug for IncidentRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncidentRow")
            .field("id", &self.id)
            .field("session", &self.session)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for IncidentUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncidentUpdate")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("outcome", &self.outcome)
            .field("steps", &self.steps.len())
            .finish_non_exhaustive()
    }
}
