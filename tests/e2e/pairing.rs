//! Linking with a pairing code instead of a QR code.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use wakeeper_e2e::party::Message;
use wakeeper_e2e::{Addressing, Baileys, Lab, Party, Webhooks};

const PATIENCE: Duration = Duration::from_mins(1);

/// A device that is linked by code must really be usable.
async fn exchange(party: &Party, contact: &Party) {
    let greeting = "linked by code".to_owned();
    party.send(&contact.chat(), &Message::Text(greeting.clone())).await;
    contact.wait_texts(party.address(), &[greeting]).await;
    let answer = "welcome".to_owned();
    contact.send(&party.chat(), &Message::Text(answer.clone())).await;
    party.wait_texts(contact.address(), &[answer]).await;
}

async fn baileys(version: Baileys) {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let contact = lab.contact("contact", "491701000003").await;
    let phone = lab.simulator().phone("491701000001", "Anna").await;
    let peer = lab.peer("baileys", version).await;
    peer.call("connect", json!({"pair": phone.address.number})).await;
    let shown = peer.wait("pairing-code", PATIENCE, |_| true).await;
    phone.confirm_code(shown["code"].as_str().unwrap()).await;
    peer.call("wait-open", json!({})).await;
    exchange(&Party::baileys("baileys", phone, peer), &contact).await;
}

#[tokio::test]
async fn baileys6_links_by_code() {
    baileys(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_links_by_code() {
    baileys(Baileys::Seven).await;
}

#[tokio::test]
async fn gateway_links_by_code() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let contact = lab.contact("contact", "491701000003").await;
    let phone = lab.simulator().phone("491701000001", "Anna").await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.start().await;
    gateway.wait_status("SCAN_QR_CODE").await;
    let body = json!({"phoneNumber": phone.address.number});
    let shown = gateway.call(Method::POST, "/api/default/auth/request-code", Some(body)).await;
    phone.confirm_code(shown["code"].as_str().unwrap()).await;
    gateway.wait_working().await;
    exchange(&Party::gateway("gateway", phone, gateway, webhooks), &contact).await;
}
