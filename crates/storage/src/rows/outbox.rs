use std::fmt;

/// Deliveries that keep their order: those of one chat of one session to one subscription.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LaneKey {
    /// The subscription's key.
    pub subscription: String,
    /// The session; that of a former account, too, whose rows are set apart.
    pub session: String,
    /// The chat; empty for events of the whole session.
    pub chat: String,
}

impl fmt::Debug for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneKey")
            .field("subscription", &self.subscription)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// A lane with pending rows, as its first row tells of it. There is no row of its own: whoever delivers keeps lanes in
/// memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Which.
    pub key: LaneKey,
    /// When its first pending row may be tried; `None` when nothing failed.
    pub next_attempt_ms: Option<i64>,
    /// The row before the first pending one ran out of attempts and nothing was delivered since.
    pub gave_up: bool,
}

/// A pending delivery with what it needs to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// The delivery's number.
    pub id: i64,
    /// The event's position among those of its session.
    pub seq: i64,
    /// The event's id.
    pub event_id: String,
    /// The event's name.
    pub name: String,
    /// When the event happened.
    pub timestamp_ms: i64,
    /// The body to send without its beginning (see [`crate::NewEvent::rest`]).
    pub rest: String,
    /// Attempts made so far.
    pub attempts: u32,
}

impl fmt::Debug for OutboxItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxItem")
            .field("seq", &self.seq)
            .field("event_id", &self.event_id)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// One attempt at a delivery that failed. The newest 20 of each delivery are kept, until it succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    pub started_ms: i64,
    /// How long it took.
    pub duration_ms: i64,
    /// The receiver's status code, when it answered.
    pub status: Option<u16>,
    /// Why it failed, in words without addresses or bodies; `None` when it succeeded.
    pub error: Option<String>,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver said 2xx.
    Delivered,
    /// Try again, not before this moment. What is behind it waits, too.
    Retry {
        /// Unix milliseconds.
        next_attempt_ms: i64,
    },
    /// Give up: it becomes a dead letter and the lane goes on.
    Dead {
        /// Why, in words without addresses or bodies.
        reason: String,
        /// Attempts ran out: marks the lane's next row (see [`Lane::gave_up`]).
        exhausted: bool,
        /// When the lane's next row may be tried.
        next_attempt_ms: i64,
    },
}

/// The outcome of one attempt, to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// The delivery's number.
    pub delivery: i64,
    /// The attempt, when one was made (a removed subscription ends rows without one).
    pub attempt: Option<AttemptRow>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Now.
    pub now_ms: i64,
}

/// A delivery that was given up.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The delivery's number; grows in the order of the events.
    pub id: i64,
    /// The event's id.
    pub event_id: String,
    /// The event's name.
    pub name: String,
    /// The subscription's key.
    pub subscription: String,
    /// The session.
    pub session: String,
    /// When the event happened.
    pub timestamp_ms: i64,
    /// Attempts made.
    pub attempts: u32,
    /// Why it was given up.
    pub reason: String,
    /// When it was given up.
    pub dead_ms: i64,
    /// The body that was not delivered, without its beginning (see [`crate::NewEvent::rest`]).
    pub rest: String,
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("id", &self.id)
            .field("event_id", &self.event_id)
            .field("attempts", &self.attempts)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// Which dead letters; every given field must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterQuery {
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

/// How full the outbox is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Deliveries waiting.
    pub pending: i64,
    /// Dead letters.
    pub dead: i64,
}

/// What may be forgotten: rows older than these moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events that nobody waits for, before this.
    pub delivered_before_ms: i64,
    /// Dead letters before this.
    pub dead_before_ms: i64,
    /// Finished sends (and so their idempotency keys) before this.
    pub sends_before_ms: i64,
    /// At most this many rows of each sort in one go, so that writers are not held up.
    pub limit: u32,
}

/// What one step of forgetting did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Rows that went.
    pub rows: u64,
    /// There may be more to look at.
    pub more: bool,
}
