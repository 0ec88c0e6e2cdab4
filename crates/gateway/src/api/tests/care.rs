//! The care for sessions over HTTP, where nobody looks after their stored state and no incidents are kept.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;
use wakeeper_delivery::webhook::WebhookSettings;

use super::requests::{Lab, assert_error};

const PATH: &str = "/api/sessions/default";

#[tokio::test]
async fn the_health_of_a_session_is_one_status_for_one_number() {
    let lab = Lab::open().await;
    let health = lab.get(&format!("{PATH}/health")).await;
    let body = health.json();
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE, "nobody listens: {body}");
    assert_eq!(health.headers["cache-control"], "no-store");
    assert_eq!((&body["session"], &body["healthy"]), (&json!("default"), &json!(false)));
    assert!(body["reason"].is_string() && body["hint"].is_string(), "{body}");
    let names: Vec<_> = body["evidence"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["connected", "heard", "received", "undecryptable", "acknowledged", "backup"]);
    let webhooks = json!({"waiting": 0, "failing": [], "dead_letters": 0});
    assert_eq!(
        (&body["incidents_open"], &body["undecryptable"], &body["webhooks"], &body["findings"]),
        (&json!(0), &json!({"waiting": 0}), &webhooks, &json!([]))
    );
    lab.call(Method::POST, &format!("{PATH}/stop"), json!({})).await;
    let stopped = lab.get(&format!("{PATH}/health")).await;
    assert_eq!(stopped.status, StatusCode::OK, "its owner wants it so: {}", stopped.json());
    assert_eq!(lab.get(&format!("{PATH}/undecryptable")).await.json(), json!([]));
    assert_error("limit", &lab.get(&format!("{PATH}/undecryptable?limit=0")).await, 400, "invalid_request");
    assert_error("unknown", &lab.get("/api/sessions/none/health").await, 404, "session_not_found");
}

#[tokio::test]
async fn without_care_nothing_is_promised_and_bodies_are_read_to_the_last_field() {
    let lab = Lab::open().await;
    for (path, body) in [("repair", json!({})), ("backups", json!({})), ("restore", json!({"backup": "a"}))] {
        let answer = lab.call(Method::POST, &format!("{PATH}/{path}"), body).await;
        assert_error(path, &answer, 409, "conflict");
    }
    for (path, body) in [
        ("repair", json!({"dryRun": false})),
        ("repair", json!({"what": "everything"})),
        ("repair", json!({"dry_run": null, "peer": "a"})),
        ("restore", json!({})),
        ("restore", json!({"backup": "a", "what": "sessions"})),
        ("restore", json!({"backup": "a", "what": "all", "force_reason": " "})),
        ("restore", json!({"backup": "a", "what": "all", "force_reason": "r".repeat(501)})),
        ("backups", json!({"path": "/tmp"})),
    ] {
        let answer = lab.call(Method::POST, &format!("{PATH}/{path}"), body.clone()).await;
        assert_error(&format!("{path} {body}"), &answer, 400, "invalid_request");
    }
}

#[tokio::test]
async fn incidents_that_are_not_kept_are_none() {
    let lab = Lab::open().await;
    assert_eq!(lab.get("/api/incidents?session=default&state=open").await.json(), json!([]));
    for id in ["1", "-1", "a", "99999999999999999999"] {
        assert_error(id, &lab.get(&format!("/api/incidents/{id}")).await, 404, "incident_not_found");
    }
    for query in ["limit=0", "limit=1001", "state=gone", "cursor=abc", "since=1"] {
        assert_error(query, &lab.get(&format!("/api/incidents?{query}")).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_from_its_first_failure_on_without_its_secrets() {
    // Nobody listens on port 1.
    let hook = json!({"url": "http://127.0.0.1:1/hush?key=hush", "events": ["session.status"]});
    let hook = serde_json::from_value(hook).unwrap();
    let lab = Lab::with_webhooks(WebhookSettings { global: vec![hook], ..WebhookSettings::default() }).await;
    lab.webhooks.start();
    lab.call(Method::POST, &format!("{PATH}/stop"), json!({})).await;
    let told = async {
        loop {
            let health = lab.get("/health").await;
            let failing = health.json()["details"]["webhooks"]["failing"].clone();
            if failing != json!([]) {
                break (health.status, failing);
            }
            tokio::task::yield_now().await;
        }
    };
    let (status, failing) = tokio::time::timeout(Duration::from_secs(30), told).await.unwrap();
    assert_eq!(status, StatusCode::OK, "its events are kept: the gateway works");
    assert_eq!(failing[0]["url"], "http://127.0.0.1:1/…");
    assert_eq!(failing[0]["reason"], "no connection to the receiver");
    assert!(!failing.to_string().contains("hush") && failing[0]["since"].is_i64(), "{failing}");
    let health = lab.get(&format!("{PATH}/health")).await.json();
    assert_eq!(health["webhooks"]["failing"][0]["url"], failing[0]["url"], "{health}");
    assert!(health["webhooks"]["waiting"].as_u64() > Some(0), "{health}");
}
