use std::sync::Arc;

use super::{message, own};
use crate::{Change, MessageRow, Retention, SendBegun, SendRow, SendState, Storage};

pub(super) fn send(key: Option<&str>, message_id: &str) -> SendRow {
    SendRow {
        session: "default".to_owned(),
        idempotency_key: key.map(str::to_owned),
        request_hash: format!("hash of {message_id}"),
        message_id: message_id.to_owned(),
        state: SendState::Accepted,
        chat: "c".to_owned(),
        proto: vec![1, 2, 3],
        recipients: vec!["1@lid".to_owned(), "628111@s.whatsapp.net".to_owned()],
        error: None,
        created_ms: 1,
        updated_ms: 1,
    }
}

pub(crate) async fn a_key_is_taken_once(storage: Arc<dyn Storage>) {
    let first = send(Some("k"), "M1");
    assert!(own(&storage, "default").await.rows().begin_send(first.clone()).await.unwrap() == SendBegun::New);
    assert!(
        own(&storage, "default").await.rows().begin_send(send(Some("k"), "M2")).await.unwrap()
            == SendBegun::Existing(Box::new(first))
    );
    assert_eq!(storage.unfinished_sends("default").await.unwrap().len(), 1);
    assert_eq!(storage.send_by_id("default", "M1").await.unwrap().unwrap().proto, [1, 2, 3]);
    assert!(storage.send_by_id("default", "M2").await.unwrap().is_none());
    assert!(storage.send_by_id("other", "M1").await.unwrap().is_none());
    let elsewhere = SendRow { session: "other".to_owned(), ..send(Some("k"), "M1") };
    assert!(own(&storage, "other").await.rows().begin_send(elsewhere).await.unwrap() == SendBegun::New);
    assert!(
        own(&storage, "default").await.rows().begin_send(send(None, "M3")).await.unwrap() == SendBegun::New
    );
    assert!(
        own(&storage, "default").await.rows().begin_send(send(None, "M4")).await.unwrap() == SendBegun::New
    );
    let again = own(&storage, "default").await.rows().begin_send(send(None, "M4")).await.unwrap();
    assert!(again == SendBegun::IdTaken, "a stanza id is never used twice");
}

pub(crate) async fn unfinished_sends_keep_their_order(storage: Arc<dyn Storage>) {
    for id in ["M3", "M1", "M2", "M4"] {
        own(&storage, "default").await.rows().begin_send(send(Some(id), id)).await.unwrap();
    }
    let error = Some("463".to_owned());
    let moved = |message_id: &str| Change::Send {
        message_id: message_id.to_owned(),
        state: SendState::Failed,
        error: error.clone(),
        now_ms: 5,
    };
    let owner = own(&storage, "default").await;
    assert_eq!(owner.rows().commit(moved("M1").into()).await.unwrap().applied, [true]);
    assert_eq!(owner.rows().commit(moved("M9").into()).await.unwrap().applied, [false]);
    let unfinished = storage.unfinished_sends("default").await.unwrap();
    assert_eq!(unfinished.iter().map(|row| row.message_id.as_str()).collect::<Vec<_>>(), ["M3", "M2", "M4"]);
    let failed = storage.send_by_key("default", "M1").await.unwrap().unwrap();
    assert!(failed.state == SendState::Failed && failed.error == error && failed.updated_ms == 5);
    assert!(failed.proto == [1, 2, 3]);
    let everything_finished =
        Retention { delivered_before_ms: 0, dead_before_ms: 0, sends_before_ms: 100, limit: 10 };
    assert_eq!(storage.prune(everything_finished).await.unwrap().rows, 1);
    assert_eq!(storage.unfinished_sends("default").await.unwrap().len(), 3);
}

pub(crate) async fn a_send_is_acked_with_its_message(storage: Arc<dyn Storage>) {
    own(&storage, "default").await.rows().begin_send(send(Some("k"), "M1")).await.unwrap();
    let moved = |message_id: &str| Change::Send {
        message_id: message_id.to_owned(),
        state: SendState::Acked,
        error: None,
        now_ms: 7,
    };
    let row = Box::new(MessageRow { from_me: true, ack: 1, ..message("c", "M1") });
    let batch = vec![Change::Message { row, updates: vec![], events: vec![] }, moved("M1"), moved("M9")];
    assert_eq!(
        own(&storage, "default").await.rows().commit(batch.into()).await.unwrap().applied,
        [true, true, false]
    );
    assert_eq!(storage.send_by_key("default", "k").await.unwrap().unwrap().state, SendState::Acked);
}
