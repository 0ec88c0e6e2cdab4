//! Answers that are true: another phone in a session's place, secrets that stay secret, descriptors that close.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::json;
use wakeeper_e2e::gateway::Gateway;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::Message;
use wakeeper_e2e::{Addressing, Lab, PATIENCE, Webhooks};

/// Open descriptors of a gateway on engine databases, also on removed ones.
fn open_databases(gateway: &Gateway) -> Vec<String> {
    let lock = gateway.folder().join("auth_info/wakeeper.lock");
    let process = std::fs::read_to_string(lock).expect("the lock of the gateway");
    let descriptors = Path::new("/proc").join(process.trim()).join("fd");
    std::fs::read_dir(descriptors)
        .expect("a running gateway")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .filter(|target| target.contains("engine.db"))
        .collect()
}

async fn closed(gateway: &Gateway, most: usize) {
    eventually("the databases of ended clients to close", PATIENCE / 6, async || {
        let open = open_databases(gateway);
        if open.len() <= most {
            Ok(())
        } else {
            Err(format!("{} are open, not {most}: {open:?}", open.len()))
        }
    })
    .await;
}

#[tokio::test]
async fn sixty_sessions_that_are_never_linked_leave_no_descriptor() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.start().await;
    gateway.qr().await;
    let base = open_databases(&gateway).len();
    for number in 0..60 {
        let path = format!("/api/sessions/s{number}");
        gateway.call(Method::POST, "/api/sessions", Some(json!({"name": format!("s{number}")}))).await;
        gateway.call(Method::GET, &format!("/api/s{number}/auth/qr?format=raw"), None).await;
        gateway.call(Method::DELETE, &path, None).await;
        gateway.call(Method::POST, "/api/sessions/default/restart", None).await;
        gateway.qr().await;
    }
    closed(&gateway, base).await;
    gateway.call(Method::POST, "/api/sessions/default/stop", None).await;
    closed(&gateway, 0).await;
}

#[tokio::test]
async fn another_phone_in_a_sessions_place_is_told_and_sees_nothing_of_the_former() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let contact = lab.contact("contact", "491701000003").await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let secret = "secret of the first".to_owned();
    contact.send(&party.chat(), &Message::Text(secret.clone())).await;
    party.wait_texts(contact.address(), &[secret]).await;
    let second = lab.simulator().phone("491701000002", "Second").await;
    let chat = format!("{}@c.us", contact.address().number);

    let (gateway, webhooks) = party.as_gateway();
    gateway.call(Method::POST, "/api/sessions/default/logout", None).await;
    second.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
    let info = gateway.call(Method::GET, "/api/sessions/default", None).await;
    assert_eq!(info["me"]["id"], "491701000002@c.us");
    let reason = info["reason"].as_str().expect("the status tells");
    assert!(reason.contains("another phone number"), "{reason}");
    gateway.wait_line("another phone number is linked").await;
    webhooks.wait("session.status", PATIENCE, |payload| payload["reason"] == reason).await;
    assert!(gateway.messages(&chat).await.is_empty());
}

#[tokio::test]
async fn webhooks_are_confined_and_their_secrets_are_not_shown_again() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.set("WEBHOOK_PRIVATE_ADDRESSES", "false");
    gateway.set("WEBHOOK_ALLOWED_TARGETS", "127.0.0.1");
    gateway.start().await;
    let hook = |url: &str| {
        json!({"name": "hooked", "start": false, "config": {"webhooks": [{
            "url": url, "events": ["*"], "hmac": {"key": "hush-key"},
            "customHeaders": [{"name": "Authorization", "value": "hush-value"}],
        }]}})
    };
    for url in ["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/"] {
        let answer =
            gateway.answer(gateway.request(Method::POST, "/api/sessions").json(&hook(url))).await.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{url}: {}", answer.body);
    }
    gateway.call(Method::POST, "/api/sessions", Some(hook("http://127.0.0.1:9/hook"))).await;
    let shown = gateway.call(Method::GET, "/api/sessions/hooked", None).await;
    let kept =
        gateway.call(Method::PUT, "/api/sessions/hooked", Some(json!({"config": shown["config"]}))).await;
    assert_eq!(kept["config"], shown["config"]);
    assert!(!shown.to_string().contains("hush"), "{shown}");
    assert_eq!(shown["config"]["webhooks"][0]["hmac"]["key"], "********");
}
