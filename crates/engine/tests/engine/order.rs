//! Sends of one chat: none waits for the acknowledgement of another, and all keep the order of their rows.

use std::time::Duration;

use tokio::task::JoinHandle;
use wakeeper_engine::{SendError, Sent};
use wakeeper_simulator::faults::{Fault, FaultKind};
use wakeeper_simulator::phone::Phone;
use wakeeper_simulator::server::Addressing;
use wakeeper_storage::{SendRow, SendState};
use wakeeper_waha::SessionStatus;

use super::world::*;

/// As the engine has it: sends of one chat that wait for acknowledgements at once.
const WINDOW: usize = 64;

type Sending = JoinHandle<Result<Sent, SendError>>;

fn send_all(world: &World, chat: &str, texts: impl IntoIterator<Item = String>) -> Vec<Sending> {
    let sends = texts.into_iter().map(|body| {
        let (sessions, outgoing) = (world.engine.sessions.clone(), text(chat, &body));
        tokio::spawn(async move { sessions.send(&session(), outgoing, None).await })
    });
    sends.collect()
}

fn numbered(name: &'static str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |n| format!("{name} {n}"))
}

/// Acknowledgements wait until faults are cleared.
fn withhold(world: &World) {
    world.simulator.set_fault(Fault::once(FaultKind::AcksWithheld).lasting(Duration::from_hours(1)));
}

fn arrived(phone: &Phone) -> Vec<String> {
    phone.messages(0, |entry| !entry.from_me).into_iter().map(|entry| entry.id).collect()
}

/// Waits until a person has so many messages, and gives their ids in the order of their arrival.
async fn arrivals(phone: &Phone, count: usize) -> Vec<String> {
    let enough = |phone: &Phone| Some(arrived(phone)).filter(|arrived| arrived.len() >= count);
    let found = phone.wait(PATIENCE, enough).await;
    found.unwrap_or_else(|| panic!("{} of {count} messages came", arrived(phone).len()))
}

/// The ids of sends that are not acknowledged, in the order of their rows.
async fn unfinished(world: &World) -> Vec<String> {
    let rows = world.engine.storage.unfinished_sends("default").await.unwrap();
    rows.into_iter().map(|row| row.message_id).collect()
}

async fn stored(world: &World, chat: &str) -> Vec<String> {
    let messages = world.engine.messages(chat).await;
    let id = |message: &serde_json::Value| {
        message["id"].as_str().unwrap().parse::<wakeeper_model::MessageId>().unwrap().stanza_id
    };
    messages.iter().map(id).collect()
}

async fn all_sent(sends: Vec<Sending>) {
    for send in sends {
        send.await.unwrap().unwrap();
    }
}

fn counter(world: &World, name: &str) -> u64 {
    world.simulator.state()["counters"][name].as_u64().unwrap_or_default()
}

async fn none_waits_for_another(addressing: Addressing) {
    let mut world = World::linked(addressing).await;
    world.engine.send(text(ANN, "before")).await;
    withhold(&world);
    let sends = send_all(&world, ANN, numbered("text", WINDOW + 10));
    let on_the_way = arrivals(&world.ann, 1 + WINDOW).await.split_off(1);
    assert_eq!(
        unfinished(&world).await,
        on_the_way,
        "as many as the window holds, in the order of their rows"
    );
    assert!(sends.iter().all(|send| !send.is_finished()), "nobody was acknowledged yet");
    world.simulator.server().clear_faults();
    all_sent(sends).await;
    let all = arrivals(&world.ann, 1 + WINDOW + 10).await;
    assert_eq!(all[1..=WINDOW], on_the_way);
    assert_eq!(stored(&world, ANN).await, all, "stored in the same order");
    assert_eq!(world.simulator.oracle().reuses().len(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_send_waits_for_the_acknowledgement_of_another_by_phone_number() {
    none_waits_for_another(Addressing::PhoneNumber).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_send_waits_for_the_acknowledgement_of_another_by_lid() {
    none_waits_for_another(Addressing::Lid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_refused_fails_and_the_others_arrive_in_their_order() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.send(text(ANN, "before")).await;
    withhold(&world);
    let mut sends = send_all(&world, ANN, numbered("first", 5));
    arrivals(&world.ann, 6).await;
    world.simulator.set_fault(Fault { code: Some(463), ..Fault::once(FaultKind::RateLimit) });
    sends.extend(send_all(&world, ANN, numbered("then", 10)));
    let came = arrivals(&world.ann, 15).await;
    let mut rows = unfinished(&world).await;
    assert_eq!(rows.len(), 15);
    world.simulator.server().clear_faults();
    let mut refused = 0;
    for send in sends {
        match send.await.unwrap() {
            Ok(_) => {}
            Err(SendError::Rejected { code }) if code == "463" => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 1);
    rows.retain(|id| came.contains(id));
    assert_eq!(came[1..], rows);
    assert_eq!(stored(&world, ANN).await, came);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_connection_those_without_an_acknowledgement_go_out_first() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.send(text(ANN, "before")).await;
    withhold(&world);
    let mut sends = send_all(&world, ANN, numbered("text", 20));
    arrivals(&world.ann, 21).await;
    let repeated = counter(&world, "messages_repeated");
    world.simulator.set_fault(Fault::once(FaultKind::Dropped));
    world.engine.event("session.status", |status| status["status"] == "STARTING").await;
    sends.extend(send_all(&world, ANN, numbered("new", 5)));
    let came = arrivals(&world.ann, 26).await;
    assert!(counter(&world, "messages_repeated") >= repeated + 20, "the repeats came before the new ones");
    assert_eq!(came[1..], unfinished(&world).await);
    world.simulator.server().clear_faults();
    all_sent(sends).await;
    let shown = world.ann.messages(0, |entry| !entry.from_me);
    assert!(shown.iter().all(|entry| entry.copies == 1), "each once");
    assert_eq!(shown.len(), 26);
    assert_eq!(world.simulator.oracle().reuses().len(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_unfinished_sends_go_out_in_the_order_of_their_rows() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.sessions.send(&session(), text(ANN, "model"), Some(key("model"))).await.unwrap();
    let model = world.engine.storage.send_by_key("default", "model").await.unwrap().unwrap();
    // As a process leaves them that is killed while they wait for their acknowledgements. The ids are in no order.
    let ids: Vec<String> = (0..WINDOW).map(|n| format!("3EB0CRASHED{:05}", n * 37 % 1000)).collect();
    world.stop().await;
    let rows = storage(world.folder.path()).await;
    {
        let owner = rows.acquire("default").await.unwrap();
        for id in &ids {
            let row = SendRow {
                message_id: id.clone(),
                idempotency_key: Some(id.clone()),
                state: SendState::Accepted,
                ..model.clone()
            };
            owner.rows().begin_send(row).await.unwrap();
        }
    }
    rows.close().await;
    withhold(&world);
    world.start().await;
    // Asked for again while it is under way: it waits for the one that is.
    let (sessions, again) = (world.engine.sessions.clone(), text(ANN, "model"));
    let under = key(&ids[7]);
    let again = tokio::spawn(async move { sessions.send(&session(), again, Some(under)).await });
    let came = arrivals(&world.ann, 1 + WINDOW).await;
    assert_eq!(came[1..], ids);
    world.simulator.server().clear_faults();
    let again = again.await.unwrap().unwrap();
    assert!(again.replayed);
    assert_eq!(stanza_id(&again), ids[7]);
    world.engine.send(text(ANN, "after")).await;
    received_text(&world.ann, "after").await;
    let shown = world.ann.messages(0, |entry| !entry.from_me);
    assert!(shown.len() == WINDOW + 2 && shown.iter().all(|entry| entry.copies == 1), "each once");
    world.stop().await;
}

/// The message that is refused hands out the group's key: without it, nobody could read what follows.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_takes_no_groups_key_with_it() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    // What follows the link is over then.
    world.simulator.create_phone("628111000009", "Cat").unwrap();
    world.engine.send(text("628111000009", "before")).await;
    let ben = world.simulator.create_phone(BEN, "Ben").unwrap();
    let group = world.ann.create_group("Three", &[OWNER.to_owned(), BEN.to_owned()]).await.unwrap();
    world.simulator.set_fault(Fault { code: Some(463), ..Fault::once(FaultKind::RateLimit) });
    let sends = send_all(&world, &group, numbered("text", 6));
    let mut refused = 0;
    for send in sends {
        match send.await.unwrap() {
            Ok(_) => {}
            Err(SendError::Rejected { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 1);
    let order = stored(&world, &group).await;
    for phone in [&world.ann, &ben] {
        let came = arrivals(phone, 5).await;
        assert_eq!(came, order);
        let entries = phone.messages(0, |entry| !entry.from_me);
        assert!(entries.iter().all(|entry| entry.failures == 0), "each could be read when it came");
    }
    // The key is known now, so nobody waits for anybody.
    withhold(&world);
    let sends = send_all(&world, &group, numbered("more", 10));
    arrivals(&ben, 15).await;
    assert!(sends.iter().all(|send| !send.is_finished()));
    world.simulator.server().clear_faults();
    all_sent(sends).await;
    assert_eq!(stored(&world, &group).await, arrived(&ben));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_far_away_gets_and_acknowledges_all_in_order() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.simulator.set_fault(Fault {
        delay_ms: Some(100),
        ..Fault::once(FaultKind::LongWay).lasting(Duration::from_hours(1))
    });
    all_sent(send_all(&world, ANN, numbered("text", 100))).await;
    let came = arrivals(&world.ann, 100).await;
    assert_eq!(stored(&world, ANN).await, came);
    assert_eq!(world.engine.sessions.get(&session()).await.unwrap().unwrap().status, SessionStatus::Working);
    world.stop().await;
}
