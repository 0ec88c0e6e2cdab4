//! A storage that counts what the dispatcher asks of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::watch;
use wakeeper_storage::disk::DiskTrouble;
use wakeeper_storage::{
    AccountRow, AccountRows, AlertRow, AttemptRow, AuditRow, BulkRow, BulkRows, ChatQuery, ChatRow, ChatRows,
    ContactQuery, ContactRow, DeadLetter, DeadLetterQuery, DeliveryRecord, EventLogBounds, EventLogPage,
    EventLogQuery, EventReaderRow, EventRow, EventRows, GenerationRow, GenerationRows, IncidentQuery,
    IncidentRow, IncidentRows, IncidentSource, IncidentStep, IncidentUpdate, KeyRow, KeyRows, LabelChatRow,
    LabelRow, LabelRows, Lane, LaneKey, MessagePage, MessageQuery, MessageRef, MessageRetention, MessageRow,
    MessageRows, NewAudit, NewIncident, OldMessages, OutboxCounts, OutboxItem, OutboxRows, Ownership, Pruned,
    RecipientRow, Recorded, Retention, SearchQuery, SearchRows, SendRow, SendRows, SessionRow, SessionRows,
    Storage, StorageError, WordsOf,
};

/// Everything goes through to the storage behind it.
#[derive(Debug)]
pub(super) struct Counting {
    behind: Arc<dyn Storage>,
    /// How many outcomes each write held.
    pub writes: Mutex<Vec<usize>>,
    pub reads: AtomicUsize,
}

impl Counting {
    pub fn over(behind: Arc<dyn Storage>) -> Arc<Self> {
        Arc::new(Self { behind, writes: Mutex::default(), reads: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Storage for Counting {
    async fn acquire(&self, session: &str) -> Result<Ownership, StorageError> {
        self.behind.acquire(session).await
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.behind.check().await
    }

    fn disk(&self) -> watch::Receiver<Option<Arc<DiskTrouble>>> {
        self.behind.disk()
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, StorageError> {
        self.behind.prune(retention).await
    }

    async fn settle(&self) {
        self.behind.settle().await;
    }

    async fn give_back_room(&self, pages: u32) -> Result<u64, StorageError> {
        self.behind.give_back_room(pages).await
    }

    async fn close(&self) {
        self.behind.close().await;
    }
}

#[async_trait]
impl SearchRows for Counting {
    async fn keep_words(&self) -> Result<(), StorageError> {
        self.behind.keep_words().await
    }

    async fn forget_words(&self) -> Result<(), StorageError> {
        self.behind.forget_words().await
    }

    async fn words_lacking(&self) -> Result<Option<u64>, StorageError> {
        self.behind.words_lacking().await
    }

    async fn add_words(&self, words_of: WordsOf, limit: u32) -> Result<bool, StorageError> {
        self.behind.add_words(words_of, limit).await
    }

    async fn search(&self, session: &str, search: SearchQuery) -> Result<MessagePage, StorageError> {
        self.behind.search(session, search).await
    }
}

#[async_trait]
impl SessionRows for Counting {
    async fn session(&self, name: &str) -> Result<Option<SessionRow>, StorageError> {
        self.behind.session(name).await
    }

    async fn sessions(&self) -> Result<Vec<SessionRow>, StorageError> {
        self.behind.sessions().await
    }

    async fn delete_session(&self, name: &str) -> Result<bool, StorageError> {
        self.behind.delete_session(name).await
    }
}

#[async_trait]
impl GenerationRows for Counting {
    async fn generation(&self, session: &str) -> Result<Option<GenerationRow>, StorageError> {
        self.behind.generation(session).await
    }
}

#[async_trait]
impl AccountRows for Counting {
    async fn account(&self, session: &str) -> Result<Option<AccountRow>, StorageError> {
        self.behind.account(session).await
    }
}

#[async_trait]
impl LabelRows for Counting {
    async fn labels(&self, session: &str) -> Result<Vec<LabelRow>, StorageError> {
        self.behind.labels(session).await
    }

    async fn label_chats(&self, session: &str, label: &str) -> Result<Vec<LabelChatRow>, StorageError> {
        self.behind.label_chats(session, label).await
    }

    async fn labels_of_chat(
        &self,
        session: &str,
        chats: &[String],
    ) -> Result<Vec<LabelChatRow>, StorageError> {
        self.behind.labels_of_chat(session, chats).await
    }

    async fn labeled_chat_count(&self, session: &str) -> Result<u32, StorageError> {
        self.behind.labeled_chat_count(session).await
    }
}

#[async_trait]
impl MessageRows for Counting {
    async fn message(&self, target: &MessageRef) -> Result<Option<MessageRow>, StorageError> {
        self.behind.message(target).await
    }

    async fn message_page(&self, session: &str, query: MessageQuery) -> Result<MessagePage, StorageError> {
        self.behind.message_page(session, query).await
    }

    async fn old_messages(
        &self,
        session: &str,
        retention: MessageRetention,
    ) -> Result<Vec<OldMessages>, StorageError> {
        self.behind.old_messages(session, retention).await
    }
}

#[async_trait]
impl ChatRows for Counting {
    async fn chat(&self, session: &str, names: &[String]) -> Result<Option<ChatRow>, StorageError> {
        self.behind.chat(session, names).await
    }

    async fn chats(&self, session: &str, query: ChatQuery) -> Result<Vec<ChatRow>, StorageError> {
        self.behind.chats(session, query).await
    }

    async fn contact(&self, session: &str, names: &[String]) -> Result<Option<ContactRow>, StorageError> {
        self.behind.contact(session, names).await
    }

    async fn contacts(&self, session: &str, query: ContactQuery) -> Result<Vec<ContactRow>, StorageError> {
        self.behind.contacts(session, query).await
    }

    async fn history_done(&self, session: &str, part: &str) -> Result<i64, StorageError> {
        self.behind.history_done(session, part).await
    }
}

#[async_trait]
impl EventRows for Counting {
    async fn event(&self, id: &str) -> Result<Option<EventRow>, StorageError> {
        self.behind.event(id).await
    }

    async fn events_after(&self, session: &str, seq: i64, limit: u32) -> Result<Vec<EventRow>, StorageError> {
        self.behind.events_after(session, seq, limit).await
    }

    async fn event_log(&self, query: EventLogQuery) -> Result<EventLogPage, StorageError> {
        self.behind.event_log(query).await
    }

    async fn event_log_bounds(&self) -> Result<EventLogBounds, StorageError> {
        self.behind.event_log_bounds().await
    }

    async fn mark_event_log(&self) -> Result<i64, StorageError> {
        self.behind.mark_event_log().await
    }

    async fn event_position(&self, id: &str) -> Result<Option<i64>, StorageError> {
        self.behind.event_position(id).await
    }

    async fn event_readers(&self) -> Result<Vec<EventReaderRow>, StorageError> {
        self.behind.event_readers().await
    }

    async fn put_event_readers(&self, readers: Vec<EventReaderRow>) -> Result<(), StorageError> {
        self.behind.put_event_readers(readers).await
    }
}

#[async_trait]
impl OutboxRows for Counting {
    async fn pending_lanes(&self) -> Result<Vec<Lane>, StorageError> {
        self.behind.pending_lanes().await
    }

    async fn lane_items(&self, lane: &LaneKey, limit: u32) -> Result<Vec<OutboxItem>, StorageError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.behind.lane_items(lane, limit).await
    }

    async fn record_deliveries(&self, records: Vec<DeliveryRecord>) -> Result<(), StorageError> {
        self.writes.lock().unwrap().push(records.len());
        self.behind.record_deliveries(records).await
    }

    async fn record_deliveries_soon(
        &self,
        records: Vec<DeliveryRecord>,
        done: Recorded,
    ) -> Result<(), StorageError> {
        self.writes.lock().unwrap().push(records.len());
        self.behind.record_deliveries_soon(records, done).await
    }

    async fn abandon_subscription(
        &self,
        subscription: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<u64, StorageError> {
        self.behind.abandon_subscription(subscription, reason, now_ms).await
    }

    async fn dead_letters(&self, query: DeadLetterQuery) -> Result<Vec<DeadLetter>, StorageError> {
        self.behind.dead_letters(query).await
    }

    async fn replay_dead_letters(&self, query: DeadLetterQuery) -> Result<Vec<LaneKey>, StorageError> {
        self.behind.replay_dead_letters(query).await
    }

    async fn attempts(&self, event_id: &str, subscription: &str) -> Result<Vec<AttemptRow>, StorageError> {
        self.behind.attempts(event_id, subscription).await
    }

    async fn outbox_counts(&self) -> Result<OutboxCounts, StorageError> {
        self.behind.outbox_counts().await
    }

    async fn outbox_counts_of(&self, session: &str) -> Result<OutboxCounts, StorageError> {
        self.behind.outbox_counts_of(session).await
    }
}

#[async_trait]
impl SendRows for Counting {
    async fn send_by_key(
        &self,
        session: &str,
        idempotency_key: &str,
    ) -> Result<Option<SendRow>, StorageError> {
        self.behind.send_by_key(session, idempotency_key).await
    }

    async fn send_by_id(&self, session: &str, message_id: &str) -> Result<Option<SendRow>, StorageError> {
        self.behind.send_by_id(session, message_id).await
    }

    async fn unfinished_sends(&self, session: &str) -> Result<Vec<SendRow>, StorageError> {
        self.behind.unfinished_sends(session).await
    }
}

#[async_trait]
impl BulkRows for Counting {
    async fn bulk(&self, session: &str, id: &str) -> Result<Option<BulkRow>, StorageError> {
        self.behind.bulk(session, id).await
    }

    async fn bulks(&self, session: &str, limit: u32, offset: u32) -> Result<Vec<BulkRow>, StorageError> {
        self.behind.bulks(session, limit, offset).await
    }

    async fn due_bulk(
        &self,
        session: &str,
        now_ms: i64,
    ) -> Result<(Option<BulkRow>, Option<i64>), StorageError> {
        self.behind.due_bulk(session, now_ms).await
    }

    async fn unfinished_bulk(
        &self,
        session: &str,
        request_hash: &str,
    ) -> Result<Option<BulkRow>, StorageError> {
        self.behind.unfinished_bulk(session, request_hash).await
    }

    async fn unfinished_bulks(&self, session: &str) -> Result<u64, StorageError> {
        self.behind.unfinished_bulks(session).await
    }

    async fn recipients(
        &self,
        session: &str,
        id: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<RecipientRow>, StorageError> {
        self.behind.recipients(session, id, limit, offset).await
    }

    async fn next_recipient(&self, session: &str, id: &str) -> Result<Option<RecipientRow>, StorageError> {
        self.behind.next_recipient(session, id).await
    }

    async fn new_contacts_since(&self, session: &str, since_ms: i64) -> Result<u64, StorageError> {
        self.behind.new_contacts_since(session, since_ms).await
    }
}

#[async_trait]
impl IncidentRows for Counting {
    async fn open_incident(&self, incident: NewIncident) -> Result<i64, StorageError> {
        self.behind.open_incident(incident).await
    }

    async fn update_incident(&self, update: IncidentUpdate) -> Result<bool, StorageError> {
        self.behind.update_incident(update).await
    }

    async fn incident(&self, id: i64) -> Result<Option<IncidentRow>, StorageError> {
        self.behind.incident(id).await
    }

    async fn incident_steps(&self, id: i64) -> Result<Vec<IncidentStep>, StorageError> {
        self.behind.incident_steps(id).await
    }

    async fn incidents(&self, query: IncidentQuery) -> Result<Vec<IncidentRow>, StorageError> {
        self.behind.incidents(query).await
    }

    async fn due_alerts(
        &self,
        source: IncidentSource,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<AlertRow>, StorageError> {
        self.behind.due_alerts(source, now_ms, limit).await
    }

    async fn settle_alert(&self, id: i64, next_attempt_ms: Option<i64>) -> Result<(), StorageError> {
        self.behind.settle_alert(id, next_attempt_ms).await
    }

    async fn checkpoint(&self, source: &str) -> Result<Option<String>, StorageError> {
        self.behind.checkpoint(source).await
    }

    async fn put_checkpoint(&self, source: &str, position: &str, now_ms: i64) -> Result<(), StorageError> {
        self.behind.put_checkpoint(source, position, now_ms).await
    }

    async fn prune_incidents(&self, closed_before_ms: i64, limit: u32) -> Result<u64, StorageError> {
        self.behind.prune_incidents(closed_before_ms, limit).await
    }
}

#[async_trait]
impl KeyRows for Counting {
    async fn keys(&self) -> Result<Vec<KeyRow>, StorageError> {
        self.behind.keys().await
    }

    async fn put_key(&self, row: KeyRow) -> Result<(), StorageError> {
        self.behind.put_key(row).await
    }

    async fn delete_key(&self, id: &str) -> Result<bool, StorageError> {
        self.behind.delete_key(id).await
    }

    async fn delete_keys_of(&self, session: &str) -> Result<u64, StorageError> {
        self.behind.delete_keys_of(session).await
    }

    async fn note_audit(&self, entry: NewAudit) -> Result<(), StorageError> {
        self.behind.note_audit(entry).await
    }

    async fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, StorageError> {
        self.behind.audit(before, limit).await
    }
}
