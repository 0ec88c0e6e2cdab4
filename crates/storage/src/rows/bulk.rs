use std::fmt;

/// Where a bulk send is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkState {
    /// It goes on by itself, or begins when its time has come.
    Running,
    /// It goes on when somebody says so.
    Paused,
    /// Nobody waits any more. Final.
    Done,
    /// It ended before that. Final.
    Cancelled,
}

/// One text to many people, one after the other.
#[derive(Clone, PartialEq, Eq)]
pub struct BulkRow {
    /// The session it goes out of.
    pub session: String,
    /// Its id.
    pub id: String,
    /// The caller's `Idempotency-Key`, when there is one; unique inside a session.
    pub idempotency_key: Option<String>,
    /// Hash of the request, to tell another body under the same key.
    pub request_hash: String,
    /// What its caller calls it.
    pub name: Option<String>,
    /// The account that it was asked of.
    pub account: String,
    /// The text as it was asked for.
    pub text: String,
    /// Whether "typing" is shown before each.
    pub typing: bool,
    /// When it begins.
    pub start_ms: i64,
    /// The shortest time between two.
    pub min_delay_ms: i64,
    /// The longest time between two.
    pub max_delay_ms: i64,
    /// Most people a day whom the account never had to do with.
    pub new_per_day: Option<u32>,
    /// Where it is.
    pub state: BulkState,
    /// Why it waits, or ended.
    pub reason: Option<String>,
    /// It waits until then.
    pub held_until_ms: Option<i64>,
    /// When it was asked for.
    pub created_ms: i64,
    /// When it last moved.
    pub updated_ms: i64,
    /// How far it is.
    pub counts: BulkCounts,
}

impl fmt::Debug for BulkRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkRow")
            .field("session", &self.session)
            .field("id", &self.id)
            .field("state", &self.state)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// How many recipients of a bulk send are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BulkCounts {
    /// Not sent to yet.
    pub waiting: u64,
    /// Sent to: WhatsApp's server has it.
    pub sent: u64,
    /// Not sent to, for good.
    pub failed: u64,
}

/// Where one recipient's message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientState {
    /// Its turn has not come, or not ended.
    Waiting,
    /// WhatsApp's server has it.
    Sent,
    /// It cannot be sent.
    Failed,
}

/// One recipient of a bulk send.
#[derive(Clone, PartialEq, Eq)]
pub struct RecipientRow {
    /// Its place, from 0.
    pub position: u32,
    /// Who.
    pub chat: String,
    /// What stands for the words in braces, as JSON; `None` where the text goes out as it is.
    pub variables: Option<String>,
    /// Where it is.
    pub state: RecipientState,
    /// Counts the refusals that ended by themselves.
    pub attempt: u32,
    /// The message's id, once it is sent.
    pub message_id: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether it went to somebody new.
    pub is_new: bool,
    /// When it last moved.
    pub updated_ms: i64,
}

impl fmt::Debug for RecipientRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientRow")
            .field("position", &self.position)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What [`crate::OwnedRows::begin_bulk`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkBegun {
    /// Nothing was under this key: it is stored.
    New,
    /// The key is taken; compare `request_hash`.
    Existing(Box<BulkRow>),
}

/// Moves a bulk send on.
#[derive(Debug, Clone)]
pub struct BulkChange {
    /// Which.
    pub id: String,
    /// Only when it is in one of these.
    pub from: Vec<BulkState>,
    /// Where it goes.
    pub state: BulkState,
    /// Why.
    pub reason: Option<String>,
    /// It waits until then.
    pub held_until_ms: Option<i64>,
    /// The time.
    pub now_ms: i64,
}
