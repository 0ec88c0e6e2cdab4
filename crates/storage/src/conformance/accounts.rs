use std::sync::Arc;

use super::{all_events, event, message, own};
use crate::{
    AccountChange, AccountRow, Change, DeadLetterQuery, MessageQuery, SendBegun, SendRow, SendState, Storage,
};

fn account(id: &str) -> AccountRow {
    AccountRow { id: id.to_owned(), lid: Some(format!("{id}@lid")) }
}

fn change(former: &str, present: &str) -> AccountChange {
    AccountChange {
        former: account(former),
        present: account(present),
        reason: "another \"number\"".to_owned(),
        now_ms: 9,
    }
}

fn send(key: &str, message_id: &str, state: SendState) -> SendRow {
    SendRow {
        session: "default".to_owned(),
        idempotency_key: Some(key.to_owned()),
        request_hash: "hash".to_owned(),
        message_id: message_id.to_owned(),
        state,
        chat: "c".to_owned(),
        proto: vec![1, 2, 3],
        recipients: Vec::new(),
        error: None,
        created_ms: 1,
        updated_ms: 1,
    }
}

async fn messages(storage: &Arc<dyn Storage>) -> Vec<String> {
    let query = MessageQuery { limit: 10, ..MessageQuery::default() };
    storage.messages("default", query).await.unwrap().into_iter().map(|row| row.id).collect()
}

async fn receive(storage: &Arc<dyn Storage>, id: &str, receivers: &[&str]) {
    let row = Box::new(message("c", id));
    let events = vec![event("c", &format!("e-{id}"), receivers)];
    own(storage, "default")
        .await
        .rows()
        .commit(vec![Change::Message { row, updates: vec![], events }].into())
        .await
        .unwrap();
}

pub(crate) async fn an_account_is_kept(storage: Arc<dyn Storage>) {
    assert_eq!(storage.account("default").await.unwrap(), None);
    own(&storage, "default")
        .await
        .rows()
        .put_account(AccountRow { lid: None, ..account("a") })
        .await
        .unwrap();
    own(&storage, "default").await.rows().put_account(account("a")).await.unwrap();
    assert_eq!(storage.account("default").await.unwrap(), Some(account("a")));
    assert_eq!(storage.account("other").await.unwrap(), None);
}

pub(crate) async fn rows_of_a_former_account_are_set_apart_and_come_back(storage: Arc<dyn Storage>) {
    own(&storage, "default").await.rows().put_account(account("a")).await.unwrap();
    receive(&storage, "A1", &["hook"]).await;
    for (key, id, state) in [("k1", "S1", SendState::Accepted), ("k2", "S2", SendState::Acked)] {
        own(&storage, "default").await.rows().begin_send(send(key, id, state)).await.unwrap();
    }
    own(&storage, "default").await.rows().change_account(change("a", "b")).await.unwrap();
    assert_eq!(storage.account("default").await.unwrap(), Some(account("b")));
    assert!(messages(&storage).await.is_empty());
    assert!(storage.events_after("default", 0, 10).await.unwrap().is_empty());
    assert!(storage.unfinished_sends("default").await.unwrap().is_empty());
    assert_eq!(storage.outbox_counts().await.unwrap().pending, 1, "what is owed still arrives");

    let failed = storage.send_by_key("default", "k1").await.unwrap().unwrap();
    assert_ne!(failed.session, "default");
    assert_eq!(failed.state, SendState::Failed);
    assert_eq!(failed.error.as_deref(), Some("another \"number\""));
    let repeated = own(&storage, "default")
        .await
        .rows()
        .begin_send(send("k2", "S3", SendState::Accepted))
        .await
        .unwrap();
    assert!(matches!(repeated, SendBegun::Existing(row) if row.session != "default"), "the key stays taken");

    receive(&storage, "B1", &[]).await;
    own(&storage, "default").await.rows().change_account(change("b", "a")).await.unwrap();
    assert_eq!(messages(&storage).await, ["A1"]);
    assert_eq!(storage.send_by_key("default", "k2").await.unwrap().unwrap().session, "default");
    own(&storage, "default").await.rows().change_account(change("a", "b")).await.unwrap();
    assert_eq!(messages(&storage).await, ["B1"]);

    storage.abandon_subscription("hook", "gone", 10).await.unwrap();
    let query =
        DeadLetterQuery { session: Some("default".to_owned()), limit: 10, ..DeadLetterQuery::default() };
    assert!(
        storage.dead_letters(query).await.unwrap().is_empty(),
        "nor is a dead letter of the former shown"
    );
}

pub(crate) async fn deleting_a_session_takes_former_accounts_too(storage: Arc<dyn Storage>) {
    own(&storage, "default").await.rows().put_account(account("a")).await.unwrap();
    receive(&storage, "A1", &[]).await;
    own(&storage, "default").await.rows().begin_send(send("k", "S1", SendState::Acked)).await.unwrap();
    own(&storage, "default").await.rows().change_account(change("a", "b")).await.unwrap();
    storage.delete_session("default").await.unwrap();
    assert!(all_events(&storage).await.is_empty());
    assert_eq!(storage.account("default").await.unwrap(), None);
    assert!(storage.send_by_key("default", "k").await.unwrap().is_none());
    own(&storage, "default").await.rows().change_account(change("x", "a")).await.unwrap();
    assert!(messages(&storage).await.is_empty());
}
