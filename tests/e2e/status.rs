//! What the gateway says of its session, and what is so: `/ready`, `/health` and the session agree, and a server that went
//! deaf is told. That this takes less than a minute is held on a clock of its own, in the engine's `watch`.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::gateway::Gateway;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Lab};

const ANNA: &str = "491701000001";
/// A gateway that has not told by then hangs.
const TOLD: Duration = Duration::from_mins(3);

async fn status(gateway: &Gateway) -> String {
    let session = gateway.call(Method::GET, "/api/sessions/default", None).await;
    session["status"].as_str().expect("a status").to_owned()
}

/// Asks all three, and again when the session changed meanwhile. They agree.
async fn agreed(gateway: &Gateway) -> String {
    loop {
        let before = status(gateway).await;
        let ready = gateway.answer(gateway.request(Method::GET, "/ready")).await.expect("an answer");
        let health: Value = gateway.health().await;
        if status(gateway).await != before {
            continue;
        }
        assert_eq!(
            ready.status.as_u16(),
            if before == "WORKING" { 200 } else { 503 },
            "{before}: {:#}",
            ready.body
        );
        assert_eq!(ready.body["details"]["sessions"]["states"], json!({ &before: 1 }));
        assert_eq!(health["details"]["sessions"]["states"], json!({ &before: 1 }));
        return before;
    }
}

/// Waits until the session's status is accepted; all the while the three agree.
async fn until(gateway: &Gateway, patience: Duration, wanted: impl Fn(&str) -> bool) -> Duration {
    let started = Instant::now();
    eventually("another status", patience, async || {
        let status = agreed(gateway).await;
        if wanted(&status) { Ok(started.elapsed()) } else { Err(status) }
    })
    .await
}

async fn deaf(kind: &str) {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut anna = lab.linked_gateway("anna", ANNA).await;
    let gateway = anna.as_gateway().0;
    until(gateway, TOLD, |status| status == "WORKING").await;
    lab.simulator().fault(json!({ "kind": kind })).await;
    let took = until(gateway, TOLD, |status| status != "WORKING").await;
    eprintln!("{kind}: told after {took:?}");
    let session = gateway.call(Method::GET, "/api/sessions/default", None).await;
    assert!(
        session["reason"].as_str().is_some_and(|reason| reason.contains("does not answer")),
        "{session:#}"
    );
    until(gateway, TOLD, |status| status == "WORKING").await;
    let ends = gateway.health().await["details"]["sessions"]["connectionEnds"].clone();
    assert_eq!(ends["deaf"], 1, "{ends}");
}

#[tokio::test]
async fn a_stalled_server_is_told() {
    deaf("stalled").await;
}

#[tokio::test]
async fn a_half_open_connection_is_told() {
    deaf("half_open").await;
}

/// The server goes on sending, so the connection looks alive; nothing that is sent reaches it.
#[tokio::test]
async fn a_server_that_hears_nothing_is_told() {
    deaf("unheard").await;
}

#[tokio::test]
async fn every_state_is_told_alike() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut anna = lab.linked_gateway("anna", ANNA).await;
    let gateway = anna.as_gateway().0;
    until(gateway, TOLD, |status| status == "WORKING").await;
    // Each login is answered with 515: asked slowly, and not called working.
    lab.simulator().fault(json!({ "kind": "stream_515", "for": "15s" })).await;
    until(gateway, TOLD, |status| status == "FAILED").await;
    let attempts = gateway.health().await["details"]["sessions"]["connectionAttempts"].as_u64();
    assert!(attempts.is_some_and(|attempts| attempts < 12), "{attempts:?}");
    until(gateway, TOLD, |status| status == "WORKING").await;
    lab.simulator().fault(json!({ "kind": "replaced" })).await;
    until(gateway, TOLD, |status| status == "FAILED").await;
}
