//! Connections that nobody uses.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use wakeeper_e2e::PATIENCE;
use wakeeper_e2e::gateway::Gateway;
use wakeeper_e2e::journal::eventually;

use super::{MEGABYTE, gateway};

async fn connect(gateway: &Gateway, count: usize, first: &[u8]) -> Vec<TcpStream> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.port())).await.expect("a connection");
        stream.write_all(first).await.expect("a write");
        streams.push(stream);
    }
    streams
}

/// Waits until the gateway has taken all connections from its listener.
async fn taken(gateway: &Gateway, before: usize, count: usize) {
    eventually("the connections to be taken", PATIENCE, async || {
        let now = gateway.descriptors();
        // Descriptors of other kinds come and go meanwhile.
        if now + 20 >= before + count { Ok(()) } else { Err(format!("{now} descriptors, {before} before")) }
    })
    .await;
}

#[tokio::test]
async fn a_thousand_silent_connections_cost_little_and_give_it_back() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let (_lab, _webhooks, gateway) = gateway(&[("MAX_CONNECTIONS", "2000")]).await;
    gateway.health().await;
    let (before, descriptors) = (gateway.memory(), gateway.descriptors());
    let streams = connect(&gateway, 1000, b"").await;
    taken(&gateway, descriptors, 1000).await;
    gateway.health().await;
    let during = gateway.memory().saturating_sub(before);
    assert!(during < 20 * MEGABYTE, "1,000 silent connections add {during} bytes");
    drop(streams);
    eventually("the memory to be given back", PATIENCE, async || {
        gateway.health().await;
        let (left, open) = (gateway.memory().saturating_sub(before), gateway.descriptors());
        let back = left < 5 * MEGABYTE.max(during / 3) && open < descriptors + 20;
        if back {
            Ok(())
        } else {
            Err(format!("{left} bytes of {during}, {open} descriptors of {descriptors}"))
        }
    })
    .await;
}

#[tokio::test]
async fn silent_and_half_begun_connections_are_closed() {
    let (_lab, _webhooks, gateway) = gateway(&[]).await;
    let mut all = connect(&gateway, 300, b"").await;
    all.extend(connect(&gateway, 300, b"GET /ping HTTP/1.1\r\nHost: x\r\nX-Half: ").await);
    let mut closed = JoinSet::new();
    for mut stream in all {
        closed.spawn(async move {
            let mut rest = Vec::new();
            tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut rest)).await.is_ok()
        });
    }
    let still_open = closed.join_all().await.into_iter().filter(|closed| !closed).count();
    assert_eq!(still_open, 0, "of 600");
}

#[tokio::test]
async fn a_full_house_still_answers_new_callers() {
    let (_lab, _webhooks, gateway) = gateway(&[("MAX_CONNECTIONS", "100")]).await;
    let before = gateway.descriptors();
    let _silent = connect(&gateway, 1500, b"POST /api/sendText HTTP/1.1\r\n").await;
    for _ in 0..20 {
        let fresh = reqwest::Client::new();
        let answer = fresh.get(gateway.url("/ping")).timeout(Duration::from_secs(5)).send().await;
        assert!(answer.expect("an answer").status().is_success());
    }
    // The closed ones may still say farewell.
    let open = gateway.descriptors();
    assert!(open < before + 250, "{open} descriptors, {before} before");
}
