//! Keys of the engine's store that are damaged or gone: the running session makes them again, nothing is lost and no key is
//! used twice.

use std::path::Path;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use wakeeper_simulator::phone::message::Outgoing as FromPhone;
use wakeeper_simulator::server::Addressing;

use super::world::*;

/// Changes the engine's database of the session, also while it is open. Answers how many rows that were.
async fn change(folder: &Path, statements: &[&'static str]) -> u64 {
    let options = SqliteConnectOptions::new().filename(folder.join("sessions/default/engine.db"));
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let mut changed = 0;
    for statement in statements {
        changed += sqlx::query(*statement).execute(&mut database).await.unwrap().rows_affected();
    }
    database.close().await.unwrap();
    changed
}

fn heard(phone: &wakeeper_simulator::phone::Phone, body: &str) -> usize {
    phone.messages(0, |entry| entry.content.text.as_deref() == Some(body)).len()
}

/// Ways in which a record of a ratchet breaks.
const DAMAGES: [(&str, &str); 4] = [
    ("noise", "UPDATE sender_keys SET record = randomblob(length(record))"),
    ("torn", "UPDATE sender_keys SET record = substr(record, 1, length(record) / 2)"),
    ("empty", "UPDATE sender_keys SET record = x''"),
    ("zeros", "UPDATE sender_keys SET record = zeroblob(length(record))"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_sender_key_is_made_again_and_distributed() {
    for addressing in [Addressing::PhoneNumber, Addressing::Lid] {
        let mut world = World::linked(addressing).await;
        let ben = world.simulator.create_phone(BEN, "Ben").unwrap();
        let group = world.ann.create_group("Three", &[OWNER.to_owned(), BEN.to_owned()]).await.unwrap();
        world.engine.send(text(&group, "before")).await;
        world.ann.send(&group, &FromPhone::text("from ann")).await.unwrap();
        world.engine.event("message", |message| message["body"] == "from ann").await;
        for (kind, statement) in DAMAGES {
            world.stop().await;
            assert!(change(world.folder.path(), &[statement]).await >= 2, "there are no sender keys");
            world.start().await;
            world.engine.status(wakeeper_waha::SessionStatus::Working).await;
            let body = format!("after {kind}");
            world.engine.send(text(&group, &body)).await;
            for phone in [&world.ann, &ben] {
                received_text(phone, &body).await;
                assert_eq!(heard(phone, &body), 1);
            }
            // What others send with the key that this device no longer has is asked for again.
            let body = format!("from ann after {kind}");
            world.ann.send(&group, &FromPhone::text(body.clone())).await.unwrap();
            world.engine.event("message", |message| message["body"] == body).await;
        }
        assert_eq!(world.simulator.oracle().reuses().len(), 0);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_signal_session_is_negotiated_anew() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.send(text(ANN, "before")).await;
    received_text(&world.ann, "before").await;
    for (kind, statement) in DAMAGES {
        world.stop().await;
        let statement: &'static str =
            Box::leak(statement.replace("sender_keys", "sessions").into_boxed_str());
        assert!(change(world.folder.path(), &[statement]).await >= 1);
        world.start().await;
        world.engine.status(wakeeper_waha::SessionStatus::Working).await;
        let body = format!("after {kind}");
        world.engine.send(text(ANN, &body)).await;
        received_text(&world.ann, &body).await;
        assert_eq!(heard(&world.ann, &body), 1);
        let body = format!("from ann after {kind}");
        world.ann.send(OWNER, &FromPhone::text(body.clone())).await.unwrap();
        world.engine.event("message", |message| message["body"] == body).await;
    }
    assert_eq!(world.simulator.oracle().reuses().len(), 0);
    world.stop().await;
}

/// A contact that writes for the first time uses a one-time pre-key that the server had from this device.
async fn first_words(world: &mut World, number: &str) {
    let contact = world.simulator.create_phone(number, "New").unwrap();
    let body = format!("first words of {number}");
    contact.send(OWNER, &FromPhone::text(body.clone())).await.unwrap();
    world.engine.event("message", |message| message["body"] == body).await;
    let answer = format!("answer to {number}");
    world.engine.send(text(number, &answer)).await;
    received_text(&contact, &answer).await;
    assert_eq!(heard(&contact, &answer), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_time_pre_keys_that_are_gone_or_damaged_are_made_again() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let ways = [
        "DELETE FROM prekeys",
        "DELETE FROM prekeys WHERE id % 2 = 0",
        "UPDATE prekeys SET key = randomblob(length(key))",
        "UPDATE prekeys SET key = substr(key, 1, 9)",
        "UPDATE prekeys SET key = x''",
    ];
    for (number, way) in (0u64..).zip(ways) {
        world.stop().await;
        assert!(change(world.folder.path(), &[way]).await >= 1);
        world.start().await;
        world.engine.status(wakeeper_waha::SessionStatus::Working).await;
        first_words(&mut world, &(628_222_000_000 + number).to_string()).await;
        // The second contact gets keys of the new batch.
        first_words(&mut world, &(628_333_000_000 + number).to_string()).await;
    }
    assert_eq!(world.simulator.oracle().reuses().len(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_time_pre_keys_that_vanish_while_the_session_runs_are_made_again() {
    let mut world = World::linked(Addressing::Lid).await;
    assert!(change(world.folder.path(), &["DELETE FROM prekeys"]).await >= 1);
    for number in 0u64..8 {
        first_words(&mut world, &(628_222_000_000 + number).to_string()).await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_pre_key_that_is_gone_or_damaged_is_made_again() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let ways = [
        "UPDATE device SET signed_pre_key = x''",
        "UPDATE device SET signed_pre_key = randomblob(64)",
        "UPDATE device SET signed_pre_key = randomblob(32) || substr(signed_pre_key, 33)",
        "UPDATE device SET signed_pre_key_signature = randomblob(64)",
        "UPDATE device SET signed_pre_key_signature = x''",
    ];
    for (number, way) in (0u64..).zip(ways) {
        world.stop().await;
        assert_eq!(change(world.folder.path(), &[way]).await, 1);
        world.start().await;
        world.engine.status(wakeeper_waha::SessionStatus::Working).await;
        first_words(&mut world, &(628_222_000_000 + number).to_string()).await;
        first_words(&mut world, &(628_333_000_000 + number).to_string()).await;
    }
    assert_eq!(world.simulator.oracle().reuses().len(), 0);
    world.stop().await;
}
