//! Long lists are read, and old rows found, by an index: nothing is looked through from its beginning, and nothing sorted.

use sqlx::{AssertSqlSafe, Row, query};

use super::super::{
    SqliteStorage, chat_rows, contact_rows, event_log, forget, incident_rows, key_rows, label_rows, letters,
    message_rows, prune,
};
use super::{Place, put, session};
use crate::{
    Change, ChatQuery, CommitBatch, ContactQuery, DeadLetterQuery, DeliveryRecord, EventLogQuery,
    IncidentQuery, IncidentSource, MessageOrder, MessagePosition, MessageQuery, NewEvent, OutboxRows,
    OwnedRows, Pruned, Retention, Storage, Verdict,
};

async fn opened() -> (SqliteStorage, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(&Place::ready(&folder.path().join("w.db")).unwrap()).await.unwrap();
    put(&storage, session()).await.unwrap();
    (storage, folder)
}

/// What SQLite would do. Parameters are unknown to it, as they are when a statement is prepared.
async fn plan(storage: &SqliteStorage, sql: &str) -> String {
    let rows =
        query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&storage.readers).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

/// Everything is searched by an index, this one among them.
async fn assert_searched(storage: &SqliteStorage, sql: &str, index: &str) {
    let plan = plan(storage, sql).await;
    // A list of numbers that was handed over is no table, nor is what a part of the statement answers.
    let harmless = |line: &str| line.starts_with("SCAN json_each") || line.starts_with("SCAN (subquery");
    let looked_through = plan.lines().any(|line| line.starts_with("SCAN") && !harmless(line));
    assert!(!looked_through && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    assert!(plan.contains(&format!("INDEX {index} ")), "{sql}\n{plan}");
}

#[tokio::test]
async fn a_page_of_messages_is_found_by_its_index_in_both_orders() {
    let (storage, _folder) = opened().await;
    let chats = [vec![], vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]];
    let after = Some(MessagePosition { timestamp_s: 5, seq: 7 });
    for chats in chats {
        let index = if chats.is_empty() { "messages_of_session" } else { "messages_by_time" };
        for order in [MessageOrder::NewestFirst, MessageOrder::OldestFirst] {
            let all = MessageQuery { chats: chats.clone(), order, limit: 10, ..MessageQuery::default() };
            let bounds = MessageQuery { from_s: Some(1), until_s: Some(9), ..all.clone() };
            let filtered = MessageQuery { from_me: Some(true), ack: Some(3), ..bounds.clone() };
            for query in [all, bounds, filtered] {
                for query in [MessageQuery { after, ..query.clone() }, query] {
                    assert_searched(&storage, message_rows::page("default", &query).sql().as_str(), index)
                        .await;
                }
            }
        }
    }
    storage.close().await;
}

#[tokio::test]
async fn chats_and_people_are_found_by_their_indexes() {
    let (storage, _folder) = opened().await;
    for descending in [true, false] {
        let query = ChatQuery { descending, limit: 10, ..ChatQuery::default() };
        assert_searched(&storage, chat_rows::page("default", &query).sql().as_str(), "chats_by_time").await;
        let query = ContactQuery { descending, limit: 10, ..ContactQuery::default() };
        let sql = contact_rows::page("default", &query);
        assert_searched(&storage, sql.sql().as_str(), "sqlite_autoindex_contacts_1").await;
    }
    let one = contact_rows::one("default", "[]");
    assert_searched(&storage, one.sql().as_str(), "contacts_by_lid").await;
    assert_searched(&storage, chat_rows::UNREAD_AFTER, "messages_by_time").await;
    for (sql, index) in chat_rows::OF_CHAT.into_iter().zip(["messages_by_time", "messages_hidden"]) {
        assert_searched(&storage, sql, index).await;
    }
    storage.close().await;
}

#[tokio::test]
async fn dead_letters_of_a_session_are_found_by_their_index() {
    let (storage, _folder) = opened().await;
    let all = DeadLetterQuery {
        session: Some("default".to_owned()),
        after: 7,
        limit: 10,
        ..DeadLetterQuery::default()
    };
    let one =
        DeadLetterQuery { subscription: Some("s".to_owned()), event_id: Some("e".to_owned()), ..all.clone() };
    for query in [all, one] {
        let sql = letters::matching(letters::COLUMNS, &query);
        assert_searched(&storage, sql.sql().as_str(), "outbox_dead").await;
    }
    storage.close().await;
}

#[tokio::test]
async fn incidents_are_found_by_an_index() {
    let (storage, _folder) = opened().await;
    let all = IncidentQuery { source: None, session: None, unfinished: false, before: Some(7), limit: 10 };
    let of_session = IncidentQuery { session: Some("bot".to_owned()), ..all.clone() };
    let open = IncidentQuery { unfinished: true, source: Some(IncidentSource::Gateway), ..all.clone() };
    let of_gateway = IncidentQuery { source: Some(IncidentSource::Gateway), ..of_session.clone() };
    for (query, search) in [
        (all, "INTEGER PRIMARY KEY (rowid<?)"),
        (of_session, "INDEX incidents_by_session (session=? AND id<?)"),
        (of_gateway, "INDEX incidents_by_session (session=? AND id<?)"),
        (open, "INDEX incidents_open (id<?)"),
    ] {
        let plan = plan(&storage, incident_rows::page(&query).sql().as_str()).await;
        assert!(plan.contains(search) && !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
    storage.close().await;
}

#[tokio::test]
async fn labels_and_their_chats_are_found_by_an_index() {
    let (storage, _folder) = opened().await;
    for (sql, index) in [
        (label_rows::ALL, "sqlite_autoindex_labels_1"),
        (label_rows::CHATS, "sqlite_autoindex_label_chats_1"),
        (label_rows::OF_CHAT, "label_chats_by_chat"),
        (label_rows::COUNT, "label_chats_by_chat"),
    ] {
        assert_searched(&storage, sql, index).await;
    }
    storage.close().await;
}

#[tokio::test]
async fn the_log_of_all_events_is_read_by_its_places() {
    let (storage, _folder) = opened().await;
    let all = EventLogQuery { after: 7, limit: 10, ..EventLogQuery::default() };
    let names = EventLogQuery { names: vec!["a".to_owned(), "b".to_owned()], ..all.clone() };
    let session = EventLogQuery { session: Some("default".to_owned()), ..names.clone() };
    for query in [all, names, session] {
        assert_searched(&storage, event_log::statement(&query, 100).sql().as_str(), "events_in_log").await;
    }
    storage.close().await;
}

#[tokio::test]
async fn keys_and_what_was_done_with_them_are_found_by_an_index() {
    let (storage, _folder) = opened().await;
    assert_searched(&storage, key_rows::FORGET_OF_SESSION, "api_keys_of_session").await;
    for sql in [key_rows::AUDIT, key_rows::FORGET_AUDIT] {
        let plan = plan(&storage, sql).await;
        assert!(plan.contains("INTEGER PRIMARY KEY (rowid<?)") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
    storage.close().await;
}

#[tokio::test]
async fn what_is_old_is_found_by_an_index() {
    let (storage, _folder) = opened().await;
    for (sql, index) in [
        (prune::OLD_LETTERS, "outbox_ended"),
        (prune::OLD_SENDS, "sends_finished"),
        (prune::OLD_EVENTS, "events_by_time"),
        (prune::OF_THESE, "sqlite_autoindex_outbox_1"),
        (forget::OLDEST, "messages_of_session"),
        (forget::SIZE, "messages_of_session"),
        (forget::TOO_MANY, "messages_of_session"),
    ] {
        assert_searched(&storage, sql, index).await;
    }
    for sizes in [forget::SIZE, forget::TOO_MANY] {
        let plan = plan(&storage, sizes).await;
        assert!(
            plan.contains("COVERING INDEX messages_of_session"),
            "sizes are told without messages: {plan}"
        );
    }
    storage.close().await;
}

/// Events of these times for one receiver.
async fn store_events(rows: &OwnedRows, times: std::ops::Range<i64>) {
    let events = times.map(|timestamp_ms| NewEvent {
        id: format!("e{timestamp_ms}"),
        session: "default".to_owned(),
        chat: "c".to_owned(),
        name: "message".to_owned(),
        rest: "}".to_owned(),
        timestamp_ms,
        subscriptions: vec!["hook".to_owned()],
        also: None,
        kept: false,
    });
    rows.commit(CommitBatch::from(Change::Events(events.collect()))).await.unwrap();
}

/// Steps until there is no more to look at; answers how many, and how many rows went.
async fn prune(storage: &SqliteStorage, now_ms: i64) -> (u32, u64) {
    let retention = Retention {
        delivered_before_ms: now_ms,
        dead_before_ms: now_ms - HOUR * 10,
        sends_before_ms: 0,
        limit: 100,
    };
    let (mut steps, mut rows) = (0, 0);
    loop {
        let Pruned { rows: went, more } = storage.prune(retention).await.unwrap();
        (steps, rows) = (steps + 1, rows + went);
        if !more {
            return (steps, rows);
        }
    }
}

const HOUR: i64 = 60 * 60 * 1000;

#[tokio::test]
async fn events_that_must_stay_are_looked_at_once_and_not_each_minute() {
    let (storage, _folder) = opened().await;
    let owner = storage.acquire("default").await.unwrap();
    store_events(&owner.rows(), 1..251).await;
    let now = HOUR * 100;
    storage.abandon_subscription("hook", "gone", now).await.unwrap();
    assert_eq!(
        prune(&storage, now).await,
        (3, 0),
        "250 dead letters keep their events, 100 are looked at in a step"
    );
    assert_eq!(prune(&storage, now + 60_000).await, (1, 0), "a minute later none of them is looked at");
    store_events(&owner.rows(), now..now + 1).await;
    let lanes = storage.pending_lanes().await.unwrap();
    let delivery = storage.lane_items(&lanes[0].key, 1).await.unwrap()[0].id;
    let delivered = DeliveryRecord { delivery, attempt: None, verdict: Verdict::Delivered, now_ms: now };
    storage.record_deliveries(vec![delivered]).await.unwrap();
    assert_eq!(prune(&storage, now + 120_000).await, (1, 1), "what became old since goes");
    assert_eq!(prune(&storage, now + HOUR).await, (3, 0), "in an hour all are looked at again");
    // What the dead letters kept goes with them, at once.
    assert_eq!(prune(&storage, now + HOUR * 11).await, (3, 500));
    assert_eq!(prune(&storage, now + HOUR * 11).await, (1, 0));
    drop(owner);
    storage.close().await;
}

#[tokio::test]
async fn an_event_that_was_delivered_late_goes_within_the_hour() {
    let (storage, _folder) = opened().await;
    let owner = storage.acquire("default").await.unwrap();
    store_events(&owner.rows(), 1..2).await;
    let now = HOUR * 100;
    assert_eq!(prune(&storage, now).await, (1, 0), "somebody waits for it");
    let lanes = storage.pending_lanes().await.unwrap();
    let delivery = storage.lane_items(&lanes[0].key, 1).await.unwrap()[0].id;
    let delivered = DeliveryRecord { delivery, attempt: None, verdict: Verdict::Delivered, now_ms: now };
    storage.record_deliveries(vec![delivered]).await.unwrap();
    assert_eq!(prune(&storage, now + 60_000).await, (1, 0));
    assert_eq!(prune(&storage, now + HOUR).await, (1, 1));
    drop(owner);
    storage.close().await;
}
