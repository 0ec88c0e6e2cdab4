//! wakeeper's rows: sessions, messages, events, the webhook outbox and sends.
//!
//! [`Storage`] is what the rest of wakeeper knows; [`open_sqlite`] gives the embedded back end.
//! One rule shapes everything here: when [`MessageRows::commit`] (or any other write) has answered
//! `Ok`, the rows are on disk and survive the loss of power.
//!
//! Times are Unix milliseconds handed in by the caller (`*_ms`), never read from a clock here, so
//! that tests own the time.

#[cfg(test)]
mod conformance;
mod error;
mod open;
mod rows;
mod sqlite;
mod traits;

pub use error::StorageError;
pub use open::open_sqlite;
pub use rows::{
    AttemptRow, Change, CommitBatch, CommitOutcome, DeadLetter, DeadLetterQuery, DeliveryRecord, Desired,
    EventRow, Lane, MessageQuery, MessageRef, MessageRow, MessageUpdate, NewEvent, OutboxCounts, OutboxItem,
    Retention, SendBegun, SendRow, SendState, SessionRow, SortOrder, Verdict,
};
pub use traits::{EventRows, MessageRows, OutboxRows, SendRows, SessionRows, Storage};
