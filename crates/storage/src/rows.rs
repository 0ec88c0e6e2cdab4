//! The rows themselves, free of any back end.

mod account;
mod event;
mod generation;
mod incident;
mod message;
mod outbox;
mod send;
mod session;

pub(crate) use account::set_apart;
pub use account::{AccountChange, AccountRow};
pub use event::{EventRow, NewEvent, SecondName};
pub use generation::GenerationRow;
pub use incident::{
    AlertRow, IncidentQuery, IncidentRow, IncidentSource, IncidentState, IncidentStep, IncidentUpdate,
    NewIncident, NewStep,
};
pub use message::{
    Change, CommitBatch, CommitOutcome, Described, MessageQuery, MessageRef, MessageRow, MessageUpdate, Tell,
    WireKey,
};
pub use outbox::{
    AttemptRow, DeadLetter, DeadLetterQuery, DeliveryRecord, Lane, LaneKey, OutboxCounts, OutboxItem,
    Retention, Verdict,
};
pub use send::{SendBegun, SendRow, SendState};
pub use session::{Desired, SessionRow, StoredStatus};
