//! Where deliveries may go is checked when they are made, whatever was stored.

use serde_json::{Value, json};

use super::receiver::Receiver;
use super::{Rig, hook, until};
use crate::addresses::AddressPolicy;
use crate::webhook::WhichLetters;

/// One attempt, to the receiver under another host name.
fn once(receiver: &Receiver, host: &str) -> Value {
    let mut hook = hook(&receiver.url.replace("127.0.0.1", host));
    hook["retries"] = json!({"attempts": 1});
    hook
}

async fn given_up(rig: &Rig, count: usize) -> Vec<String> {
    let query = || WhichLetters { limit: 100, ..WhichLetters::default() };
    until(|| async { rig.webhooks.dead_letters(query()).await.unwrap().len() == count }).await;
    rig.webhooks.dead_letters(query()).await.unwrap().into_iter().map(|letter| letter.reason).collect()
}

#[tokio::test]
async fn nothing_connects_to_a_private_address_by_number_or_by_name() {
    let receiver = Receiver::ok().await;
    let hosts = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"];
    let hooks: Vec<Value> = hosts.iter().map(|host| once(&receiver, host)).collect();
    let rig = Rig::confined(AddressPolicy::default(), Value::from(hooks)).await;
    rig.webhooks.start();
    rig.emit("c", json!({"body": "secret"})).await;
    for reason in given_up(&rig, hosts.len()).await {
        assert!(reason.contains("private"), "{reason}");
    }
    assert!(receiver.received().is_empty());
    rig.end().await;
}

#[tokio::test]
async fn what_is_allowed_by_name_or_network_is_reached() {
    let receiver = Receiver::ok().await;
    for (host, allowed) in
        [("localhost", "localhost"), ("127.0.0.1", "127.0.0.0/8"), ("localhost", "127.0.0.1")]
    {
        let policy = AddressPolicy { private: false, allowed: vec![allowed.parse().unwrap()] };
        let before = receiver.received().len();
        let rig = Rig::confined(policy, json!([once(&receiver, host)])).await;
        rig.webhooks.start();
        rig.emit("c", json!({"body": "x"})).await;
        receiver.wait_for(before + 1).await;
        rig.wait_for_pending(0).await;
        rig.end().await;
    }
}

#[tokio::test]
async fn metadata_services_are_refused_though_private_addresses_are_allowed() {
    let hooks: Vec<Value> = ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"]
        .map(|host| json!({"url": format!("http://{host}/"), "events": ["*"], "retries": {"attempts": 1}}))
        .to_vec();
    let count = hooks.len();
    let rig = Rig::new(Value::from(hooks)).await;
    rig.webhooks.start();
    rig.emit("c", json!({"body": "x"})).await;
    for reason in given_up(&rig, count).await {
        assert!(reason.contains("metadata"), "{reason}");
    }
    rig.end().await;
}

#[tokio::test]
async fn stored_headers_do_not_forge_a_signature() {
    let receiver = Receiver::ok().await;
    let mut hook = hook(&receiver.url);
    hook["customHeaders"] = json!([
        {"name": "X-Webhook-Hmac", "value": "forged"}, {"name": "Expect", "value": "100-continue"},
        {"name": "X-Tenant", "value": "blue"}
    ]);
    let rig = Rig::new(json!([hook])).await;
    rig.webhooks.start();
    rig.emit("c", json!({"body": "x"})).await;
    let request = receiver.wait_for(1).await.remove(0);
    assert_eq!(request.header("x-tenant"), "blue");
    assert_eq!(request.header("x-webhook-hmac"), "", "it is not signed, and nobody says so");
    assert_eq!(request.header("expect"), "");
    rig.end().await;
}
