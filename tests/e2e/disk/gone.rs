//! Databases and folders that are removed, moved or replaced under a running gateway.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE};

/// Longer than the gateway takes to look twice at each of its files and locks.
const LOOKS: Duration = Duration::from_secs(6);

/// Sees `/health` name the removal for as long as the gateway takes to look at everything twice.
async fn still_noticed(gateway: &Gateway) {
    let until = Instant::now() + LOOKS;
    eventually("the end of its looks", LOOKS + PATIENCE, async || {
        noticed(gateway).await;
        if Instant::now() >= until { Ok(()) } else { Err("not yet") }
    })
    .await;
}

/// Waits until `/health` says 503 and names the removal.
async fn noticed(gateway: &Gateway) {
    eventually("a health that names the removed file", PATIENCE, async || {
        let answer = gateway
            .answer(gateway.request(Method::GET, "/health"))
            .await
            .map_err(|error| error.to_string())?;
        let text = answer.body.to_string();
        let told = ["removed or replaced", "cut short"].iter().any(|words| text.contains(words));
        let named = answer.status == StatusCode::SERVICE_UNAVAILABLE && told;
        if named { Ok(()) } else { Err(format!("{} {text}", answer.status)) }
    })
    .await;
}

async fn refused(gateway: &Gateway, chat: &str) {
    let request = gateway.request(Method::POST, "/api/sendText").json(&Gateway::text(chat, "refused"));
    let answer = gateway.answer(request).await.expect("an answer");
    assert_eq!(
        (answer.status.as_u16(), &answer.body["code"]),
        (503, &"storage_unavailable".into()),
        "{}",
        answer.body
    );
}

async fn stored(gateway: &Gateway, chat: &str, text: &str) {
    eventually("the message in the store", PATIENCE, async || {
        let stored = gateway.messages(chat).await;
        let count = stored.iter().filter(|message| message["body"] == text).count();
        if count == 1 { Ok(()) } else { Err(format!("{count} times")) }
    })
    .await;
}

#[tokio::test]
async fn a_file_or_folder_that_vanishes_stops_acknowledgements_until_it_is_back() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", "491701200001").await;
    let me = party.address().jid();
    let ann = lab.simulator().phone("491701200002", "Ann").await;
    let chat = ann.address.chat_id();
    let (gateway, _) = party.as_gateway();
    let auth = gateway.folder().join("auth_info");
    let aside = lab.folder().join("aside");
    for (n, path) in
        ["wakeeper.db", "sessions/default/engine.db", "sessions/default", ""].into_iter().enumerate()
    {
        let path = if path.is_empty() { auth.clone() } else { auth.join(path) };
        let text = format!("while {n} is gone");
        std::fs::rename(&path, &aside).expect("moved aside");
        let sent = ann.send_text(&me, &text).await;
        noticed(gateway).await;
        refused(gateway, &chat).await;
        still_noticed(gateway).await;
        assert!(!Path::new(&path).exists(), "nothing new is made in its place");
        std::fs::rename(&aside, &path).expect("moved back");
        stored(gateway, &chat, &text).await;
        gateway.wait_working().await;
        assert!(!sent.is_empty());
    }
    lab.simulator().assert_no_ratchet_reuse().await;
}

#[tokio::test]
async fn a_removed_database_stops_acknowledgements_for_good() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    for (n, removed) in ["wakeeper.db", "sessions/default"].into_iter().enumerate() {
        let name = format!("gateway-{n}");
        let mut party = lab.linked_gateway(&name, &format!("49170130000{n}")).await;
        let me = party.address().jid();
        let ann = lab.simulator().phone(&format!("49170140000{n}"), "Ann").await;
        let chat = ann.address.chat_id();
        let (gateway, _) = party.as_gateway();
        let path = gateway.folder().join("auth_info").join(removed);
        if path.is_dir() {
            std::fs::remove_dir_all(&path).expect("removed");
        } else {
            std::fs::remove_file(&path).expect("removed");
        }
        noticed(gateway).await;
        refused(gateway, &chat).await;
        let id = ann.send_text(&me, "nobody stores this").await;
        // A second look: whatever was on its way has been dealt with by now.
        noticed(gateway).await;
        assert!(!ann.confirmed_by_companion(&id).await, "acknowledged, and stored nowhere");
        assert!(!path.exists(), "nothing new is made in its place");
    }
}

#[tokio::test]
async fn a_database_that_is_cut_short_stops_acknowledgements() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    for (n, cut) in ["wakeeper.db", "wakeeper.db-wal", "sessions/default/engine.db"].into_iter().enumerate() {
        let mut party = lab.linked_gateway(&format!("gateway-{n}"), &format!("49170150000{n}")).await;
        let me = party.address().jid();
        let ann = lab.simulator().phone(&format!("49170160000{n}"), "Ann").await;
        let (gateway, _) = party.as_gateway();
        let path = gateway.folder().join("auth_info").join(cut);
        std::fs::OpenOptions::new().write(true).open(&path).expect(cut).set_len(0).expect("cut");
        noticed(gateway).await;
        let id = ann.send_text(&me, "nobody stores this").await;
        // A second look: whatever was on its way has been dealt with by now.
        noticed(gateway).await;
        assert!(!ann.confirmed_by_companion(&id).await, "{cut}: acknowledged, and stored nowhere");
    }
}
