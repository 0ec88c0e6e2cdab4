//! The status of a session follows what is seen of its connection, whatever the client does by itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wakeeper_engine::{EngineConfig, SessionHealth, WatchTimes};
use wakeeper_simulator::faults::{Fault, FaultKind};
use wakeeper_simulator::phone::message::Outgoing as FromPhone;
use wakeeper_simulator::server::Addressing;
use wakeeper_waha::SessionStatus;

use super::world::*;

/// The times of the watch, thirty times as fast.
fn quick() -> WatchTimes {
    WatchTimes {
        tick: Duration::from_millis(200),
        probe: Duration::from_millis(600),
        deaf: Duration::from_millis(1500),
        acknowledged: Duration::from_millis(1500),
    }
}

async fn watched() -> World {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let config = EngineConfig { watch: quick(), ..config(&world.simulator, world.folder.path()) };
    world.restart_with(config).await;
    world.engine.status(SessionStatus::Working).await;
    world
}

impl Engine {
    /// Waits until the session's status is another one. Answers the reason.
    async fn leaves(&mut self, status: SessionStatus) -> String {
        if self.now().await == status {
            self.event("session.status", |payload| payload["status"] != status.as_str()).await;
        }
        self.sessions.get(&session()).await.unwrap().unwrap().reason.unwrap_or_default()
    }

    async fn now(&self) -> SessionStatus {
        self.sessions.get(&session()).await.unwrap().unwrap().status
    }

    async fn evidence(&self) -> SessionHealth {
        self.sessions.health().await.sessions.remove(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_deaf_is_noticed_and_left() {
    let mut world = watched().await;
    for kind in [FaultKind::Stalled, FaultKind::HalfOpen, FaultKind::Unheard] {
        world.simulator.set_fault(Fault::once(kind));
        let reason = world.engine.leaves(SessionStatus::Working).await;
        assert!(reason.contains("does not answer"), "{kind:?}: {reason}");
        world.engine.status(SessionStatus::Working).await;
        let body = format!("after {kind:?}");
        world.ann.send(OWNER, &FromPhone::text(body.clone())).await.unwrap();
        world.engine.event("message", |message| message["body"] == body).await;
        world.engine.send(text(ANN, &body)).await;
        received_text(&world.ann, &body).await;
    }
    assert_eq!(world.engine.evidence().await.connection_ends.get("deaf"), Some(&3));
    assert_eq!(world.simulator.oracle().reuses().len(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_deaf_is_never_called_working() {
    let mut world = watched().await;
    let long = Duration::from_mins(10);
    world.simulator.set_fault(Fault::once(FaultKind::HalfOpen).lasting(long));
    world.engine.leaves(SessionStatus::Working).await;
    let until = Instant::now() + Duration::from_secs(15);
    let came_back = world.engine.event("session.status", |payload| payload["status"] == "WORKING");
    let waited = tokio::time::timeout_at(until.into(), came_back).await;
    assert!(waited.is_err(), "it was called WORKING again");
    let info = world.engine.sessions.get(&session()).await.unwrap().unwrap();
    assert!(info.reason.is_some(), "{:?}", info.status);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_stays_working() {
    let mut world = watched().await;
    // Many times what a deaf server is given.
    let change = world.engine.event("session.status", |_| true);
    let changed = tokio::time::timeout(Duration::from_secs(8), change).await;
    assert!(changed.is_err(), "{changed:?}");
    let evidence = world.engine.evidence().await;
    assert!(evidence.connection_ends.is_empty(), "{:?}", evidence.connection_ends);
    assert!(evidence.last_heard > evidence.last_connected, "it was pinged, and answered");
    world.stop().await;
}

/// The server ends every connection right after the login.
async fn ended_at_each_login(kind: FaultKind, name: &str) {
    let mut world = watched().await;
    let before = world.engine.evidence().await.connection_attempts;
    let nearly_over = Instant::now() + Duration::from_secs(14);
    world.simulator.set_fault(Fault::once(kind).lasting(Duration::from_secs(15)));
    world.engine.leaves(SessionStatus::Working).await;
    let back = world.engine.event("session.status", |payload| payload["status"] == "WORKING");
    let early = tokio::time::timeout_at(nearly_over.into(), back).await;
    assert!(early.is_err(), "{kind:?}: it was called WORKING while no connection lived");
    let evidence = world.engine.evidence().await;
    let attempts = evidence.connection_attempts - before;
    assert!((2..=7).contains(&attempts), "{kind:?}: {attempts} attempts");
    assert_eq!(evidence.last_end, Some(name), "{:?}", evidence.connection_ends);
    assert!(evidence.connection_ends[name] >= attempts - 1, "{:?}", evidence.connection_ends);
    let info = world.engine.sessions.get(&session()).await.unwrap().unwrap();
    assert_ne!(info.status, SessionStatus::Working);
    assert!(info.reason.is_some());
    // And it comes back by itself.
    world.engine.status(SessionStatus::Working).await;
    world.engine.send(text(ANN, "back")).await;
    received_text(&world.ann, "back").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_each_login_with_515_is_asked_slowly() {
    ended_at_each_login(FaultKind::RestartRequired, "restart_required").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_each_login_with_503_is_asked_slowly() {
    ended_at_each_login(FaultKind::Unavailable, "unavailable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drops_each_login_is_asked_slowly() {
    ended_at_each_login(FaultKind::Dropped, "closed_early").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_after_linking_comes_at_once() {
    let world = World::linked(Addressing::PhoneNumber).await;
    let evidence = world.engine.evidence().await;
    assert_eq!((evidence.connection_attempts, evidence.last_end), (2, Some("linked")));
}

/// A gateway of its own that tries to reach `url`.
async fn opened(url: &str, folder: &Path) -> Engine {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = EngineConfig {
        auth_info_dir: folder.to_owned(),
        websocket_url: Some(url.to_owned()),
        ..EngineConfig::default()
    };
    Engine::try_open_with(config).await.unwrap()
}

/// The reason, as soon as there is one that `wanted` accepts.
async fn reason(engine: &Engine, patience: Duration, wanted: &str) -> String {
    let started = Instant::now();
    loop {
        let info = engine.sessions.get(&session()).await.unwrap().unwrap();
        assert_ne!(info.status, SessionStatus::Working);
        if let Some(reason) = info.reason.filter(|reason| reason.contains(wanted)) {
            return reason;
        }
        assert!(started.elapsed() < patience, "no reason with {wanted:?} after {patience:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Within 10 s a server that cannot be reached has a reason.
async fn told(url: String, wanted: &str) {
    let folder = tempfile::tempdir().unwrap();
    let engine = opened(&url, folder.path()).await;
    reason(&engine, Duration::from_secs(10), wanted).await;
    engine.sessions.shutdown().await;
    engine.storage.close().await;
}

/// A listener that takes connections and never says anything.
async fn silent(address: SocketAddr) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    (address, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_has_a_reason_within_ten_seconds() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let free = TcpListener::bind(any).await.unwrap().local_addr().unwrap();
    let (mute, task) = silent(any).await;
    // A queue of one, which is full: further SYNs get no answer.
    let full = TcpSocket::new_v4().unwrap();
    full.bind(any).unwrap();
    let hole = full.local_addr().unwrap();
    let _listener = full.listen(0).unwrap();
    let mut fillers = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(hole)).await
    {
        fillers.push(stream);
    }
    tokio::join!(
        told(format!("ws://{free}/ws/chat"), "refused"),
        told(format!("ws://{mute}/ws/chat"), "WebSocket handshake"),
        told(format!("wss://{mute}/ws/chat"), "TLS handshake"),
        told(format!("ws://{hole}/ws/chat"), "no answer from"),
        told("ws://no-such-host-of-wakeeper/ws/chat".to_owned(), "cannot be looked up"),
    );
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_cause_is_the_one_told() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = TcpListener::bind(any).await.unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let engine = opened(&format!("ws://{address}/ws/chat"), folder.path()).await;
    reason(&engine, Duration::from_secs(10), "refused").await;
    let (_, task) = silent(address).await;
    reason(&engine, Duration::from_secs(30), "WebSocket handshake").await;
    task.abort();
    let _ = task.await;
    reason(&engine, Duration::from_secs(40), "refused").await;
    engine.sessions.shutdown().await;
    engine.storage.close().await;
}
