//! Recovery: symptoms become incidents, incidents get a plan, a repair and a check that it helped.
//!
//! This crate holds the only policy there is. [`policy::Policy`] is a pure state machine: symptoms and the time go in,
//! decisions come out. [`caretaker::Caretaker`] carries them out on a [`ManagedSession`], which may be a container, a
//! folder or a session inside the gateway, and stores every step. Nothing here knows Docker or HTTP.

pub mod backups;
pub mod caretaker;
pub mod clock;
pub mod folder;
pub mod incidents;
pub mod kind;
pub mod ladder;
pub mod own_sessions;
pub mod policy;
mod record;
mod reports;
pub mod rules;
pub mod session;
mod tally;

pub use caretaker::{Caretaker, Observation};
pub use clock::{Clock, SystemClock};
pub use folder::SessionFolder;
pub use incidents::Incident;
pub use kind::{Kind, Outcome};
pub use ladder::Rung;
pub use own_sessions::{IncidentKeeper, IncidentLog, IncidentNews, Repaired, incident_log};
pub use rules::Rules;
pub use session::{
    Access, Applied, ApplyError, Examined, ManagedSession, Order, Progress, RepairReport, SessionError,
};

/// Describes what this crate measures, for whoever records it.
pub fn describe_metrics() {
    metrics::describe_counter!("wakeeper_symptoms_total", "Log lines that told of trouble, by class");
    metrics::describe_counter!("wakeeper_incident_steps_total", "Steps of incidents, by kind");
    metrics::describe_counter!("wakeeper_cures_total", "Repairs by step and result");
    metrics::describe_gauge!("wakeeper_incidents_open", "Incidents that are not over");
    metrics::describe_gauge!(
        "wakeeper_left_alone",
        "1 while a session is left alone because repairs did not help"
    );
    metrics::describe_histogram!(
        "wakeeper_cure_downtime_seconds",
        "How long gateways stood still for repairs"
    );
}
