//! Dead letters as callers see them.

use std::fmt;

use thiserror::Error;
use wakeeper_model::RowsFailure;
use wakeeper_storage::{DeadLetterQuery, StorageError};

use crate::events::body;

/// The rows of deliveries could not be read or written.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct DeliveryError(#[from] StorageError);

impl DeliveryError {
    /// What a caller can know of it.
    #[must_use]
    pub fn failure(&self) -> RowsFailure {
        self.0.failure()
    }
}

/// Which dead letters; every given field must match.
#[derive(Debug, Clone, Default)]
pub struct WhichLetters {
    /// Only this session.
    pub session: Option<String>,
    /// Only this subscription.
    pub subscription: Option<String>,
    /// Only this event.
    pub event_id: Option<String>,
    /// Only after this [`DeadLetter::id`], for paging.
    pub after: i64,
    /// At most this many, oldest first.
    pub limit: u32,
}

impl From<WhichLetters> for DeadLetterQuery {
    fn from(which: WhichLetters) -> Self {
        let WhichLetters { session, subscription, event_id, after, limit } = which;
        Self { session, subscription, event_id, after, limit }
    }
}

/// An event that was given up for one receiver.
#[derive(Clone)]
pub struct DeadLetter {
    /// Its number; grows in the order of the events.
    pub id: i64,
    /// The event's id.
    pub event_id: String,
    /// The event's name.
    pub event: String,
    /// The subscription's key.
    pub subscription: String,
    /// When the event happened, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Attempts made.
    pub attempts: u32,
    /// Why it was given up.
    pub reason: String,
    /// When it was given up, in milliseconds since 1970.
    pub given_up_ms: i64,
    /// The body that was not delivered.
    pub body: String,
}

impl From<wakeeper_storage::DeadLetter> for DeadLetter {
    fn from(letter: wakeeper_storage::DeadLetter) -> Self {
        Self {
            id: letter.id,
            body: body(&letter.event_id, letter.timestamp_ms, &letter.name, &letter.rest),
            event_id: letter.event_id,
            event: letter.name,
            subscription: letter.subscription,
            timestamp_ms: letter.timestamp_ms,
            attempts: letter.attempts,
            reason: letter.reason,
            given_up_ms: letter.dead_ms,
        }
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("id", &self.id)
            .field("event_id", &self.event_id)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
