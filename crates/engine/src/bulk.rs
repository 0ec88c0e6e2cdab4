//! Bulk sends: one text to many people, one after the other and at a pace that people write at; also one that is sent later.
//!
//! What is asked for is stored, recipient by recipient, before the caller hears of it. One worker of each session sends. Each
//! message goes out under an idempotency key of its own, so that a worker which did not see the end of a send, because its
//! process died, asks again and sends nothing twice.

mod fill;
mod pace;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wakeeper_model::ChatId;
use wakeeper_storage::{
    BulkChange, BulkCounts, BulkRow, BulkState, RecipientRow, RecipientState, StorageError,
};

use crate::EngineError;
use crate::journal::Journal;
use crate::outbound::Outbound;

pub use fill::filled;
pub(crate) use worker::work;

/// Most recipients of one bulk send.
pub const MOST_RECIPIENTS: usize = 10_000;
/// Most bulk sends of a session that have not ended.
pub const MOST_UNFINISHED: u64 = 1_000;

/// Why something was not done with a bulk send.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// The session cannot do it.
    #[error(transparent)]
    Session(#[from] EngineError),
    /// There is no such bulk send.
    #[error("there is no such bulk send")]
    NotFound,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyConflict,
    /// There are too many that have not ended.
    #[error("the session has {MOST_UNFINISHED} bulk sends that have not ended")]
    TooMany,
    /// It is in no state for that.
    #[error("the bulk send is {0} already")]
    Ended(BulkStatus),
}

impl From<StorageError> for BulkError {
    fn from(error: StorageError) -> Self {
        Self::Session(error.into())
    }
}

/// Where a bulk send is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkStatus {
    /// Its time has not come.
    Scheduled,
    /// It goes on by itself.
    Running,
    /// It goes on by itself, later: something does not let it now.
    Held,
    /// It goes on when somebody says so.
    Paused,
    /// Nobody waits any more.
    Done,
    /// It was ended before that.
    Cancelled,
}

impl std::fmt::Display for BulkStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Held => "held",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        })
    }
}

/// A bulk send as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// Its id.
    pub id: String,
    /// What its caller calls it.
    pub name: Option<String>,
    /// Where it is.
    pub status: BulkStatus,
    /// Why it waits, or ended.
    pub reason: Option<String>,
    /// It waits until then, milliseconds since 1970.
    pub held_until_ms: Option<i64>,
    /// It begins then.
    pub start_ms: i64,
    /// It was asked for then.
    pub created_ms: i64,
    /// It last moved then.
    pub updated_ms: i64,
    /// Recipients whose turn has not come.
    pub waiting: u64,
    /// Those whose message WhatsApp's server has.
    pub sent: u64,
    /// Those who cannot be sent to.
    pub failed: u64,
}

impl Bulk {
    pub(crate) fn of(row: BulkRow, now_ms: i64) -> Self {
        let BulkCounts { waiting, sent, failed } = row.counts;
        let status = match row.state {
            BulkState::Running if row.start_ms > now_ms => BulkStatus::Scheduled,
            BulkState::Running if row.held_until_ms > Some(now_ms) => BulkStatus::Held,
            BulkState::Running => BulkStatus::Running,
            BulkState::Paused => BulkStatus::Paused,
            BulkState::Done => BulkStatus::Done,
            BulkState::Cancelled => BulkStatus::Cancelled,
        };
        let ends = matches!(status, BulkStatus::Held | BulkStatus::Cancelled | BulkStatus::Paused);
        Self {
            id: row.id,
            name: row.name,
            status,
            reason: row.reason.filter(|_| ends),
            held_until_ms: row.held_until_ms.filter(|_| status == BulkStatus::Held),
            start_ms: row.start_ms,
            created_ms: row.created_ms,
            updated_ms: row.updated_ms,
            waiting,
            sent,
            failed,
        }
    }
}

/// One recipient as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkRecipient {
    /// Its place, from 0.
    pub position: u32,
    /// Who.
    pub chat: String,
    /// Whether it waits (`None`), was sent (`true`) or failed.
    pub sent: Option<bool>,
    /// The message's id on the wire, once it is sent.
    pub message_id: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it last moved, milliseconds since 1970.
    pub updated_ms: i64,
}

impl From<RecipientRow> for BulkRecipient {
    fn from(row: RecipientRow) -> Self {
        Self {
            position: row.position,
            chat: row.chat,
            sent: match row.state {
                RecipientState::Waiting => None,
                RecipientState::Sent => Some(true),
                RecipientState::Failed => Some(false),
            },
            message_id: row.message_id,
            error: row.error,
            updated_ms: row.updated_ms,
        }
    }
}

/// A bulk send to begin. Nobody is in it twice.
#[derive(Clone)]
pub struct NewBulk {
    /// What its caller calls it.
    pub name: Option<String>,
    /// The text as it was asked for.
    pub text: String,
    /// Whom to send it to, and what stands for the words in braces; where nothing does, the text goes out as it is.
    pub recipients: Vec<(ChatId, Option<BTreeMap<String, String>>)>,
    /// Not before then, milliseconds since 1970.
    pub start_ms: Option<i64>,
    /// The shortest time between two, in milliseconds.
    pub min_delay_ms: i64,
    /// The longest time between two, in milliseconds.
    pub max_delay_ms: i64,
    /// Show "typing" before each.
    pub typing: bool,
    /// Most people a day whom the account never had to do with.
    pub new_per_day: Option<u32>,
    /// The same key and request begin it once.
    pub key: Option<String>,
    /// Hash of the request.
    pub request_hash: String,
}

impl std::fmt::Debug for NewBulk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewBulk(to {})", self.recipients.len())
    }
}

/// The bulk sends of one session.
pub(crate) struct Bulks {
    outbound: Arc<Outbound>,
    pub(crate) journal: Arc<Journal>,
    /// Something of them changed.
    pub(crate) changed: Notify,
    /// Ends the worker.
    pub(crate) stop: CancellationToken,
}

impl Bulks {
    pub(crate) fn new(outbound: Arc<Outbound>, journal: Arc<Journal>, gone: &CancellationToken) -> Self {
        Self { outbound, journal, changed: Notify::new(), stop: gone.child_token() }
    }

    pub(crate) fn session(&self) -> &str {
        self.outbound.state.name().as_str()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.outbound.state.clock().now_ms()
    }

    /// Moves one on, and wakes the worker.
    pub(crate) async fn change(
        &self,
        id: &str,
        from: &[BulkState],
        state: BulkState,
        why: Option<(&str, Option<i64>)>,
    ) -> Result<bool, StorageError> {
        let (reason, held_until_ms) =
            why.map_or((None, None), |(reason, until)| (Some(reason.to_owned()), until));
        let now_ms = self.now_ms();
        let change =
            BulkChange { id: id.to_owned(), from: from.to_vec(), state, reason, held_until_ms, now_ms };
        let changed = self.journal.rows()?.change_bulk(change).await;
        self.changed.notify_one();
        changed
    }
}
