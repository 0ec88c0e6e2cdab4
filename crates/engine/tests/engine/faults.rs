//! What goes wrong, and what the session makes of it.

use wakeeper_engine::{EngineError, SendError};
use wakeeper_simulator::faults::{Fault, FaultKind};
use wakeeper_simulator::phone::message::Outgoing as FromPhone;
use wakeeper_simulator::server::Addressing;
use wakeeper_waha::{SessionConfig, SessionStatus};

use super::world::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_comes_back() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    for kind in [FaultKind::Dropped, FaultKind::RestartRequired, FaultKind::Unavailable] {
        world.simulator.set_fault(Fault::once(kind));
        let body = format!("after {kind:?}");
        world.ann.send(OWNER, &FromPhone::text(body.clone())).await.unwrap();
        world.engine.event("message", |message| message["body"] == body).await;
        world.engine.status(SessionStatus::Working).await;
        world.engine.send(text(ANN, &body)).await;
        received_text(&world.ann, &body).await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_taken_over_does_not_fight() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.simulator.set_fault(Fault::once(FaultKind::Replaced));
    world.engine.status(SessionStatus::Failed).await;
    let info = world.engine.sessions.get(&session()).await.unwrap().unwrap();
    assert!(info.reason.unwrap().contains("took over"));
    let refused = world.engine.sessions.send(&session(), text(ANN, "x"), None).await;
    assert!(matches!(
        refused,
        Err(SendError::Session(EngineError::NotReady { status: SessionStatus::Failed, .. }))
    ));
    world.engine.sessions.restart(&session()).await.unwrap();
    world.engine.status(SessionStatus::Working).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlinked_device_keeps_its_credentials_aside_and_links_anew() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    let device = world.engine.link(&world.owner).await;
    world.owner.log_out(device).unwrap();
    world.engine.status(SessionStatus::Failed).await;
    let info = world.engine.sessions.get(&session()).await.unwrap().unwrap();
    assert!(info.reason.unwrap().contains("logged out"));
    assert!(info.me.is_none());
    let folder = world.folder.path().join("sessions/default");
    let aside = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(Result::ok)
        .find(|entry| entry.file_name().to_string_lossy().starts_with("logged-out-"));
    assert!(aside.unwrap().path().join("engine.db").exists());
    world.engine.sessions.restart(&session()).await.unwrap();
    world.engine.link(&world.owner).await;
    world.engine.send(text(ANN, "linked again")).await;
    received_text(&world.ann, "linked again").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_too_old_is_said_to_be() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.sessions.stop(&session()).await.unwrap();
    world.simulator.set_fault(Fault::once(FaultKind::RejectedVersion));
    world.engine.sessions.start(&session()).await.unwrap();
    world.engine.status(SessionStatus::Failed).await;
    assert!(
        world
            .engine
            .sessions
            .get(&session())
            .await
            .unwrap()
            .unwrap()
            .reason
            .unwrap()
            .contains("update wakeeper")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_shows_how_long_it_lasts_and_keeps_the_login() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.sessions.stop(&session()).await.unwrap();
    world.simulator.set_fault(Fault::once(FaultKind::Banned));
    world.engine.sessions.start(&session()).await.unwrap();
    world.engine.status(SessionStatus::Failed).await;
    let info = world.engine.sessions.get(&session()).await.unwrap().unwrap();
    assert!(info.reason.as_ref().unwrap().contains("for 60 more minutes"), "{:?}", info.reason);
    assert!(info.me.is_some());
    world.engine.sessions.restart(&session()).await.unwrap();
    world.engine.status(SessionStatus::Working).await;
    world.engine.send(text(ANN, "after the ban")).await;
    received_text(&world.ann, "after the ban").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupted_message_is_asked_for_again() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.ann.send(OWNER, &FromPhone::text("warm up")).await.unwrap();
    world.engine.event("message", |message| message["body"] == "warm up").await;
    world.simulator.set_fault(Fault::once(FaultKind::Corrupted));
    world.ann.send(OWNER, &FromPhone::text("bent on the way")).await.unwrap();
    let waiting = world.engine.event("message.waiting", |message| message["fromMe"] == false).await;
    let came = world.engine.event("message", |message| message["body"] == "bent on the way").await;
    assert_eq!((&waiting["id"], &waiting["body"]), (&came["id"], &serde_json::json!("")), "{waiting}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_is_an_error_with_whatsapps_code() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.send(text(ANN, "warm up")).await;
    world.simulator.set_fault(Fault { code: Some(463), ..Fault::once(FaultKind::RateLimit) });
    let refused = world.engine.sessions.send(&session(), text(ANN, "too much"), None).await;
    assert!(matches!(&refused, Err(SendError::Rejected { code }) if code == "463"), "{refused:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_unlinks_and_shows_a_new_code() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.sessions.logout(&session()).await.unwrap();
    world.engine.status(SessionStatus::ScanQrCode).await;
    assert!(world.engine.sessions.get(&session()).await.unwrap().unwrap().me.is_none());
    world.engine.link(&world.owner).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_come_and_go() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    let second = "second".parse().unwrap();
    let made = world.engine.sessions.create(second, SessionConfig::default(), true).await.unwrap();
    let again = world.engine.sessions.create(made.name.clone(), SessionConfig::default(), true).await;
    assert!(matches!(again, Err(EngineError::SessionExists(_))));
    let qr = world.engine.sessions.qr(&made.name).await.unwrap();
    world.ann.scan(&qr).await.unwrap();
    world
        .engine
        .event("session.status", |payload| payload["name"] == "second" && payload["status"] == "WORKING")
        .await;
    world.engine.sessions.stop(&made.name).await.unwrap();
    assert_eq!(world.engine.sessions.list(false).await.unwrap().len(), 1);
    assert_eq!(world.engine.sessions.list(true).await.unwrap().len(), 2);
    world.engine.sessions.delete(&made.name).await.unwrap();
    assert!(world.engine.sessions.get(&made.name).await.unwrap().is_none());
    assert!(!world.folder.path().join("sessions/second").exists());
    world.stop().await;
}
