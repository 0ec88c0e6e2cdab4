//! Incidents as people and programs see them, wherever they are shown.

mod folder;
mod reader;

pub use folder::{FolderError, IncidentFolder, database, last};
pub use reader::{IncidentReader, ReadError, Which};
pub use wakeeper_storage::IncidentSource;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wakeeper_model::ago;
use wakeeper_storage::{IncidentRow, IncidentState, IncidentStep};

use crate::kind::Outcome;

/// An incident, as JSON shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Incident {
    /// Its number.
    pub id: i64,
    /// The session it happened to.
    pub session: String,
    /// What went wrong, as a stable word.
    pub kind: String,
    /// Where it is, as a stable word.
    pub state: &'static str,
    /// How it ended, as a stable word.
    pub outcome: Option<String>,
    /// The last word on it.
    pub summary: String,
    /// Messages concerned.
    pub messages: i64,
    /// Contacts concerned.
    pub peers: Vec<String>,
    /// When it began, milliseconds since 1970.
    pub opened_ms: i64,
    /// When it changed last.
    pub updated_ms: i64,
    /// When it was over.
    pub closed_ms: Option<i64>,
    /// What was seen and done, when it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// A step of an incident.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = IncidentStep)]
pub struct Step {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// What, as a stable word.
    pub step: String,
    /// What, for people.
    pub text: String,
    /// What, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub detail: Option<Value>,
}

/// How an incident is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Over, and well.
    Well,
    /// Not over.
    Unfinished,
    /// A person has to act, or the login is gone.
    Bad,
}

impl Incident {
    /// An incident without its steps.
    pub fn of(row: IncidentRow) -> Self {
        Self {
            id: row.id,
            session: row.session,
            kind: row.kind,
            state: state_word(row.state),
            outcome: row.outcome,
            summary: row.summary,
            messages: row.messages,
            peers: row.peers,
            opened_ms: row.opened_ms,
            updated_ms: row.updated_ms,
            closed_ms: row.closed_ms,
            steps: Vec::new(),
        }
    }

    /// The same with its steps.
    #[must_use]
    pub fn with_steps(mut self, steps: Vec<IncidentStep>) -> Self {
        self.steps = steps.into_iter().map(Step::of).collect();
        self
    }

    /// How it ended, else where it is.
    pub fn end(&self) -> &str {
        self.outcome.as_deref().unwrap_or(self.state)
    }

    /// In a line: when, what, and how it ended.
    pub fn line(&self, now_ms: i64) -> String {
        format!("{}, {}: {}; {}", ago(self.opened_ms, now_ms), self.kind, self.end(), self.summary)
    }

    /// How it is to be seen.
    pub fn standing(&self) -> Standing {
        let closed = self.state == state_word(IncidentState::Closed);
        let lost = [Outcome::GaveUp, Outcome::Reset].map(Outcome::word);
        match self.outcome.as_deref() {
            Some(outcome) if closed && lost.contains(&outcome) => Standing::Bad,
            _ if self.state == state_word(IncidentState::LeftAlone) => Standing::Bad,
            _ if closed => Standing::Well,
            _ => Standing::Unfinished,
        }
    }
}

impl Step {
    fn of(row: IncidentStep) -> Self {
        Self {
            at_ms: row.step.at_ms,
            step: row.step.kind,
            text: row.step.text,
            detail: row.step.detail_json.and_then(|text| serde_json::from_str(&text).ok()),
        }
    }
}

/// The stable word for a state.
pub(crate) fn state_word(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "open",
        IncidentState::Repairing => "curing",
        IncidentState::Verifying => "verifying",
        IncidentState::LeftAlone => "left_alone",
        IncidentState::Closed => "closed",
    }
}
