//! The old app's calls, as its flows make them: no key, the network decides.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE, Phone};

async fn answered(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.expect("an answer");
    (answer.status(), answer.json().await.unwrap_or_default())
}

fn call(gateway: &Gateway, method: Method, path: &str) -> RequestBuilder {
    reqwest::Client::new().request(method, gateway.url(path))
}

async fn has(phone: &Phone, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually("the message", PATIENCE, async || {
        let inbox = phone.inbox().await;
        inbox.iter().find(|message| wanted(message)).cloned().ok_or_else(|| format!("{inbox:?}"))
    })
    .await
}

/// `number`, `message` and a file `image`, as browsers and n8n write them.
fn form_with_a_picture() -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in [("number", "491702000001"), ("message", "three")] {
        let part = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        form.extend(part.into_bytes());
    }
    let head = "--XX\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n";
    form.extend(head.as_bytes());
    form.extend(b"\x89PNG\r\n\x1a\n picture\r\n--XX--\r\n");
    form
}

#[tokio::test]
async fn flows_of_the_old_app_run_unchanged() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let me = party.address().clone();
    let ben = lab.simulator().phone("491702000001", "Ben").await;
    let group = lab.simulator().group(&ben, "the shop", &[&me]).await;
    let (gateway, _) = party.as_gateway();
    // Without the setting they are not there.
    let (status, _) = answered(call(gateway, Method::GET, "/session-health")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    gateway.terminate().await;
    gateway.set("OLD_APP_NETWORKS", "127.0.0.0/8");
    gateway.set("OLD_APP_COUNTRY_CODE", "49");
    gateway.start().await;
    gateway.wait_working().await;

    let json = json!({"number": "01702000001", "message": "one"});
    let (status, sent) = answered(call(gateway, Method::POST, "/send-message").json(&json)).await;
    assert_eq!((status, &sent["status"]), (StatusCode::OK, &json!(true)), "{sent}");
    assert_eq!(sent["response"]["to"], "491702000001@c.us");
    let form = call(gateway, Method::POST, "/send-message")
        .header("Content-Type", "application/x-www-form-urlencoded");
    let (status, sent) = answered(form.body("number=%2B49+170+2000001&message=two")).await;
    assert_eq!(status, StatusCode::OK, "{sent}");
    for text in ["one", "two"] {
        has(&ben, |message| message["text"] == text).await;
    }
    let form = call(gateway, Method::POST, "/send-message")
        .header("Content-Type", "multipart/form-data; boundary=XX");
    let (status, sent) = answered(form.body(form_with_a_picture())).await;
    assert_eq!((status, &sent["response"]["hasMedia"]), (StatusCode::OK, &json!(true)), "{sent}");

    let mention = json!(["491702000001"]).to_string();
    let body = json!({"name": "the shop", "message": "hello @491702000001", "mention": mention});
    let (status, sent) = answered(call(gateway, Method::POST, "/send-group-message").json(&body)).await;
    assert_eq!((status, &sent["response"]["to"]), (StatusCode::OK, &json!(group)), "{sent}");
    has(&ben, |message| message["text"] == "hello @491702000001").await;

    let bulk = json!({"message": "to all", "numbers": ["491702000001", "01702000001"], "minDelay": 0, "maxDelay": 5});
    let (status, sent) = answered(call(gateway, Method::POST, "/send-bulk-message").json(&bulk)).await;
    assert_eq!((status, &sent["message"]), (StatusCode::OK, &json!("Bulk messages sent: 1")), "{sent}");

    for (path, body, wrong) in [
        ("/send-message", json!({"message": "a"}), "number"),
        ("/send-message", json!({"number": "491702000001"}), "message"),
        ("/send-message", json!({"number": "491799999999", "message": "a"}), "not registered"),
        ("/send-group-message", json!({"name": "no such group", "message": "a"}), "No group found"),
        ("/send-group-message", json!({"message": "a"}), "`id` or `name`"),
        ("/send-bulk-message", json!({"message": "a", "numbers": []}), "numbers"),
    ] {
        let (status, said) = answered(call(gateway, Method::POST, path).json(&body)).await;
        assert_eq!(
            (status, &said["status"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(false)),
            "{path}: {said}"
        );
        assert!(said.to_string().contains(wrong), "{path}: {said}");
    }
}

#[tokio::test]
async fn templates_are_kept_and_only_named_networks_may_call() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let (gateway, _) = party.as_gateway();
    gateway.terminate().await;
    gateway.set("OLD_APP_NETWORKS", "127.0.0.1");
    gateway.start().await;
    gateway.wait_working().await;
    let template = json!({"name": "spring", "message": "hello", "numbers": ["491702000001"]});
    let (status, _) = answered(call(gateway, Method::POST, "/templates").json(&template)).await;
    assert_eq!(status, StatusCode::CREATED);
    gateway.kill().await;
    gateway.start().await;
    gateway.wait_working().await;
    let (status, all) = answered(call(gateway, Method::GET, "/templates")).await;
    assert_eq!((status, all), (StatusCode::OK, json!([template])));
    let (status, _) = answered(call(gateway, Method::DELETE, "/templates/spring")).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = answered(call(gateway, Method::DELETE, "/templates/spring")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let (status, health) = answered(call(gateway, Method::GET, "/session-health")).await;
    assert_eq!((status, &health["health"]["overall"]), (StatusCode::OK, &json!(true)), "{health}");
    assert_eq!(health["health"]["authDir"]["exists"], true, "{health}");
    let (status, cleaned) = answered(call(gateway, Method::POST, "/session-cleanup")).await;
    assert_eq!((status, &cleaned["success"]), (StatusCode::OK, &json!(true)), "{cleaned}");
    gateway.wait_working().await;

    // A page in somebody's browser, and whoever writes another address into a header.
    let from_a_page = call(gateway, Method::GET, "/templates").header("Origin", "http://evil.example");
    assert_eq!(answered(from_a_page).await.0, StatusCode::FORBIDDEN);
    gateway.terminate().await;
    gateway.set("OLD_APP_NETWORKS", "10.0.0.0/8");
    gateway.start().await;
    let pretends = call(gateway, Method::GET, "/templates").header("X-Forwarded-For", "10.0.0.1");
    assert_eq!(answered(pretends).await, (StatusCode::FORBIDDEN, json!({"message": "Forbidden"})));
}
