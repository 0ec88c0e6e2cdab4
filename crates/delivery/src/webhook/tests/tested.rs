//! Test events, and what is remembered of deliveries.

use serde_json::json;
use wakeeper_model::SessionName;
use wakeeper_waha::{EventName, WebhookConfig};

use super::receiver::{Receiver, Reply};
use super::{Rig, hook};
use crate::addresses::AddressPolicy;
use crate::webhook::{DeliveryOutcome, TestError};

fn webhook(url: &str, key: Option<&str>) -> WebhookConfig {
    serde_json::from_value(json!({"url": url, "events": ["message"], "hmac": {"key": key}})).unwrap()
}

#[tokio::test]
async fn a_test_event_is_sent_once_signed_and_remembered() {
    let receiver = Receiver::ok().await;
    let rig = Rig::new(json!([])).await;
    let session = SessionName::default_session();
    let payload = json!({"status": "WORKING"});
    let hook = webhook(&receiver.url, Some("secret"));
    let tested = rig.webhooks.test(&session, &hook, EventName::SessionStatus, &payload).await.unwrap();
    assert_eq!((tested.status, tested.error), (Some(200), None));
    let request = receiver.wait_for(1).await.remove(0);
    assert_eq!(request.json()["event"], "session.status");
    assert_eq!(request.json()["payload"], payload);
    assert!(!request.header("x-webhook-hmac").is_empty());
    let recent = rig.webhooks.recent(&session, 9);
    assert_eq!(recent.len(), 1);
    assert_eq!((recent[0].outcome, recent[0].status), (DeliveryOutcome::Test, Some(200)));
    assert_eq!(rig.webhooks.counts().await.unwrap().pending, 0);
    rig.end().await;
}

#[tokio::test]
async fn a_test_event_goes_nowhere_that_deliveries_may_not_go() {
    let receiver = Receiver::ok().await;
    let rig = Rig::confined(AddressPolicy::default(), json!([])).await;
    let session = SessionName::default_session();
    for (host, is_config) in [("127.0.0.1", true), ("localhost", false)] {
        let hook = webhook(&receiver.url.replace("127.0.0.1", host), None);
        let tested = rig.webhooks.test(&session, &hook, EventName::SessionStatus, &json!({})).await;
        match tested {
            Err(TestError::Config(error)) => assert!(is_config, "{error}"),
            Err(error) => panic!("{error}"),
            Ok(tested) => assert!(!is_config && tested.error.unwrap().contains("private")),
        }
    }
    assert!(receiver.received().is_empty());
    rig.end().await;
}

#[tokio::test]
async fn deliveries_are_remembered_with_what_follows() {
    let receiver = Receiver::start(|_, nth| Reply::Status(if nth == 0 { 500 } else { 200 })).await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    rig.webhooks.start();
    let id = rig.emit("c", json!({"body": "x"})).await;
    rig.wait_for_pending(0).await;
    let recent = rig.webhooks.recent(&SessionName::default_session(), 9);
    let told: Vec<_> = recent.iter().map(|one| (one.attempt, one.status, one.error.is_some())).collect();
    assert_eq!(told, [(2, Some(200), false), (1, Some(500), true)]);
    assert_eq!(recent[0].outcome, DeliveryOutcome::Delivered);
    assert!(matches!(recent[1].outcome, DeliveryOutcome::Retry(_)));
    assert!(recent.iter().all(|one| one.event_id == id && one.event == "message"));
    rig.webhooks.sink().remove_session(&SessionName::default_session());
    assert!(rig.webhooks.recent(&SessionName::default_session(), 9).is_empty());
    rig.end().await;
}
