use std::sync::Arc;

use super::{event, own};
use crate::{
    AccountChange, AccountRow, Change, CommitBatch, EventLogPage, EventLogQuery, EventReaderRow, NewEvent,
    Retention, SecondName, Storage,
};

fn of(session: &str, id: &str, name: &str) -> NewEvent {
    NewEvent { session: session.to_owned(), name: name.to_owned(), ..event("chat", id, &["hook"]) }
}

async fn commit(storage: &Arc<dyn Storage>, session: &str, events: Vec<NewEvent>) {
    own(storage, session).await.rows().commit(CommitBatch::from(Change::Events(events))).await.unwrap();
}

async fn page(storage: &Arc<dyn Storage>, query: EventLogQuery) -> EventLogPage {
    storage.event_log(query).await.unwrap()
}

fn ids(page: &EventLogPage) -> Vec<&str> {
    page.events.iter().map(|logged| logged.event.id.as_str()).collect()
}

fn all() -> EventLogQuery {
    EventLogQuery { limit: 100, ..EventLogQuery::default() }
}

pub(crate) async fn events_of_all_sessions_stand_in_one_order(storage: Arc<dyn Storage>) {
    commit(&storage, "default", vec![of("default", "1", "message"), of("default", "2", "message.ack")]).await;
    commit(&storage, "other", vec![of("other", "3", "message")]).await;
    let both = NewEvent {
        also: Some(SecondName {
            id: "5".to_owned(),
            name: "message.any".to_owned(),
            subscriptions: vec!["hook".to_owned()],
        }),
        ..of("default", "4", "message")
    };
    commit(&storage, "default", vec![both]).await;
    let whole = page(&storage, all()).await;
    assert_eq!(ids(&whole), ["1", "2", "3", "4", "5"]);
    assert_eq!(whole.upto, storage.event_log_bounds().await.unwrap().last);
    // It goes on between two names of one event, and where a page ended.
    for (at, logged) in whole.events.iter().enumerate() {
        let rest = page(&storage, EventLogQuery { after: logged.position, ..all() }).await;
        assert_eq!(ids(&rest), ids(&whole)[at + 1..], "{at}");
        assert_eq!(storage.event_position(&logged.event.id).await.unwrap(), Some(logged.position));
    }
    let first = page(&storage, EventLogQuery { limit: 2, ..all() }).await;
    assert_eq!(ids(&first), ["1", "2"]);
    assert_eq!(ids(&page(&storage, EventLogQuery { after: first.upto, ..all() }).await), ["3", "4", "5"]);
    assert_eq!(storage.event_position("6").await.unwrap(), None);
}

pub(crate) async fn a_part_of_the_log_is_by_session_and_name(storage: Arc<dyn Storage>) {
    for (session, id, name) in
        [("default", "1", "message"), ("other", "2", "message"), ("default", "3", "message.ack")]
    {
        commit(&storage, session, vec![of(session, id, name)]).await;
    }
    let by = |session: Option<&str>, names: &[&str]| EventLogQuery {
        session: session.map(str::to_owned),
        names: names.iter().map(ToString::to_string).collect(),
        ..all()
    };
    assert_eq!(ids(&page(&storage, by(Some("default"), &[])).await), ["1", "3"]);
    assert_eq!(ids(&page(&storage, by(Some("default"), &["message"])).await), ["1"]);
    assert_eq!(ids(&page(&storage, by(None, &["message", "message.any"])).await), ["1", "2"]);
    assert_eq!(ids(&page(&storage, by(Some("unknown"), &[])).await), [""; 0]);
    // What is passed over is not looked at again.
    let none = page(&storage, by(None, &["poll.vote"])).await;
    assert_eq!((none.events.len(), none.upto), (0, storage.event_log_bounds().await.unwrap().last));
    // Of a former account as well.
    let account = |id: &str| AccountRow { id: id.to_owned(), lid: None };
    let change =
        AccountChange { former: account("a"), present: account("b"), reason: String::new(), now_ms: 1 };
    own(&storage, "default").await.rows().change_account(change).await.unwrap();
    let former = page(&storage, by(Some("default"), &[])).await;
    assert_eq!(ids(&former), ["1", "3"]);
    assert_eq!(former.events[0].event.session, "default");
}

pub(crate) async fn positions_are_given_once_also_when_all_is_forgotten(storage: Arc<dyn Storage>) {
    let unowed = |id: &str| NewEvent { subscriptions: vec![], kept: true, ..of("default", id, "message") };
    commit(&storage, "default", vec![unowed("1"), unowed("2")]).await;
    let before = storage.event_log_bounds().await.unwrap();
    assert_eq!(before.forgotten, 1, "nothing was");
    let retention =
        Retention { delivered_before_ms: 2_000, dead_before_ms: 0, sends_before_ms: 0, limit: 100 };
    storage.prune(retention).await.unwrap();
    assert_eq!(ids(&page(&storage, all()).await), [""; 0]);
    let after = storage.event_log_bounds().await.unwrap();
    assert_eq!((after.last, after.forgotten), (before.last, before.last));
    commit(&storage, "default", vec![unowed("3")]).await;
    let mark = storage.mark_event_log().await.unwrap();
    commit(&storage, "default", vec![unowed("4")]).await;
    let rest = page(&storage, EventLogQuery { after: before.last, ..all() }).await;
    assert_eq!(ids(&rest), ["3", "4"]);
    assert!(rest.events[0].position < mark && mark < rest.events[1].position);
}

pub(crate) async fn what_a_reader_asked_for_is_stored_though_nobody_is_owed_it(storage: Arc<dyn Storage>) {
    let unowed = |id: &str, kept| NewEvent { subscriptions: vec![], kept, ..of("default", id, "message") };
    let events = vec![unowed("1", false), unowed("2", true)];
    let batch = CommitBatch { only_owed: true, ..CommitBatch::from(Change::Events(events)) };
    own(&storage, "default").await.rows().commit(batch).await.unwrap();
    assert_eq!(ids(&page(&storage, all()).await), ["2"]);
    let row = |reader: &str| EventReaderRow { reader: reader.to_owned(), since: 3, until_ms: 9 };
    storage.put_event_readers(vec![row("a"), row("b")]).await.unwrap();
    storage.put_event_readers(vec![row("b"), row("c")]).await.unwrap();
    assert_eq!(storage.event_readers().await.unwrap(), [row("b"), row("c")]);
}
