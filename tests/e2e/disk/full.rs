//! A real, small file system that is full while messages come in.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE, SmallDisk, Webhooks};

/// How long the disk stays full.
const FULL: Duration = Duration::from_secs(5);
/// Messages that come in meanwhile.
const MESSAGES: usize = 10;

#[tokio::test]
async fn ten_messages_that_come_while_the_disk_is_full_arrive_when_there_is_room() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let phone = lab.simulator().phone("491701100001", "Owner").await;
    let ann = lab.simulator().phone("491701100002", "Ann").await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    let disk = SmallDisk::mount(gateway.folder(), 16);
    gateway.start().await;
    phone.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
    let chat = ann.address.chat_id();
    ann.send_text(&phone.address.jid(), "before").await;
    wait_for(&gateway, &chat, &["before".to_owned()]).await;

    disk.fill();
    let mut sent = Vec::new();
    for n in 0..MESSAGES {
        let text = format!("while full {n}");
        ann.send_text(&phone.address.jid(), &text).await;
        sent.push(text);
    }
    let named = eventually("a health that names the disk", FULL, async || {
        let answer = gateway.answer(gateway.request(Method::GET, "/health")).await.expect("an answer");
        match answer.status {
            StatusCode::SERVICE_UNAVAILABLE => Ok(answer.body.to_string()),
            _ => Err(answer.body.to_string()),
        }
    });
    // The time is the attack's own: the disk is full for so long, whatever the gateway does.
    let (health, _) = tokio::join!(named, tokio::time::timeout(FULL, std::future::pending::<()>()));
    let refused = gateway
        .answer(gateway.request(Method::POST, "/api/sendText").json(&Gateway::text(&chat, "no")))
        .await;
    disk.empty();

    wait_for(&gateway, &chat, &sent).await;
    gateway.wait_working().await;
    assert!(health.contains("ENOSPC"), "{health}");
    let refused = refused.expect("an answer");
    assert!(refused.status.is_server_error(), "{} {}", refused.status, refused.body);
    gateway.call(Method::GET, "/health", None).await;
    lab.simulator().assert_no_ratchet_reuse().await;
}

/// Waits until all these texts are stored, each once.
async fn wait_for(gateway: &Gateway, chat: &str, texts: &[String]) {
    eventually("every message in the store", PATIENCE, async || {
        let stored = gateway.messages(chat).await;
        let stored: Vec<_> = stored.iter().filter_map(|message| message["body"].as_str()).collect();
        let missing: Vec<_> = texts.iter().filter(|text| !stored.contains(&text.as_str())).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("missing: {missing:?}")) }
    })
    .await;
}
