//! Restarts and crashes: nothing is lost, nothing is sent twice.

use wakeeper_engine::SendError;
use wakeeper_simulator::phone::message::Outgoing as FromPhone;
use wakeeper_simulator::server::Addressing;
use wakeeper_storage::{Change, SendRow, SendState, SessionRow};
use wakeeper_waha::SessionStatus;

use super::world::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_login_and_brings_what_was_missed_once() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.send(text(ANN, "before")).await;
    received_text(&world.ann, "before").await;
    world.stop().await;
    // Somebody hears of messages, so each is told once.
    let rows = storage(world.folder.path()).await;
    let hook = r#"{"webhooks":[{"url":"http://127.0.0.1:9/","events":["message"]}]}"#;
    let row = SessionRow { config_json: hook.to_owned(), ..rows.session("default").await.unwrap().unwrap() };
    rows.acquire("default").await.unwrap().rows().put_session(row).await.unwrap();
    rows.close().await;
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

const TWO_DAYS_MS: i64 = 2 * 24 * 60 * 60 * 1_000;

/// A device asked for a message again, and the process ended before it answered.
fn asked_again(world: &World, id: &str, asked_ms: i64) {
    let ann = format!("{ANN}@s.whatsapp.net");
    let request =
        serde_json::json!([{"id": id, "chat": ann, "requester": ann, "count": 1, "asked_ms": asked_ms}]);
    let file = world.folder.path().join("sessions/default/asked-again.json");
    std::fs::write(file, request.to_string()).unwrap();
}

/// The time from which a device may ask counts from when the message went out, not from when it was accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_waited_for_days_is_given_to_a_device_that_asks_again() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.sessions.send(&session(), text(ANN, "late"), Some(key("model"))).await.unwrap();
    let model = row_of(&world, "model").await;
    let now_ms = model.updated_ms;
    let row = SendRow {
        message_id: "3EB0LATE00000001".to_owned(),
        idempotency_key: Some("k".to_owned()),
        state: SendState::Accepted,
        created_ms: model.created_ms - TWO_DAYS_MS,
        updated_ms: model.created_ms - TWO_DAYS_MS,
        ..model
    };
    world.stop().await;
    let rows = storage(world.folder.path()).await;
    rows.acquire("default").await.unwrap().rows().begin_send(row).await.unwrap();
    rows.close().await;
    world.start().await;
    received(&world.ann, |entry| entry.id == "3EB0LATE00000001").await;
    world.engine.sessions.send(&session(), text(ANN, "late"), Some(key("k"))).await.unwrap();
    assert_eq!(row_of(&world, "k").await.state, SendState::Acked, "it does not go out again by itself");
    world.stop().await;
    asked_again(&world, "3EB0LATE00000001", now_ms);
    world.start().await;
    received(&world.ann, |entry| entry.id == "3EB0LATE00000001" && entry.copies == 2).await;
    assert_eq!(world.simulator.oracle().reuses().len(), 0);
    world.stop().await;
}

/// WhatsApp has the message and its caller heard so. That its row cannot be stored takes nothing back, and it is not sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_send_whose_message_cannot_be_stored_is_done_all_the_same() {
    use sqlx::{ConnectOptions, Connection};

    let mut world = World::linked(Addressing::PhoneNumber).await;
    let file = world.folder.path().join("wakeeper.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).busy_timeout(PATIENCE);
    let mut rows = options.connect().await.unwrap();
    sqlx::query("CREATE TRIGGER damage BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'no'); END")
        .execute(&mut rows)
        .await
        .unwrap();
    world.engine.sessions.send(&session(), text(ANN, "told"), Some(key("k"))).await.unwrap();
    let stored = async {
        while row_of(&world, "k").await.state != SendState::Acked {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, stored).await.expect("the end of the send is stored");
    let health = world.engine.sessions.health().await;
    assert_eq!(health.sessions[0].connection_ends.get("not_stored"), Some(&1), "it is told");
    sqlx::query("DROP TRIGGER damage").execute(&mut rows).await.unwrap();
    rows.close().await.unwrap();
    let again = world.engine.sessions.send(&session(), text(ANN, "told"), Some(key("k"))).await.unwrap();
    assert!(again.replayed);
    world.restart().await;
    world.engine.send(text(ANN, "the next one")).await;
    received_text(&world.ann, "the next one").await;
    let shown = world.ann.messages(0, |entry| entry.content.text.as_deref() == Some("told"));
    assert_eq!((shown.len(), shown[0].copies), (1, 1), "it does not go out again");
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
