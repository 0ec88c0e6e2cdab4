//! Another phone number in a session's place: it is told, and neither number sees or sends the other's messages.

use serde_json::Value;
use wakeeper_engine::{CallError, SendError};
use wakeeper_simulator::faults::{Fault, FaultKind};
use wakeeper_simulator::phone::Phone;
use wakeeper_simulator::phone::message::Outgoing as FromPhone;
use wakeeper_simulator::server::Addressing;
use wakeeper_waha::SessionStatus;

use super::world::*;

async fn hears(world: &mut World, number: &str, body: &str) {
    world.ann.send(number, &FromPhone::text(body)).await.unwrap();
    world.engine.event("message", |message| message["body"] == body).await;
}

async fn bodies(world: &World) -> Vec<String> {
    let messages = world.engine.messages(ANN).await;
    messages.iter().map(|message| message["body"].as_str().unwrap().to_owned()).collect()
}

/// Has the phone unlink the device and the session show a new code.
async fn unlink(world: &mut World, phone: &Phone, device: u16) {
    phone.log_out(device).unwrap();
    world.engine.status(SessionStatus::Failed).await;
    world.engine.sessions.restart(&session()).await.unwrap();
}

/// Links a phone and answers its device and the event that told of it.
async fn link(world: &mut World, phone: &Phone) -> (u16, Value) {
    world.engine.status(SessionStatus::ScanQrCode).await;
    let qr = world.engine.sessions.qr(&session()).await.unwrap();
    let device = phone.scan(&qr).await.unwrap();
    let told = world.engine.event("session.status", |payload| payload["status"] == "WORKING").await;
    (device, told)
}

async fn switched(addressing: Addressing) {
    let mut world = World::new(addressing).await;
    let ben = world.simulator.create_phone(BEN, "Ben").unwrap();
    let owner = world.owner.clone();
    let (device, told) = link(&mut world, &owner).await;
    assert_eq!(told["reason"], Value::Null, "the first number is no news");
    hears(&mut world, OWNER, "secret of the owner").await;
    let sent = world.engine.send(text(ANN, "from the owner")).await;
    received_text(&world.ann, "from the owner").await;
    let call = world.ann.ring(OWNER, false).unwrap();
    world.engine.event("call.received", |told| told["id"] == call.as_str()).await;
    let past = world.folder.path().join("default/history");
    std::fs::create_dir_all(&past).unwrap();
    std::fs::write(past.join("0-of-the-owner.history"), b"a part that waits").unwrap();

    unlink(&mut world, &owner, device).await;
    assert_eq!(std::fs::read_dir(&past).unwrap().count(), 0, "a history goes with its login");
    let (device, told) = link(&mut world, &ben).await;
    let reason = told["reason"].as_str().expect("the event tells");
    assert!(
        reason.contains("another phone number") && reason.contains("0003") && reason.contains("0001"),
        "{reason}"
    );
    let info = world.engine.sessions.get(&session()).await.unwrap().unwrap();
    assert_eq!(info.reason.as_deref(), Some(reason));
    assert_eq!(info.me.unwrap().id, chat(BEN));
    let rings = world.engine.sessions.reject_call(&session(), &chat(ANN), &call).await;
    assert!(matches!(rings, Err(CallError::NotFound)), "the call was for the owner: {rings:?}");
    assert!(bodies(&world).await.is_empty(), "{:?}", bodies(&world).await);
    let of_the_owner = shown(&sent)["id"].as_str().unwrap().parse().unwrap();
    let edit = wakeeper_engine::Delete { message: of_the_owner };
    let edited = world.engine.sessions.send(&session(), wakeeper_engine::Outgoing::Delete(edit), None).await;
    assert!(matches!(edited, Err(SendError::MessageNotFound)), "{edited:?}");
    hears(&mut world, BEN, "for Ben").await;
    assert_eq!(bodies(&world).await, ["for Ben"]);

    // Known after a restart as well, and no news any more.
    world.restart().await;
    world.engine.status(SessionStatus::Working).await;
    assert_eq!(bodies(&world).await, ["for Ben"]);
    assert_eq!(world.engine.sessions.get(&session()).await.unwrap().unwrap().reason, None);

    // The same number again keeps what is there; the first one finds its own.
    unlink(&mut world, &ben, device).await;
    let (device, told) = link(&mut world, &ben).await;
    assert_eq!(told["reason"], Value::Null);
    assert_eq!(bodies(&world).await, ["for Ben"]);
    unlink(&mut world, &ben, device).await;
    let (_, told) = link(&mut world, &owner).await;
    assert!(told["reason"].is_string());
    assert_eq!(bodies(&world).await, ["secret of the owner", "from the owner"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_is_told_and_never_sees_the_formers_messages() {
    switched(Addressing::PhoneNumber).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_when_people_are_addressed_by_lid() {
    switched(Addressing::Lid).await;
}

/// A send that the server never took, from a number that is unlinked then.
async fn pending(world: &mut World, ben: &Phone, restart_in_between: bool) {
    let owner = world.owner.clone();
    let (device, _) = link(world, &owner).await;
    world.engine.send(text(ANN, "warm up")).await;
    world.simulator.set_fault(Fault::once(FaultKind::Stalled));
    let (sessions, storage) = (world.engine.sessions.clone(), std::sync::Arc::clone(&world.engine.storage));
    let waiting = tokio::spawn(async move {
        sessions.send(&session(), text(ANN, "only from the owner"), Some(key("k"))).await
    });
    while storage.unfinished_sends("default").await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    owner.log_out(device).unwrap();
    world.engine.sessions.restart(&session()).await.unwrap();
    world.engine.status(SessionStatus::Failed).await;
    if restart_in_between {
        world.restart().await;
    } else {
        world.engine.sessions.restart(&session()).await.unwrap();
    }
    link(world, ben).await;
    let result = waiting.await.unwrap();
    if !restart_in_between {
        assert!(matches!(result, Err(SendError::OtherAccount)), "{result:?}");
    }
    assert!(world.engine.storage.unfinished_sends("default").await.unwrap().is_empty());
    let repeated =
        world.engine.sessions.send(&session(), text(ANN, "only from the owner"), Some(key("k"))).await;
    assert!(matches!(repeated, Err(SendError::OtherAccount)), "{repeated:?}");
    world.engine.send(text(ANN, "from Ben")).await;
    received_text(&world.ann, "from Ben").await;
    let seen = world.ann.messages(0, |entry| entry.content.text.as_deref() == Some("only from the owner"));
    assert!(seen.is_empty(), "it was sent from the other number");
    let row = world.engine.storage.send_by_key("default", "k").await.unwrap().unwrap();
    assert!(row.error.unwrap().contains("another phone number"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_of_the_former_number_never_goes_out_from_the_new_one() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    let ben = world.simulator.create_phone(BEN, "Ben").unwrap();
    pending(&mut world, &ben, false).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_after_a_restart_of_the_gateway() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    let ben = world.simulator.create_phone(BEN, "Ben").unwrap();
    pending(&mut world, &ben, true).await;
    world.stop().await;
}
