use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::disk::DiskTrouble;
use crate::{
    AccountRow, AlertRow, AttemptRow, AuditRow, BulkRow, ChatQuery, ChatRow, ContactQuery, ContactRow,
    DeadLetter, DeadLetterQuery, DeliveryRecord, EventLogBounds, EventLogPage, EventLogQuery, EventReaderRow,
    EventRow, GenerationRow, IncidentQuery, IncidentRow, IncidentSource, IncidentStep, IncidentUpdate,
    KeyRow, LabelChatRow, LabelRow, Lane, LaneKey, MessagePage, MessageQuery, MessageRef, MessageRetention,
    MessageRow, NewAudit, NewIncident, OldMessages, OutboxCounts, OutboxItem, Ownership, Pruned,
    RecipientRow, Retention, SearchQuery, SendRow, SessionRow, StorageError, WordsOf,
};

/// Told what became of outcomes of deliveries whose caller went on.
pub type Recorded = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// Everything wakeeper stores. A write that answered `Ok` is on disk; a write whose future is
/// dropped half-way may still happen.
///
/// Reading is open to all. A session's own rows are written by its owner alone: see [`Storage::acquire`].
/// What is written here belongs to no session, or to whoever delivers its events.
#[async_trait]
pub trait Storage:
    SessionRows
    + AccountRows
    + LabelRows
    + MessageRows
    + SearchRows
    + ChatRows
    + EventRows
    + OutboxRows
    + SendRows
    + BulkRows
    + IncidentRows
    + GenerationRows
    + KeyRows
    + fmt::Debug
{
    /// Makes the caller the owner of a session's rows, until it gives the answer up. It is asked for once, when the
    /// caller takes the session on, not for each write.
    ///
    /// A session that is stopped has an owner as well: whoever runs the gateway that it belongs to. So changes of its
    /// settings, its status and its last events are written as those of a running one are.
    ///
    /// In the embedded back end the owner is one part of this process: no other process has the database, because
    /// whoever opens it holds the lock on its folder. A back end that several machines share gives the ownership as a
    /// lease, and checks in the transaction of each write that it still holds.
    ///
    /// # Errors
    /// [`StorageError::Owned`] when the session has an owner.
    async fn acquire(&self, session: &str) -> Result<Ownership, StorageError>;

    /// Proves that rows can be written and read now; for `/health`.
    async fn check(&self) -> Result<(), StorageError>;

    /// Why nothing can be written now; `None` while writes work. Changes by itself when the disk does.
    fn disk(&self) -> watch::Receiver<Option<Arc<DiskTrouble>>>;

    /// Waits until what was to be stored soon is stored (see [`crate::OwnedRows::commit_soon`]). While nothing can be written
    /// it does not wait.
    async fn settle(&self);

    /// Forgets old rows, a bounded number at a time: no more are looked at either, also of those that must stay. Call
    /// again while there is more to look at.
    async fn prune(&self, retention: Retention) -> Result<Pruned, StorageError>;

    /// Gives room that rows left back to the disk, at most so many pages of the file at a time; what the next rows need
    /// stays. Answers how many went; call again while it is not zero.
    async fn give_back_room(&self, pages: u32) -> Result<u64, StorageError>;

    /// Finishes what was accepted and closes the database. Later calls fail with
    /// [`StorageError::Closed`].
    async fn close(&self);
}

/// Sessions.
#[async_trait]
pub trait SessionRows: Send + Sync {
    /// One session.
    async fn session(&self, name: &str) -> Result<Option<SessionRow>, StorageError>;

    /// Every session, by name.
    async fn sessions(&self) -> Result<Vec<SessionRow>, StorageError>;

    /// Forgets a session with its messages, sends, finished deliveries and dead letters. Pending
    /// deliveries stay until their receivers have them. `false` when there was none. Its last event number stays, too, so
    /// that a session that takes its name gives none twice.
    ///
    /// # Errors
    /// [`StorageError::Owned`] while it has an owner, who would go on writing.
    async fn delete_session(&self, name: &str) -> Result<bool, StorageError>;
}

/// What each session's databases looked like when they were last seen together.
#[async_trait]
pub trait GenerationRows: Send + Sync {
    /// That of a session, when there is one.
    async fn generation(&self, session: &str) -> Result<Option<GenerationRow>, StorageError>;
}

/// Whose the rows of a session are.
#[async_trait]
pub trait AccountRows: Send + Sync {
    /// The account that was linked last, also after a logout.
    async fn account(&self, session: &str) -> Result<Option<AccountRow>, StorageError>;
}

/// Labels, and the chats that have them.
#[async_trait]
pub trait LabelRows: Send + Sync {
    /// Every label of a session by id, deleted ones too.
    async fn labels(&self, session: &str) -> Result<Vec<LabelRow>, StorageError>;

    /// The chats that have a label. A label that is deleted is on none.
    async fn label_chats(&self, session: &str, label: &str) -> Result<Vec<LabelChatRow>, StorageError>;

    /// The labels that a chat has, under any of its names.
    async fn labels_of_chat(
        &self,
        session: &str,
        chats: &[String],
    ) -> Result<Vec<LabelChatRow>, StorageError>;

    /// How many chats have labels, those with several counted for each.
    async fn labeled_chat_count(&self, session: &str) -> Result<u32, StorageError>;
}

/// Messages.
#[async_trait]
pub trait MessageRows: Send + Sync {
    /// One message.
    async fn message(&self, target: &MessageRef) -> Result<Option<MessageRow>, StorageError>;

    /// A page of messages, hidden rows left out. However deep it lies, no more is read than the page and what
    /// [`MessageQuery::offset`] skips, as long as no filter leaves much out.
    async fn message_page(&self, session: &str, query: MessageQuery) -> Result<MessagePage, StorageError>;

    /// The same, without where it goes on.
    async fn messages(&self, session: &str, query: MessageQuery) -> Result<Vec<MessageRow>, StorageError> {
        Ok(self.message_page(session, query).await?.rows)
    }

    /// Which messages of a session have been kept long enough; their owner forgets them with
    /// [`crate::OwnedRows::forget_messages`].
    async fn old_messages(
        &self,
        session: &str,
        retention: MessageRetention,
    ) -> Result<Vec<OldMessages>, StorageError>;
}

/// The words of messages, to be searched. They are kept only where somebody asked for it.
#[async_trait]
pub trait SearchRows: Send + Sync {
    /// Keeps the words of messages from now on, those of stored ones too: [`SearchRows::add_words`] adds them.
    async fn keep_words(&self) -> Result<(), StorageError>;

    /// Forgets them.
    async fn forget_words(&self) -> Result<(), StorageError>;

    /// Of how many messages words are to be added, or made anew; `None` when they are not kept.
    async fn words_lacking(&self) -> Result<Option<u64>, StorageError>;

    /// Adds the words of so many messages at most, the first stored ones first, and makes those of messages that changed
    /// anew. Answers whether there may be more.
    async fn add_words(&self, words_of: WordsOf, limit: u32) -> Result<bool, StorageError>;

    /// Messages whose words were added, the newest first. Whatever is searched for is no error.
    async fn search(&self, session: &str, search: SearchQuery) -> Result<MessagePage, StorageError>;
}

/// Chats and people.
#[async_trait]
pub trait ChatRows: Send + Sync {
    /// One chat by any of its names, also one in which nothing was written.
    async fn chat(&self, session: &str, names: &[String]) -> Result<Option<ChatRow>, StorageError>;

    /// Some chats in an order.
    async fn chats(&self, session: &str, query: ChatQuery) -> Result<Vec<ChatRow>, StorageError>;

    /// One person by any of their names.
    async fn contact(&self, session: &str, names: &[String]) -> Result<Option<ContactRow>, StorageError>;

    /// Some people in an order.
    async fn contacts(&self, session: &str, query: ContactQuery) -> Result<Vec<ContactRow>, StorageError>;

    /// How many steps of a part of the history were done.
    async fn history_done(&self, session: &str, part: &str) -> Result<i64, StorageError>;
}

/// The event log.
#[async_trait]
pub trait EventRows: Send + Sync {
    /// One event by its id.
    async fn event(&self, id: &str) -> Result<Option<EventRow>, StorageError>;

    /// A session's events after a position, oldest first; at most `limit`, each under each of its names.
    async fn events_after(&self, session: &str, seq: i64, limit: u32) -> Result<Vec<EventRow>, StorageError>;

    /// A part of the log of all sessions' events, in the order of their commits. An event stands there once under each of its
    /// names, each with a position of its own. No event ever appears before a position that was read past.
    async fn event_log(&self, query: EventLogQuery) -> Result<EventLogPage, StorageError>;

    /// How far the log goes now, and from where.
    async fn event_log_bounds(&self) -> Result<EventLogBounds, StorageError>;

    /// Marks the end of the log: answers a position behind everything that is there, and before everything that comes.
    async fn mark_event_log(&self) -> Result<i64, StorageError>;

    /// The position of the event of this id; `None` when it is not there any more.
    async fn event_position(&self, id: &str) -> Result<Option<i64>, StorageError>;

    /// What readers of live streams asked for.
    async fn event_readers(&self) -> Result<Vec<EventReaderRow>, StorageError>;

    /// Stores what they ask for, in the place of what they did before.
    async fn put_event_readers(&self, readers: Vec<EventReaderRow>) -> Result<(), StorageError>;
}

/// Deliveries of events to subscriptions.
#[async_trait]
pub trait OutboxRows: Send + Sync {
    /// Every lane with pending deliveries.
    async fn pending_lanes(&self) -> Result<Vec<Lane>, StorageError>;

    /// The first pending deliveries of a lane, in order.
    async fn lane_items(&self, lane: &LaneKey, limit: u32) -> Result<Vec<OutboxItem>, StorageError>;

    /// Stores the outcomes of attempts, in their order, all or none. What was delivered is not kept.
    async fn record_deliveries(&self, records: Vec<DeliveryRecord>) -> Result<(), StorageError>;

    /// The same with one of the next commits ([`crate::Wait::Long`]), or once the disk takes writes; `done` hears of it then. Until
    /// then the other methods show the deliveries as they were.
    async fn record_deliveries_soon(
        &self,
        records: Vec<DeliveryRecord>,
        done: Recorded,
    ) -> Result<(), StorageError>;

    /// Ends every pending delivery of a subscription that exists no more: as dead letters, or not
    /// at all where the session is gone too. Answers how many.
    async fn abandon_subscription(
        &self,
        subscription: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<u64, StorageError>;

    /// Dead letters, oldest first.
    async fn dead_letters(&self, query: DeadLetterQuery) -> Result<Vec<DeadLetter>, StorageError>;

    /// Makes the matching dead letters pending again, with all their attempts before them, and ends the waiting of
    /// their lanes. Answers these, one entry for each delivery.
    async fn replay_dead_letters(&self, query: DeadLetterQuery) -> Result<Vec<LaneKey>, StorageError>;

    /// The kept failed attempts at delivering one event to one subscription, oldest first.
    async fn attempts(&self, event_id: &str, subscription: &str) -> Result<Vec<AttemptRow>, StorageError>;

    /// How full the outbox is.
    async fn outbox_counts(&self) -> Result<OutboxCounts, StorageError>;

    /// The same of one session.
    async fn outbox_counts_of(&self, session: &str) -> Result<OutboxCounts, StorageError>;
}

/// Sends.
#[async_trait]
pub trait SendRows: Send + Sync {
    /// One send by the caller's key, so that a known request is answered before any work is done. The `session` of
    /// a send of a former account (see [`crate::OwnedRows::change_account`]) is another than was asked for: its key stays
    /// taken, so that a repeated request never goes out from another number.
    async fn send_by_key(
        &self,
        session: &str,
        idempotency_key: &str,
    ) -> Result<Option<SendRow>, StorageError>;

    /// One send by its stanza id.
    async fn send_by_id(&self, session: &str, message_id: &str) -> Result<Option<SendRow>, StorageError>;

    /// Sends of a session that are neither acked nor failed, in the order they were accepted.
    async fn unfinished_sends(&self, session: &str) -> Result<Vec<SendRow>, StorageError>;
}

/// Bulk sends: one text to many people, one after the other.
#[async_trait]
pub trait BulkRows: Send + Sync {
    /// One of them.
    async fn bulk(&self, session: &str, id: &str) -> Result<Option<BulkRow>, StorageError>;

    /// A page of them, the newest first.
    async fn bulks(&self, session: &str, limit: u32, offset: u32) -> Result<Vec<BulkRow>, StorageError>;

    /// Of those that run: the first that is due now, and when one is due next.
    async fn due_bulk(
        &self,
        session: &str,
        now_ms: i64,
    ) -> Result<(Option<BulkRow>, Option<i64>), StorageError>;

    /// One that has not ended, of this request.
    async fn unfinished_bulk(
        &self,
        session: &str,
        request_hash: &str,
    ) -> Result<Option<BulkRow>, StorageError>;

    /// How many have not ended.
    async fn unfinished_bulks(&self, session: &str) -> Result<u64, StorageError>;

    /// A page of the recipients of one, in their order.
    async fn recipients(
        &self,
        session: &str,
        id: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<RecipientRow>, StorageError>;

    /// The first recipient of one that waits.
    async fn next_recipient(&self, session: &str, id: &str) -> Result<Option<RecipientRow>, StorageError>;

    /// How many bulk messages of a session went to somebody new since then.
    async fn new_contacts_since(&self, session: &str, since_ms: i64) -> Result<u64, StorageError>;
}

/// Incidents, the alerts that they raise, and how far logs were read.
#[async_trait]
pub trait IncidentRows: Send + Sync {
    /// Opens an incident and answers its number.
    async fn open_incident(&self, incident: NewIncident) -> Result<i64, StorageError>;

    /// Stores what became of an incident, its steps and its alerts, all or nothing. `false` when it is unknown.
    async fn update_incident(&self, update: IncidentUpdate) -> Result<bool, StorageError>;

    /// One incident.
    async fn incident(&self, id: i64) -> Result<Option<IncidentRow>, StorageError>;

    /// What was seen and done, in order.
    async fn incident_steps(&self, id: i64) -> Result<Vec<IncidentStep>, StorageError>;

    /// Incidents, newest first.
    async fn incidents(&self, query: IncidentQuery) -> Result<Vec<IncidentRow>, StorageError>;

    /// Alerts of a source that are due, oldest first.
    async fn due_alerts(
        &self,
        source: IncidentSource,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<AlertRow>, StorageError>;

    /// Stores what became of an alert: taken (`None`), or to be tried again at that time.
    async fn settle_alert(&self, id: i64, next_attempt_ms: Option<i64>) -> Result<(), StorageError>;

    /// How far the log of a source was read.
    async fn checkpoint(&self, source: &str) -> Result<Option<String>, StorageError>;

    /// Stores how far the log of a source was read.
    async fn put_checkpoint(&self, source: &str, position: &str, now_ms: i64) -> Result<(), StorageError>;

    /// Forgets incidents that were closed before this time, a bounded number at a time. Answers how many went.
    async fn prune_incidents(&self, closed_before_ms: i64, limit: u32) -> Result<u64, StorageError>;
}

/// Keys of the API, and what was done with which.
#[async_trait]
pub trait KeyRows: Send + Sync {
    /// Every key, the oldest first.
    async fn keys(&self) -> Result<Vec<KeyRow>, StorageError>;

    /// Stores a key, in the place of one of the same id.
    async fn put_key(&self, row: KeyRow) -> Result<(), StorageError>;

    /// Forgets a key. `false` when there was none.
    async fn delete_key(&self, id: &str) -> Result<bool, StorageError>;

    /// Forgets the keys that are good for this session alone. Answers how many.
    async fn delete_keys_of(&self, session: &str) -> Result<u64, StorageError>;

    /// Notes a call that changed something. The oldest are forgotten when there are very many.
    async fn note_audit(&self, entry: NewAudit) -> Result<(), StorageError>;

    /// What was noted, newest first: before this number, at most `limit`.
    async fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, StorageError>;
}
