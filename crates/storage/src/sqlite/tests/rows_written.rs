//! How many rows a message costs: each is a page that must be on the disk before WhatsApp hears of it.

use sqlx::query_scalar;

use super::{Place, SqliteStorage};
use crate::conformance::message;
use crate::{
    Change, CommitBatch, DeliveryRecord, MessageRef, MessageRow, NewEvent, OutboxRows, OwnedRows, SecondName,
    SendRow, SendState, Storage, Verdict,
};

struct Counted {
    storage: SqliteStorage,
    rows: OwnedRows,
}

impl Counted {
    /// Rows inserted, changed and deleted so far.
    async fn so_far(&self) -> i64 {
        let count = self.storage.writer.write("counting rows", |connection| {
            Box::pin(async move { query_scalar("SELECT total_changes()").fetch_one(connection).await })
        });
        count.await.unwrap()
    }

    async fn commit(&self, batch: impl Into<CommitBatch>) {
        self.rows.commit(batch.into()).await.unwrap();
    }

    async fn deliver_everything(&self) {
        for lane in self.storage.pending_lanes().await.unwrap() {
            for item in self.storage.lane_items(&lane.key, 100).await.unwrap() {
                let (delivery, verdict) = (item.id, Verdict::Delivered);
                let record = DeliveryRecord { delivery, attempt: None, verdict, now_ms: 2 };
                self.storage.record_deliveries(vec![record]).await.unwrap();
            }
        }
    }
}

fn event(id: &str, also: bool, receivers: &[String]) -> NewEvent {
    NewEvent {
        id: id.to_owned(),
        session: "default".to_owned(),
        chat: "c".to_owned(),
        name: "message".to_owned(),
        rest: "}".to_owned(),
        timestamp_ms: 1,
        subscriptions: receivers.to_owned(),
        also: also.then(|| SecondName {
            id: format!("{id}-any"),
            name: "message.any".to_owned(),
            subscriptions: receivers.to_owned(),
        }),
        kept: false,
    }
}

#[tokio::test]
async fn a_message_costs_no_more_rows_than_it_must() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wakeeper.db");
    let storage = SqliteStorage::open(&Place::ready(&path).unwrap()).await.unwrap();
    let owner = storage.acquire("default").await.unwrap();
    let counted = Counted { storage, rows: owner.rows() };
    counted.commit(Change::Events(vec![event("first", false, &[])])).await;

    let comes_in = |id: &str, receivers: &[String]| Change::Message {
        row: Box::new(message("c", id)),
        updates: vec![],
        events: vec![event(id, true, receivers)],
    };
    let hook = ["hook".to_owned()];
    let before = counted.so_far().await;
    counted.commit(comes_in("M1", &[])).await;
    assert_eq!(counted.so_far().await - before, 3, "the message, its chat and its event");

    let before = counted.so_far().await;
    counted.commit(comes_in("M2", &hook)).await;
    assert_eq!(counted.so_far().await - before, 5, "and what is owed under each name");
    counted.deliver_everything().await;
    assert_eq!(counted.so_far().await - before, 7, "which goes with its delivery");

    let send = SendRow {
        session: "default".to_owned(),
        idempotency_key: None,
        request_hash: String::new(),
        message_id: "S1".to_owned(),
        state: SendState::Accepted,
        chat: "c".to_owned(),
        proto: vec![1],
        recipients: Vec::new(),
        error: None,
        created_ms: 1,
        updated_ms: 1,
    };
    let before = counted.so_far().await;
    counted.rows.begin_send(send).await.unwrap();
    let sent = Change::Message {
        row: Box::new(MessageRow { from_me: true, ack: 1, ..message("c", "S1") }),
        updates: vec![],
        events: vec![event("sent", false, &hook)],
    };
    let acked = Change::Send { message_id: "S1".to_owned(), state: SendState::Acked, error: None, now_ms: 2 };
    counted.commit(vec![sent, acked]).await;
    for ack in [2, 3] {
        let target =
            MessageRef { session: "default".to_owned(), id: "S1".to_owned(), from_me: None, chat: None };
        let events = vec![event(&format!("ack {ack}"), false, &hook)];
        counted.commit(Change::Ack { target, ack, events }).await;
    }
    counted.deliver_everything().await;
    assert_eq!(counted.so_far().await - before, 15, "send 2, message 3, chat 1, events 3, deliveries 6");
}
