use std::sync::Arc;

use super::{event, message, own};
use crate::{
    AccountChange, AccountRow, Change, CommitBatch, EventRow, GenerationRow, MessageQuery, MessageRef,
    MessageRow, MessageUpdate, NewEvent, Retention, SendRow, SendState, SessionRow, Storage, StorageError,
};

fn refused<T: std::fmt::Debug>(answer: &Result<T, StorageError>, whose: &str) {
    assert!(matches!(answer, Err(StorageError::NotOwner { session }) if session == whose), "{answer:?}");
}

fn arrives(id: &str) -> CommitBatch {
    let events = vec![event("c", &format!("e-{id}"), &[])];
    Change::Message { row: Box::new(message("c", id)), updates: vec![], events }.into()
}

fn session() -> SessionRow {
    SessionRow {
        name: "default".to_owned(),
        config_json: "{}".to_owned(),
        desired: crate::Desired::Started,
        created_ms: 1,
        updated_ms: 1,
        me_json: None,
        status: None,
    }
}

fn send(session: &str) -> SendRow {
    SendRow {
        session: session.to_owned(),
        idempotency_key: None,
        request_hash: "hash".to_owned(),
        message_id: "S1".to_owned(),
        state: SendState::Accepted,
        chat: "c".to_owned(),
        proto: vec![1],
        recipients: Vec::new(),
        error: None,
        created_ms: 1,
        updated_ms: 1,
    }
}

fn generation(session: &str) -> GenerationRow {
    GenerationRow {
        session: session.to_owned(),
        login: String::new(),
        run: "run".to_owned(),
        next: None,
        writes: 1,
        written_s: 1,
        engine_file: String::new(),
        rows_file: String::new(),
        sealed: String::new(),
        renewals: 0,
        renewed_ms: None,
        renewed_because: None,
    }
}

fn account(id: &str) -> AccountRow {
    AccountRow { id: id.to_owned(), lid: None }
}

pub(crate) async fn a_session_has_one_owner(storage: Arc<dyn Storage>) {
    let owner = own(&storage, "default").await;
    let second = storage.acquire("default").await;
    assert!(matches!(&second, Err(StorageError::Owned { session }) if session == "default"), "{second:?}");
    let other = own(&storage, "other").await;
    assert_eq!((owner.session(), other.rows().session()), ("default", "other"));
    drop(owner);
    let again = own(&storage, "default").await;
    again.rows().commit(arrives("M1")).await.unwrap();
}

pub(crate) async fn who_gave_a_session_up_writes_nothing_more(storage: Arc<dyn Storage>) {
    let former = own(&storage, "default").await;
    let rows = former.rows();
    rows.put_session(session()).await.unwrap();
    rows.put_account(account("a")).await.unwrap();
    rows.put_generation(generation("default")).await.unwrap();
    rows.begin_send(send("default")).await.unwrap();
    drop(former);
    for owned_by_another in [false, true] {
        let present = if owned_by_another { Some(own(&storage, "default").await) } else { None };
        refused(&rows.put_session(SessionRow { updated_ms: 9, ..session() }).await, "default");
        refused(&rows.put_account(account("b")).await, "default");
        let change =
            AccountChange { former: account("a"), present: account("b"), reason: String::new(), now_ms: 1 };
        refused(&rows.change_account(change).await, "default");
        refused(&rows.put_generation(GenerationRow { writes: 9, ..generation("default") }).await, "default");
        refused(&rows.seen_generation("run", 9, 9).await, "default");
        refused(&rows.forget_generation().await, "default");
        refused(&rows.commit(arrives("M1")).await, "default");
        refused(
            &rows.begin_send(SendRow { message_id: "S2".to_owned(), ..send("default") }).await,
            "default",
        );
        drop(present);
    }
    assert_eq!(storage.session("default").await.unwrap(), Some(session()));
    assert_eq!(storage.account("default").await.unwrap(), Some(account("a")));
    assert_eq!(storage.generation("default").await.unwrap(), Some(generation("default")));
    assert_eq!(storage.unfinished_sends("default").await.unwrap(), [send("default")]);
    assert!(storage.events_after("default", 0, 10).await.unwrap().is_empty());
}

pub(crate) async fn an_owner_writes_no_other_sessions_rows(storage: Arc<dyn Storage>) {
    let owner = own(&storage, "default").await;
    let rows = owner.rows();
    let elsewhere = |id: &str| NewEvent { session: "other".to_owned(), ..event("c", id, &[]) };
    let target =
        || MessageRef { session: "other".to_owned(), id: "M1".to_owned(), from_me: None, chat: None };
    let told = |row: MessageRow, updates, events| Change::Message { row: Box::new(row), updates, events };
    let foreign = MessageRow { session: "other".to_owned(), ..message("c", "M1") };
    for change in [
        told(foreign, vec![], vec![]),
        told(message("c", "M1"), vec![MessageUpdate::Revoked { target: target() }], vec![]),
        told(message("c", "M1"), vec![], vec![elsewhere("e1")]),
        Change::Ack { target: target(), ack: 1, events: vec![] },
        Change::Events(vec![event("c", "e2", &[]), elsewhere("e3")]),
    ] {
        refused(
            &rows.commit(vec![Change::Events(vec![event("c", "e0", &[])]), change].into()).await,
            "other",
        );
    }
    refused(&rows.put_session(SessionRow { name: "other".to_owned(), ..session() }).await, "other");
    refused(&rows.put_generation(generation("other")).await, "other");
    refused(&rows.begin_send(send("other")).await, "other");
    let query = MessageQuery { limit: 10, ..MessageQuery::default() };
    assert!(storage.messages("default", query).await.unwrap().is_empty());
    assert!(storage.events_after("default", 0, 10).await.unwrap().is_empty(), "all of a batch or nothing");
}

pub(crate) async fn a_session_with_an_owner_is_not_deleted(storage: Arc<dyn Storage>) {
    let owner = own(&storage, "default").await;
    owner.rows().put_session(session()).await.unwrap();
    let refused = storage.delete_session("default").await;
    assert!(matches!(&refused, Err(StorageError::Owned { .. })), "{refused:?}");
    drop(owner);
    assert!(storage.delete_session("default").await.unwrap());
}

fn numbers(events: &[EventRow]) -> Vec<(i64, &str)> {
    events.iter().map(|event| (event.seq, event.id.as_str())).collect()
}

pub(crate) async fn events_are_numbered_by_session(storage: Arc<dyn Storage>) {
    let (owner, other) = (own(&storage, "default").await, own(&storage, "other").await);
    let elsewhere = |id: &str| NewEvent { session: "other".to_owned(), ..event("c", id, &[]) };
    let batch = Change::Events(vec![event("c", "e1", &[]), event("c", "e2", &[])]);
    let outcome = owner.rows().commit(batch.into()).await.unwrap();
    assert_eq!(numbers(&outcome.events), [(1, "e1"), (2, "e2")]);
    other.rows().commit(Change::Events(vec![elsewhere("o1")]).into()).await.unwrap();
    owner.rows().commit(Change::Events(vec![event("c", "e3", &[])]).into()).await.unwrap();
    let all = storage.events_after("default", 0, 10).await.unwrap();
    assert_eq!(numbers(&all), [(1, "e1"), (2, "e2"), (3, "e3")]);
    assert_eq!(numbers(&storage.events_after("default", 1, 1).await.unwrap()), [(2, "e2")]);
    assert_eq!(numbers(&storage.events_after("default", 3, 10).await.unwrap()), []);
    assert_eq!(numbers(&storage.events_after("other", 0, 10).await.unwrap()), [(1, "o1")]);
}

pub(crate) async fn numbers_are_given_once(storage: Arc<dyn Storage>) {
    let says = |id: &str| -> CommitBatch { Change::Events(vec![event("c", id, &[])]).into() };
    let owner = own(&storage, "default").await;
    let rows = owner.rows();
    rows.commit(says("e1")).await.unwrap();
    // One that fails uses none up.
    rows.commit(says("e1")).await.unwrap_err();
    assert_eq!(rows.commit(says("e2")).await.unwrap().events[0].seq, 2);
    // Forgotten events give theirs back to nobody.
    let all = Retention { delivered_before_ms: 5000, dead_before_ms: 0, sends_before_ms: 0, limit: 100 };
    assert_eq!(storage.prune(all).await.unwrap().rows, 2);
    assert_eq!(rows.commit(says("e3")).await.unwrap().events[0].seq, 3);
    // Nor does a former account, whose events may come back.
    let change = |former: &str, present: &str| AccountChange {
        former: account(former),
        present: account(present),
        reason: String::new(),
        now_ms: 1,
    };
    rows.change_account(change("a", "b")).await.unwrap();
    assert_eq!(rows.commit(says("e4")).await.unwrap().events[0].seq, 4);
    rows.change_account(change("b", "a")).await.unwrap();
    assert_eq!(rows.commit(says("e5")).await.unwrap().events[0].seq, 5);
    assert_eq!(numbers(&storage.events_after("default", 0, 10).await.unwrap()), [(3, "e3"), (5, "e5")]);
    // Nor a session of the same name.
    drop(owner);
    storage.delete_session("default").await.unwrap();
    assert_eq!(own(&storage, "default").await.rows().commit(says("e6")).await.unwrap().events[0].seq, 6);
}
