use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};
use wakeeper_storage::OutboxCounts;
use wakeeper_waha::WebhookBody;

use super::receiver::{Receiver, Reply};
use super::{PATIENCE, Rig, hook, until};
use crate::webhook::{DeadLetter, Webhooks, WhichLetters};

/// HMAC as RFC 2104 defines it, independent of the library that signs.
fn hmac<D: Digest>(key: &[u8], block: usize, message: &[u8]) -> Vec<u8> {
    let mut padded = if key.len() > block { D::digest(key).to_vec() } else { key.to_vec() };
    padded.resize(block, 0);
    let pad = |with: u8| padded.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = D::digest([pad(0x36), message.to_vec()].concat());
    D::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

async fn dead(webhooks: &Webhooks) -> Vec<DeadLetter> {
    webhooks.dead_letters(WhichLetters { limit: 100, ..WhichLetters::default() }).await.unwrap()
}

#[tokio::test]
async fn the_body_is_wahas_and_the_signatures_prove_it() {
    let receiver = Receiver::ok().await;
    let mut webhook = hook(&receiver.url);
    webhook["hmac"] = json!({"key": "my-secret-key"});
    webhook["customHeaders"] = json!([{"name": "X-Tenant", "value": "blue"}]);
    let rig = Rig::new(json!([webhook])).await;
    rig.webhooks.start();
    let id = rig.emit("c", json!({"body": "ä\n\"quoted\""})).await;
    let request = receiver.wait_for(1).await.remove(0);

    let body = request.json();
    let fields: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wahas =
        ["id", "timestamp", "event", "session", "metadata", "me", "payload", "engine", "environment"];
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    wahas.sort_unstable();
    assert_eq!(sorted, wahas);
    let typed: WebhookBody<Value> = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), body);
    assert_eq!(body["id"], id.as_str());
    assert_eq!((&body["event"], &body["session"]), (&json!("message"), &json!("default")));
    assert_eq!(body["metadata"], json!({"team": "blue"}));
    assert_eq!(body["payload"]["body"], "ä\n\"quoted\"");
    for field in ["version", "engine", "tier", "browser", "platform"] {
        assert!(body["environment"].get(field).is_some(), "{field}");
    }

    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("x-tenant"), "blue");
    assert_eq!(request.header("x-webhook-hmac-algorithm"), "sha512");
    let expected = hex::encode(hmac::<Sha512>(b"my-secret-key", 128, &request.body));
    assert_eq!(request.header("x-webhook-hmac"), expected);
    assert_eq!(request.header("webhook-id"), id);
    let signed =
        [format!("{id}.{}.", request.header("webhook-timestamp")).as_bytes(), &request.body].concat();
    let expected = STANDARD.encode(hmac::<Sha256>(b"my-secret-key", 64, &signed));
    assert_eq!(request.header("webhook-signature"), format!("v1,{expected}"));
    let sent_ms: i64 = request.header("x-webhook-timestamp").parse().unwrap();
    assert_eq!(sent_ms / 1000, request.header("webhook-timestamp").parse::<i64>().unwrap());
    assert!(!request.header("x-webhook-request-id").is_empty());
    rig.wait_for_pending(0).await;
    rig.end().await;
}

#[tokio::test]
async fn a_repeat_is_the_same_event_byte_for_byte() {
    let receiver = Receiver::start(|_, earlier| Reply::Status(if earlier < 3 { 500 } else { 204 })).await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    rig.webhooks.start();
    let id = rig.emit("c", json!({"n": 1})).await;
    let requests = receiver.wait_for(4).await;
    rig.wait_for_pending(0).await;
    assert!(requests.iter().all(|request| request.body == requests[0].body && request.id() == id));
    assert_ne!(requests[0].header("x-webhook-request-id"), requests[1].header("x-webhook-request-id"));
    assert_eq!(receiver.received().len(), 4);
    assert_eq!(rig.webhooks.counts().await.unwrap(), OutboxCounts { pending: 0, dead: 0 });
    let subscription = rig.webhooks.sink().event(
        &wakeeper_model::SessionName::default_session(),
        "c",
        wakeeper_waha::EventName::Message,
        &json!({}),
    );
    let attempts = rig.webhooks.attempts(&id, &subscription.unwrap().subscriptions[0]).await.unwrap();
    assert!(attempts.is_empty(), "attempts are kept until the receiver has it");
    rig.end().await;
}

#[tokio::test]
async fn what_is_given_up_is_listed_and_can_be_replayed() {
    let receiver = Receiver::start(|_, _| Reply::Status(503)).await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    rig.webhooks.start();
    let first = rig.emit("c", json!({"chat": "c", "n": 1})).await;
    until(|| async { dead(&rig.webhooks).await.len() == 1 }).await;
    assert_eq!(receiver.received().len(), 5, "as many attempts as configured");
    let letter = dead(&rig.webhooks).await.remove(0);
    assert_eq!((letter.event_id.as_str(), letter.attempts), (first.as_str(), 5));
    assert!(letter.reason.contains("503"), "{}", letter.reason);

    receiver.becomes(|_, _| Reply::Status(200));
    let everything = WhichLetters { limit: 100, ..WhichLetters::default() };
    assert_eq!(rig.webhooks.replay(everything).await.unwrap(), 1);
    let requests = receiver.wait_for(6).await;
    assert_eq!(requests[5].body, requests[0].body);
    rig.wait_for_pending(0).await;
    assert!(dead(&rig.webhooks).await.is_empty());
    rig.end().await;
}

#[tokio::test]
async fn behind_a_dead_letter_one_attempt_must_do_until_something_gets_through() {
    let receiver = Receiver::start(|_, _| Reply::Status(503)).await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    for n in 0..3 {
        rig.emit("c", json!({"chat": "c", "n": n})).await;
    }
    rig.webhooks.start();
    until(|| async { dead(&rig.webhooks).await.len() == 3 }).await;
    let attempts: Vec<_> = dead(&rig.webhooks).await.into_iter().map(|letter| letter.attempts).collect();
    assert_eq!(attempts, [5, 1, 1]);
    rig.end().await;
}

#[tokio::test]
async fn gone_ends_it_at_once_and_the_next_event_is_still_tried() {
    let receiver = Receiver::start(|request, _| {
        Reply::Status(if request.json()["payload"]["n"] == 1 { 410 } else { 200 })
    })
    .await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    rig.webhooks.start();
    rig.emit("c", json!({"n": 1})).await;
    rig.emit("c", json!({"n": 2})).await;
    rig.wait_for_pending(0).await;
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(dead(&rig.webhooks).await.len(), 1);
    rig.end().await;
}

#[tokio::test]
async fn redirects_are_not_followed_and_count_as_failures() {
    let elsewhere = Receiver::ok().await;
    let url = elsewhere.url.clone();
    let receiver = Receiver::start(move |_, _| Reply::Elsewhere(url.clone())).await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    rig.webhooks.start();
    rig.emit("c", json!({"n": 1})).await;
    until(|| async { dead(&rig.webhooks).await.len() == 1 }).await;
    assert!(elsewhere.received().is_empty());
    rig.end().await;
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let receiver = Receiver::start(|_, _| Reply::Busy(3000)).await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    rig.webhooks.start();
    rig.emit("c", json!({"n": 1})).await;
    receiver.wait_for(1).await;
    let now_ms = wakeeper_model::Clock::system().now_ms();
    until(|| async {
        let lane = rig.storage.pending_lanes().await.unwrap().remove(0);
        lane.next_attempt_ms.is_some_and(|next_ms| next_ms > now_ms + 2_000_000)
    })
    .await;
    assert_eq!(receiver.received().len(), 1);
    rig.end().await;
}

#[tokio::test]
async fn a_removed_webhook_leaves_dead_letters_not_a_queue() {
    let receiver = Receiver::start(|_, _| Reply::Hang).await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    let session = wakeeper_storage::SessionRow {
        name: "default".to_owned(),
        config_json: "{}".to_owned(),
        desired: wakeeper_storage::Desired::Started,
        created_ms: 1,
        updated_ms: 1,
        me_json: None,
        status: None,
    };
    rig.storage.acquire("default").await.unwrap().rows().put_session(session).await.unwrap();
    rig.emit("c", json!({"n": 1})).await;
    rig.configure(&json!([]));
    rig.webhooks.start();
    until(|| async { dead(&rig.webhooks).await.len() == 1 }).await;
    assert!(receiver.received().is_empty());
    rig.end().await;
}

#[tokio::test]
async fn shutdown_lets_what_is_on_its_way_arrive() {
    let receiver = Receiver::start(|_, _| Reply::Hang).await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    rig.webhooks.start();
    rig.emit("c", json!({"n": 1})).await;
    rig.emit("c", json!({"n": 2})).await;
    receiver.wait_for(1).await;
    let ending = tokio::spawn({
        let webhooks = rig.webhooks.clone();
        async move { webhooks.shutdown(PATIENCE).await }
    });
    tokio::task::yield_now().await;
    receiver.let_go();
    ending.await.unwrap();
    let counts = rig.webhooks.counts().await.unwrap();
    assert_eq!(
        receiver.received().len() + usize::try_from(counts.pending).unwrap(),
        2,
        "none lost, none cut off"
    );
    rig.storage.close().await;
}

#[tokio::test]
async fn global_webhooks_hear_of_sessions_nobody_configured() {
    let receiver = Receiver::ok().await;
    let rig = Rig::with_global(json!([hook(&receiver.url)])).await;
    rig.webhooks.start();
    let mut live = rig.webhooks.sink().subscribe();
    let id = rig.emit("", json!({"status": "WORKING"})).await;
    let request = receiver.wait_for(1).await.remove(0);
    assert_eq!(request.id(), id);
    assert!(request.header("x-webhook-hmac").is_empty(), "no key, no signature");
    assert_eq!(live.recv().await.unwrap().id, id);
    drop(rig.folder);
}
