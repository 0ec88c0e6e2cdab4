//! Restarts and crashes: nothing is lost, nothing is sent twice.

use wakeeper_engine::SendError;
use wakeeper_simulator::phone::message::Outgoing as FromPhone;
use wakeeper_simulator::server::Addressing;
use wakeeper_storage::{Change, SendRow, SendState};
use wakeeper_waha::SessionStatus;

use super::world::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_login_and_brings_what_was_missed_once() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.send(text(ANN, "before")).await;
    received_text(&world.ann, "before").await;
    world.stop().await;
    for n in 0..20 {
        world.ann.send(OWNER, &FromPhone::text(format!("missed {n}"))).await.unwrap();
    }
    world.start().await;
    world.engine.event("message", |message| message["body"] == "missed 19").await;
    world.engine.status(SessionStatus::Working).await;
    let statuses = world.engine.sessions.get(&session()).await.unwrap().unwrap().statuses;
    assert!(statuses.iter().all(|change| change.status != SessionStatus::ScanQrCode), "{statuses:?}");
    world.restart().await;
    world.engine.status(SessionStatus::Working).await;
    let stored = world.engine.messages(ANN).await;
    let missed: Vec<_> = stored
        .iter()
        .filter_map(|message| message["body"].as_str())
        .filter(|body| body.starts_with("missed"))
        .collect();
    assert_eq!(missed, (0..20).map(|n| format!("missed {n}")).collect::<Vec<_>>());
    let events = world.engine.storage.events_after("default", 0, 1000).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.name == "message").count(), 20);
    world.engine.send(text(ANN, "after")).await;
    received_text(&world.ann, "after").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_sends_once() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let send =
        async |body: &str| world.engine.sessions.send(&session(), text(ANN, body), Some(key("k1"))).await;
    let (first, second) = tokio::join!(send("once"), send("once"));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.payload, second.payload);
    assert!(first.replayed != second.replayed);
    assert!(matches!(send("something else").await, Err(SendError::IdempotencyConflict)));
    world.engine.send(text(ANN, "end")).await;
    received_text(&world.ann, "end").await;
    assert_eq!(world.ann.messages(0, |entry| entry.content.text.as_deref() == Some("once")).len(), 1);
    world.restart().await;
    world.engine.status(SessionStatus::Working).await;
    let third = world.engine.sessions.send(&session(), text(ANN, "once"), Some(key("k1"))).await.unwrap();
    assert!(third.replayed);
    assert_eq!(third.payload, first.payload);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_stores_how_the_last_send_ended() {
    let world = World::linked(Addressing::PhoneNumber).await;
    world.engine.sessions.send(&session(), text(ANN, "last"), Some(key("last"))).await.unwrap();
    world.engine.sessions.shutdown().await;
    // Read as another process does, which waits for nothing that is to be stored.
    let rows = wakeeper_storage::read_sqlite(world.folder.path().join("wakeeper.db")).await.unwrap();
    assert_eq!(rows.send_by_key("default", "last").await.unwrap().unwrap().state, SendState::Acked);
    rows.close().await;
}

/// The row of the send under a key.
async fn row_of(world: &World, key: &str) -> SendRow {
    world.engine.storage.send_by_key("default", key).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_cut_off_before_it_left_goes_out_after_the_restart() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.sessions.send(&session(), text(ANN, "model"), Some(key("model"))).await.unwrap();
    let row = SendRow {
        message_id: "3EB0CRASHED0001".to_owned(),
        idempotency_key: Some("k".to_owned()),
        state: SendState::Accepted,
        ..row_of(&world, "model").await
    };
    // As a process leaves it that is killed between accepting and sending.
    world.stop().await;
    let rows = storage(world.folder.path()).await;
    rows.acquire("default").await.unwrap().rows().begin_send(row).await.unwrap();
    rows.close().await;
    world.start().await;
    let entry = received(&world.ann, |entry| entry.id == "3EB0CRASHED0001").await;
    assert_eq!(entry.content.text.as_deref(), Some("model"));
    let again = world.engine.sessions.send(&session(), text(ANN, "model"), Some(key("k"))).await.unwrap();
    assert!(again.replayed);
    assert_eq!(stanza_id(&again), "3EB0CRASHED0001");
    assert_eq!(row_of(&world, "k").await.state, SendState::Acked);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_cut_off_after_it_left_is_repeated_under_its_id_and_shown_once() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let sent = world.engine.sessions.send(&session(), text(ANN, "cut off"), Some(key("k"))).await.unwrap();
    let id = stanza_id(&sent);
    received_text(&world.ann, "cut off").await;
    world.stop().await;
    let rows = storage(world.folder.path()).await;
    let back = Change::Send { message_id: id.clone(), state: SendState::Accepted, error: None, now_ms: 0 };
    let owner = rows.acquire("default").await.unwrap();
    assert_eq!(owner.rows().commit(back.into()).await.unwrap().applied, [true]);
    rows.close().await;
    world.start().await;
    world.engine.status(SessionStatus::Working).await;
    world.engine.send(text(ANN, "the next one")).await;
    received_text(&world.ann, "the next one").await;
    assert_eq!(
        row_of(&world, "k").await.state,
        SendState::Acked,
        "the repeat comes before the next message of the chat"
    );
    let shown = world.ann.messages(0, |entry| entry.id == id);
    assert_eq!((shown.len(), shown[0].copies), (1, 1));
    assert_eq!(world.simulator.oracle().reuses().len(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_engine_on_the_same_folder_is_refused_by_name() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    let refused = Engine::try_open(&world.simulator, world.folder.path()).await.err().unwrap();
    let text = refused.to_string();
    assert!(text.contains("in use") && text.contains(&world.folder.path().display().to_string()), "{text}");
    world.stop().await;
}
