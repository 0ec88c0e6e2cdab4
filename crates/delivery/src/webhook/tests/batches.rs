//! How much is stored of deliveries.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use wakeeper_model::SessionName;
use wakeeper_storage::{Change, MessageRef, MessageRow, NewEvent, Storage, WireKey, open_sqlite};
use wakeeper_waha::EventName;

use super::counting::Counting;
use super::receiver::{Receiver, Reply};
use super::{PATIENCE, Rig, hook};
use crate::webhook::{WebhookSettings, Webhooks};

/// With one webhook of the session `default`, over a storage that counts.
async fn counted(webhook: serde_json::Value, hold: Duration) -> (Rig, Arc<Counting>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let counting = Counting::over(open_sqlite(folder.path().join("wakeeper.db")).await.unwrap());
    let storage: Arc<dyn Storage> = counting.clone();
    let settings = WebhookSettings { timeout: PATIENCE * 3, hold, ..WebhookSettings::default() };
    let webhooks = Webhooks::new(Arc::clone(&storage), settings).unwrap();
    let rig = Rig { storage, webhooks, folder };
    rig.configure(&json!([webhook]));
    (rig, counting)
}

#[tokio::test]
async fn successes_are_stored_together_and_a_short_lane_is_read_once() {
    let receiver = Receiver::ok().await;
    let (rig, counting) = counted(hook(&receiver.url), PATIENCE * 3).await;
    for n in 0..40 {
        rig.emit("c", json!({"chat": "c", "n": n})).await;
    }
    for chat in ["d", "e"] {
        rig.emit(chat, json!({"chat": chat, "n": 0})).await;
    }
    rig.webhooks.start();
    rig.wait_for_pending(0).await;
    assert_eq!(receiver.first_arrivals()["c"], (0..40).collect::<Vec<_>>());
    assert_eq!(receiver.received().len(), 42);
    let mut writes = counting.writes.lock().unwrap().clone();
    writes.sort_unstable();
    assert_eq!(writes, [1, 1, 8, 16, 16], "two whole pages and a part of one, and each of the others");
    assert_eq!(counting.reads.load(Ordering::Relaxed), 5);
    rig.end().await;
}

#[tokio::test]
async fn a_failure_is_stored_at_once_with_what_was_delivered_before_it() {
    let receiver = Receiver::start(|request, earlier| {
        Reply::Status(if request.json()["payload"]["n"] == 3 && earlier == 0 { 500 } else { 200 })
    })
    .await;
    let (rig, counting) = counted(hook(&receiver.url), PATIENCE * 3).await;
    for n in 0..6 {
        rig.emit("c", json!({"chat": "c", "n": n})).await;
    }
    rig.webhooks.start();
    rig.wait_for_pending(0).await;
    assert_eq!(receiver.received().len(), 7);
    assert_eq!(*counting.writes.lock().unwrap(), [4, 3]);
    rig.end().await;
}

#[tokio::test]
async fn a_success_is_stored_while_the_receiver_takes_long_over_the_next_one() {
    let receiver =
        Receiver::start(
            |request, _| {
                if request.json()["payload"]["n"] == 2 { Reply::Hang } else { Reply::Status(200) }
            },
        )
        .await;
    let (rig, counting) = counted(hook(&receiver.url), Duration::from_millis(1)).await;
    for n in 0..4 {
        rig.emit("c", json!({"chat": "c", "n": n})).await;
    }
    rig.webhooks.start();
    rig.wait_for_pending(2).await;
    assert_eq!(receiver.received().len(), 3, "the third one has no answer yet");
    assert_eq!(counting.writes.lock().unwrap().iter().sum::<usize>(), 2);
    receiver.let_go();
    rig.wait_for_pending(0).await;
    assert_eq!(receiver.received().len(), 4, "nothing that was stored comes again");
    rig.end().await;
}

#[tokio::test]
async fn an_event_that_no_receiver_asked_for_is_not_stored_and_live_readers_hear_of_it() {
    let receiver = Receiver::ok().await;
    let mut webhook = hook(&receiver.url);
    webhook["events"] = json!(["message"]);
    let rig = Rig::new(json!([webhook])).await;
    let sink = rig.webhooks.sink();
    let name = SessionName::default_session();
    assert!(
        sink.is_heard(&name, EventName::Message, None) && !sink.is_heard(&name, EventName::MessageAck, None)
    );
    let mut live = sink.subscribe();
    assert!(sink.is_heard(&name, EventName::MessageAck, None));
    let made = |event: EventName, also| sink.event_also(&name, "c", event, also, &json!({})).unwrap();
    let events = [
        made(EventName::MessageAck, None),
        made(EventName::Message, Some(EventName::MessageAny)),
        made(EventName::MessageReaction, None),
    ];
    let told: Vec<String> = events
        .iter()
        .flat_map(|event| [Some(event.id.clone()), event.also.as_ref().map(|also| also.id.clone())])
        .flatten()
        .collect();
    let owner = rig.storage.acquire("default").await.unwrap();
    let changes: Vec<Change> = events.into_iter().map(|event| Change::Events(vec![event])).collect();
    sink.commit(&owner.rows(), changes).await.unwrap();
    let stored = rig.storage.events_after("default", 0, 10).await.unwrap();
    let names: Vec<_> = stored.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["message", "message.any"]);
    let mut heard = Vec::new();
    for _ in 0..told.len() {
        heard.push(live.recv().await.unwrap().id.clone());
    }
    assert_eq!(heard, told, "in their order");
    rig.end().await;
}

/// An own message of chat `c`.
fn own_message() -> MessageRow {
    MessageRow {
        session: "default".to_owned(),
        chat: "c".to_owned(),
        id: "M1".to_owned(),
        from_me: true,
        participant: String::new(),
        sender: "me".to_owned(),
        timestamp_s: 1,
        kind: "text".to_owned(),
        ack: 1,
        account: None,
        from_api: true,
        push_name: None,
        wire: WireKey::default(),
        target: None,
        proto: vec![1],
        described: wakeeper_storage::Described::default(),
        reply_to: None,
        edited: false,
        revoked: false,
        hidden: false,
    }
}

/// A receipt's events are made when it is stored.
#[tokio::test]
async fn live_readers_hear_of_receipts_and_what_comes_with_them_in_their_order() {
    let receiver = Receiver::ok().await;
    let mut webhook = hook(&receiver.url);
    webhook["events"] = json!(["message"]);
    let rig = Rig::new(json!([webhook])).await;
    let sink = rig.webhooks.sink();
    let name = SessionName::default_session();
    let mut live = sink.subscribe();
    let made = |event: EventName, also| sink.event_also(&name, "c", event, also, &json!({})).unwrap();
    let receipt = |ack: i32, event: &NewEvent| {
        let (event, target) = (
            event.clone(),
            MessageRef {
                session: "default".to_owned(),
                id: "M1".to_owned(),
                from_me: Some(true),
                chat: None,
            },
        );
        Change::Receipt { target, ack, told_always: false, tell: Arc::new(move |_| vec![event.clone()]) }
    };
    let (device, read) = (made(EventName::MessageAck, None), made(EventName::MessageAck, None));
    let (first, second) =
        (made(EventName::Message, Some(EventName::MessageAny)), made(EventName::Message, None));
    let any = first.also.as_ref().unwrap().id.clone();
    let told = [&first.id, &any, &device.id, &second.id, &read.id].map(String::clone);
    let row = Box::new(own_message());
    let changes = vec![
        Change::Message { row, updates: vec![], events: vec![first] },
        receipt(2, &device),
        receipt(2, &made(EventName::MessageAck, None)),
        Change::Events(vec![second]),
        receipt(3, &read),
    ];
    let owner = rig.storage.acquire("default").await.unwrap();
    let outcome = sink.commit(&owner.rows(), changes).await.unwrap();
    assert_eq!(outcome.applied, [true, true, false, true, true]);
    let mut heard = Vec::new();
    while let Ok(event) = live.try_recv() {
        heard.push(event.id.clone());
    }
    assert_eq!(heard, told, "each once");
    let stored = rig.storage.events_after("default", 0, 10).await.unwrap();
    let names: Vec<_> = stored.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["message", "message.any", "message"], "nobody asked for the others");
    rig.end().await;
}
