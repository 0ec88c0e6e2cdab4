//! No descriptor of a session's database outlives its client, however the client ends.

use std::path::Path;
use std::time::{Duration, Instant};

use wakeeper_engine::EngineConfig;
use wakeeper_model::SessionName;
use wakeeper_simulator::server::Addressing;
use wakeeper_waha::{SessionConfig, SessionStatus};

use super::world::*;

/// Lives of a client in each test.
const CYCLES: usize = 60;
/// Less than the 160 seconds for which whatsapp-rust's own task would hold on.
const SOON: Duration = Duration::from_mins(1);

/// Open descriptors of this process on engine databases below `folder`, also on removed ones.
fn open_databases(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().unwrap();
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.starts_with(&folder))
        .map(|target| target.to_string_lossy().into_owned())
        .filter(|target| target.contains("engine.db"))
        .collect()
}

/// Waits until not more than `most` descriptors are open.
async fn closed(folder: &Path, most: usize) {
    let started = Instant::now();
    loop {
        let open = open_databases(folder);
        if open.len() <= most {
            return;
        }
        assert!(started.elapsed() < SOON, "{} descriptors, at most {most} expected: {open:#?}", open.len());
        tokio::task::yield_now().await;
    }
}

async fn shows_a_code(world: &World, name: &SessionName) {
    world.engine.sessions.qr(name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_deleted_before_they_are_linked_leave_none() {
    let world = World::new(Addressing::PhoneNumber).await;
    world.engine.sessions.stop(&session()).await.unwrap();
    closed(world.folder.path(), 0).await;
    for number in 0..CYCLES {
        let name: SessionName = format!("s{number}").parse().unwrap();
        world.engine.sessions.create(name.clone(), SessionConfig::default(), true).await.unwrap();
        shows_a_code(&world, &name).await;
        world.engine.sessions.delete(&name).await.unwrap();
    }
    closed(world.folder.path(), 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_before_the_link_leave_none() {
    let world = World::new(Addressing::PhoneNumber).await;
    shows_a_code(&world, &session()).await;
    let one = open_databases(world.folder.path()).len();
    assert!(one > 0);
    for _ in 0..CYCLES {
        world.engine.sessions.restart(&session()).await.unwrap();
        shows_a_code(&world, &session()).await;
    }
    closed(world.folder.path(), one).await;
    for _ in 0..10 {
        world.engine.sessions.logout(&session()).await.unwrap();
        shows_a_code(&world, &session()).await;
    }
    closed(world.folder.path(), one).await;
    world.engine.sessions.stop(&session()).await.unwrap();
    closed(world.folder.path(), 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_and_logouts_of_a_linked_session_leave_none() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.engine.send(text(ANN, "hello")).await;
    for _ in 0..CYCLES {
        world.engine.sessions.restart(&session()).await.unwrap();
        world.engine.status(SessionStatus::Working).await;
    }
    world.engine.sessions.stop(&session()).await.unwrap();
    closed(world.folder.path(), 0).await;
    world.engine.sessions.start(&session()).await.unwrap();
    world.engine.status(SessionStatus::Working).await;
    for _ in 0..10 {
        world.engine.sessions.logout(&session()).await.unwrap();
        world.engine.link(&world.owner).await;
    }
    world.engine.sessions.stop(&session()).await.unwrap();
    closed(world.folder.path(), 0).await;
    world.stop().await;
    closed(world.folder.path(), 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_tries_to_reach_a_silent_server_leaves_none_and_stops_at_once() {
    // Takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = EngineConfig {
        auth_info_dir: folder.path().to_owned(),
        websocket_url: Some(format!("ws://{address}/ws/chat")),
        ..EngineConfig::default()
    };
    let engine = Engine::try_open_with(elsewhere).await.unwrap();
    for _ in 0..CYCLES {
        let (_held, _) = silent.accept().await.unwrap();
        assert_eq!(engine.sessions.get(&session()).await.unwrap().unwrap().status, SessionStatus::Starting);
        let started = Instant::now();
        engine.sessions.restart(&session()).await.unwrap();
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    }
    let one = open_databases(folder.path()).len();
    assert!(one <= 6, "{one}");
    engine.sessions.shutdown().await;
    closed(folder.path(), 0).await;
}

/// The database, its log, the log's index, and one that SQLite keeps for whoever reads or writes beside the client.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_works_keeps_no_more_of_its_database_open_than_it_must() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    for round in 0..3 {
        world.engine.send(text(ANN, &format!("text {round}"))).await;
        world.restart().await;
        world.engine.status(SessionStatus::Working).await;
    }
    world.engine.send(text(ANN, "the last")).await;
    closed(world.folder.path(), 4).await;
    world.stop().await;
}
