//! wakeeper's rows: sessions, messages, events, the webhook outbox, sends and incidents.
//!
//! [`Storage`] is what the rest of wakeeper knows; [`open_sqlite`] gives the embedded back end.
//! Two rules shape everything here. When [`OwnedRows::commit`] (or any other write) has answered
//! `Ok`, the rows are on disk and survive the loss of power. And a session's rows are written by its
//! owner alone: only [`OwnedRows`] can, which comes with its [`Ownership`].
//!
//! Times are Unix milliseconds handed in by the caller (`*_ms`), never read from a clock here, so
//! that tests own the time.

#[cfg(test)]
mod conformance;
pub mod disk;
mod error;
mod open;
mod ownership;
mod rows;
mod sqlite;
mod traits;

pub use error::{StorageError, is_corruption};
pub use open::{compact_sqlite, open_or_rebuild_sqlite, open_shared_sqlite, open_sqlite, read_sqlite};
pub use ownership::{OwnedRows, Ownership};
pub use rows::{
    AccountChange, AccountRow, AlertRow, AttemptRow, AuditRow, BulkBegun, BulkChange, BulkCounts, BulkRow,
    BulkState, Change, ChatChange, ChatOrder, ChatQuery, ChatRow, ChatUpdate, CommitBatch, CommitOutcome,
    ContactQuery, ContactRow, ContactUpdate, DeadLetter, DeadLetterQuery, DeliveryRecord, Described, Desired,
    EventLogBounds, EventLogPage, EventLogQuery, EventReaderRow, EventRow, GenerationRow, IncidentQuery,
    IncidentRow, IncidentSource, IncidentState, IncidentStep, IncidentUpdate, KeyRow, LabelChange,
    LabelChatRow, LabelRow, Lane, LaneKey, LoggedEvent, MessageOrder, MessagePage, MessagePosition,
    MessageQuery, MessageRef, MessageRetention, MessageRow, MessageUpdate, NewAudit, NewEvent, NewIncident,
    NewStep, OldMessages, OutboxCounts, OutboxItem, PastChat, PastStep, Pruned, RecipientRow, RecipientState,
    Retention, SearchQuery, SecondName, SendBegun, SendRow, SendState, SessionRow, StoredStatus, Tell,
    Verdict, Wait, WireKey, WordsOf,
};
pub use sqlite::Rebuilt;
pub use traits::{
    AccountRows, BulkRows, ChatRows, EventRows, GenerationRows, IncidentRows, KeyRows, LabelRows,
    MessageRows, OutboxRows, Recorded, SearchRows, SendRows, SessionRows, Storage,
};

pub use wakeeper_model::ROWS_DATABASE;

/// The name of the database of incidents, in the folder that a monitor and a gateway share.
pub const INCIDENTS_DATABASE: &str = "incidents.db";
