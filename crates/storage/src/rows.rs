//! The rows themselves, free of any back end.

mod account;
mod bulk;
mod chat;
mod event;
mod generation;
mod incident;
mod key;
mod label;
mod message;
mod outbox;
mod search;
mod send;
mod session;

pub(crate) use account::set_apart;
pub use account::{AccountChange, AccountRow};
pub use bulk::{BulkBegun, BulkChange, BulkCounts, BulkRow, BulkState, RecipientRow, RecipientState};
pub use chat::{
    ChatChange, ChatOrder, ChatQuery, ChatRow, ChatUpdate, ContactQuery, ContactRow, ContactUpdate, PastChat,
    PastStep,
};
pub use event::{
    EventLogBounds, EventLogPage, EventLogQuery, EventReaderRow, EventRow, LoggedEvent, NewEvent, SecondName,
};
pub use generation::GenerationRow;
pub use incident::{
    AlertRow, IncidentQuery, IncidentRow, IncidentSource, IncidentState, IncidentStep, IncidentUpdate,
    NewIncident, NewStep,
};
pub use key::{AuditRow, KeyRow, NewAudit};
pub use label::{LabelChange, LabelChatRow, LabelRow};
pub use message::{
    Change, CommitBatch, CommitOutcome, Described, MessageOrder, MessagePage, MessagePosition, MessageQuery,
    MessageRef, MessageRetention, MessageRow, MessageUpdate, OldMessages, Tell, Wait, WireKey,
};
pub use outbox::{
    AttemptRow, DeadLetter, DeadLetterQuery, DeliveryRecord, Lane, LaneKey, OutboxCounts, OutboxItem, Pruned,
    Retention, Verdict,
};
pub use search::{SearchQuery, WordsOf};
pub use send::{SendBegun, SendRow, SendState};
pub use session::{Desired, SessionRow, StoredStatus};
