//! Messages that make no row: one that cannot be stored though the disk is well, and those that nobody wants stored.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE};

const OWNER: &str = "491701700001";
const ANN: &str = "491701700002";
/// The waits after the first three ends of a connection are at least half of 1, 2 and 4 s.
const LEAST: Duration = Duration::from_millis(3_500);

async fn ends(gateway: &Gateway) -> Value {
    // 503 while the session is in trouble.
    let answer = gateway.answer(gateway.request(Method::GET, "/health")).await.expect("an answer");
    answer.body["details"]["sessions"]["connectionEnds"].clone()
}

/// Each attempt takes a login at WhatsApp: they are counted, and become rare.
#[tokio::test]
async fn a_message_that_cannot_be_stored_makes_no_storm_of_logins() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", OWNER).await;
    let me = party.address().jid();
    let ann = lab.simulator().phone(ANN, "Ann").await;
    let chat = ann.address.chat_id();
    let (gateway, _) = party.as_gateway();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(gateway.folder().join("auth_info/wakeeper.db"))
        .busy_timeout(PATIENCE);
    let mut rows = options.connect().await.expect("the rows");
    sqlx::query("CREATE TRIGGER damage BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'no'); END")
        .execute(&mut rows)
        .await
        .expect("a trigger");
    let began = Instant::now();
    ann.send_text(&me, "not now").await;
    eventually("four connections that ended because of it", PATIENCE, async || {
        let ends = ends(gateway).await;
        if ends["not_stored"].as_u64() >= Some(4) { Ok(()) } else { Err(ends.to_string()) }
    })
    .await;
    assert!(began.elapsed() >= LEAST, "{:?}", began.elapsed());
    sqlx::query("DROP TRIGGER damage").execute(&mut rows).await.expect("no trigger");
    rows.close().await.expect("closed");
    eventually("the message in the store", PATIENCE, async || {
        let stored = gateway.messages(&chat).await;
        if stored.iter().any(|message| message["body"] == "not now") { Ok(()) } else { Err("not yet") }
    })
    .await;
    gateway.wait_working().await;
}

/// Delivered twice, a message of an ignored chat is no message that was lost.
#[tokio::test]
async fn a_message_that_nobody_wants_is_not_asked_for_again() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", OWNER).await;
    let owner = party.address().clone();
    let ann = lab.simulator().phone(ANN, "Ann").await;
    let group = lab.simulator().group(&ann, "the group", &[&owner]).await;
    let (gateway, _) = party.as_gateway();
    let config = json!({"config": {"ignore": {"groups": true}}});
    gateway.call(Method::PUT, "/api/sessions/default", Some(config)).await;
    gateway.wait_working().await;
    let acknowledged = async |id: &str| {
        eventually("the acknowledgement", PATIENCE, async || {
            if ann.confirmed_by_companion(id).await { Ok(()) } else { Err("not yet") }
        })
        .await;
    };
    let first = ann.send_text(&group, "brings the sender key").await;
    acknowledged(&first).await;
    lab.simulator().fault(json!({"kind": "duplicated", "target": OWNER, "count": 2})).await;
    let second = ann.send_text(&group, "comes twice").await;
    acknowledged(&second).await;
    // Another one behind it: whatever the duplicate caused has been sent by now.
    let last = ann.send_text(&owner.jid(), "at last").await;
    acknowledged(&last).await;
    let counters = lab.simulator().state().await["counters"].clone();
    assert_eq!(counters["retry_receipts"].as_u64().unwrap_or(0), 0, "{counters}");
}
