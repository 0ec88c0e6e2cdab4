use std::sync::Arc;

use super::own;
use crate::{BulkBegun, BulkChange, BulkCounts, BulkRow, BulkState, RecipientRow, RecipientState, Storage};

fn bulk(id: &str, key: Option<&str>) -> BulkRow {
    BulkRow {
        session: "default".to_owned(),
        id: id.to_owned(),
        idempotency_key: key.map(str::to_owned),
        request_hash: format!("hash of {id}"),
        name: Some("spring".to_owned()),
        account: "me".to_owned(),
        text: "hello {name}".to_owned(),
        typing: true,
        start_ms: 10,
        min_delay_ms: 1,
        max_delay_ms: 2,
        new_per_day: Some(5),
        state: BulkState::Running,
        reason: None,
        held_until_ms: None,
        created_ms: 3,
        updated_ms: 3,
        counts: BulkCounts::default(),
    }
}

fn recipient(position: u32) -> RecipientRow {
    RecipientRow {
        position,
        chat: format!("{position}@c.us"),
        variables: Some(format!("{{\"name\":\"{position}\"}}")),
        state: RecipientState::Waiting,
        attempt: 0,
        message_id: None,
        error: None,
        is_new: false,
        updated_ms: 3,
    }
}

fn change(id: &str, from: &[BulkState], state: BulkState) -> BulkChange {
    let (reason, held_until_ms) = (Some("because".to_owned()), Some(99));
    BulkChange { id: id.to_owned(), from: from.to_vec(), state, reason, held_until_ms, now_ms: 20 }
}

pub(crate) async fn a_bulk_send_goes_from_one_to_the_next(storage: Arc<dyn Storage>) {
    let owner = own(&storage, "default").await;
    let rows = owner.rows();
    let people: Vec<_> = (0..3).map(recipient).collect();
    let begun = rows.begin_bulk(bulk("B1", Some("k")), people.clone()).await.unwrap();
    assert_eq!(begun, BulkBegun::New);
    let begun = rows.begin_bulk(bulk("B2", Some("k")), people.clone()).await.unwrap();
    let counts = BulkCounts { waiting: 3, ..BulkCounts::default() };
    let whole = BulkRow { counts, ..bulk("B1", Some("k")) };
    assert_eq!(begun, BulkBegun::Existing(Box::new(whole.clone())));
    assert_eq!(storage.bulk("default", "B1").await.unwrap(), Some(whole.clone()));
    assert_eq!(storage.bulk("default", "B2").await.unwrap(), None);
    assert_eq!(storage.bulk("other", "B1").await.unwrap(), None);
    assert_eq!(storage.bulks("default", 10, 0).await.unwrap(), std::slice::from_ref(&whole));
    assert_eq!(storage.due_bulk("default", 9).await.unwrap(), (None, Some(10)));
    assert_eq!(storage.due_bulk("default", 10).await.unwrap(), (Some(whole.clone()), Some(10)));
    assert_eq!(storage.due_bulk("other", 10).await.unwrap(), (None, None));
    assert_eq!(storage.unfinished_bulk("default", "hash of B1").await.unwrap(), Some(whole));
    assert_eq!(storage.unfinished_bulk("default", "hash of B2").await.unwrap(), None);
    assert_eq!(storage.unfinished_bulks("default").await.unwrap(), 1);
    assert_eq!(storage.recipients("default", "B1", 2, 1).await.unwrap(), people[1..]);

    for (position, state, is_new) in [
        (0, RecipientState::Sent, true),
        (1, RecipientState::Failed, false),
        (2, RecipientState::Sent, false),
    ] {
        let next = storage.next_recipient("default", "B1").await.unwrap().unwrap();
        assert_eq!(next.position, position);
        assert_eq!(storage.bulk("default", "B1").await.unwrap().unwrap().state, BulkState::Running);
        let settled = RecipientRow { state, is_new, attempt: 2, updated_ms: 30, ..next };
        rows.settle_recipient("B1", settled.clone()).await.unwrap();
        assert_eq!(storage.recipients("default", "B1", 1, position).await.unwrap(), [settled]);
    }
    assert_eq!(storage.next_recipient("default", "B1").await.unwrap(), None);
    let done = storage.bulk("default", "B1").await.unwrap().unwrap();
    assert_eq!((done.state, done.counts), (BulkState::Done, BulkCounts { waiting: 0, sent: 2, failed: 1 }));
    assert_eq!(storage.new_contacts_since("default", 30).await.unwrap(), 1);
    assert_eq!(storage.new_contacts_since("default", 31).await.unwrap(), 0);
    assert_eq!(storage.new_contacts_since("other", 0).await.unwrap(), 0);
    assert_eq!(storage.due_bulk("default", 100).await.unwrap(), (None, None));
    assert_eq!(storage.unfinished_bulk("default", "hash of B1").await.unwrap(), None);
    assert_eq!(storage.unfinished_bulks("default").await.unwrap(), 0);
    assert_eq!(storage.bulks("default", 10, 0).await.unwrap().len(), 1);
}

pub(crate) async fn a_bulk_send_moves_only_from_where_it_may(storage: Arc<dyn Storage>) {
    use BulkState::{Cancelled, Paused, Running};
    let owner = own(&storage, "default").await;
    let rows = owner.rows();
    rows.begin_bulk(bulk("B1", None), vec![recipient(0)]).await.unwrap();
    rows.begin_bulk(bulk("B2", None), vec![recipient(0)]).await.unwrap();
    assert!(!rows.change_bulk(change("B1", &[Paused], Running)).await.unwrap());
    assert!(rows.change_bulk(change("B1", &[Running], Paused)).await.unwrap());
    let paused = storage.bulk("default", "B1").await.unwrap().unwrap();
    assert_eq!(
        (paused.state, paused.reason.as_deref(), paused.held_until_ms),
        (Paused, Some("because"), Some(99))
    );
    // One that was under way when it was paused ends, and the bulk send stays paused.
    let sent = RecipientRow { state: RecipientState::Sent, ..recipient(0) };
    rows.settle_recipient("B1", sent).await.unwrap();
    assert_eq!(storage.bulk("default", "B1").await.unwrap().unwrap().state, Paused);
    assert!(rows.change_bulk(change("B1", &[Running, Paused], Cancelled)).await.unwrap());
    assert!(!rows.change_bulk(change("B1", &[Running, Paused], Running)).await.unwrap());
    assert!(!rows.change_bulk(change("B9", &[Running], Paused)).await.unwrap());
    let (due, _) = storage.due_bulk("default", 100).await.unwrap();
    assert_eq!(due.map(|row| row.id), Some("B2".to_owned()));
    // One that is held is passed over, until its time.
    assert!(rows.change_bulk(change("B2", &[Running], Running)).await.unwrap());
    assert_eq!(storage.due_bulk("default", 98).await.unwrap(), (None, Some(99)));
}

pub(crate) async fn a_bulk_send_goes_with_its_session(storage: Arc<dyn Storage>) {
    own(&storage, "default").await.rows().begin_bulk(bulk("B1", None), vec![recipient(0)]).await.unwrap();
    storage.delete_session("default").await.unwrap();
    assert_eq!(storage.bulk("default", "B1").await.unwrap(), None);
    // Nor are its recipients there for the next one of its name and number.
    let owner = own(&storage, "default").await;
    owner.rows().begin_bulk(bulk("B1", None), Vec::new()).await.unwrap();
    assert!(storage.recipients("default", "B1", 10, 0).await.unwrap().is_empty());
}
