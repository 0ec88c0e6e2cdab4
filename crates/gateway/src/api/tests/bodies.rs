//! Bodies as users of WAHA send them: taken, or refused in words that say what to change.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::requests::{Lab, assert_error};

const CHAT: &str = "15555550101@c.us";
/// A picture of one pixel, broken into lines as MIME does it.
const LINES: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk\nYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

async fn stopped() -> Lab {
    let lab = Lab::open().await;
    lab.call(Method::POST, "/api/sessions/default/stop", json!({})).await;
    lab
}

/// The body is fine as far as it can be told: the session is what is in the way.
async fn is_taken(lab: &Lab, path: &str, body: Value) {
    assert_error(&body.to_string(), &lab.call(Method::POST, path, body.clone()).await, 422, "wrong_state");
}

async fn refusal(lab: &Lab, method: Method, path: &str, body: Value) -> String {
    let answer = lab.call(method, path, body.clone()).await;
    assert_error(&body.to_string(), &answer, 400, "invalid_request");
    answer.json()["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn base64_may_have_line_breaks() {
    let lab = stopped().await;
    for data in [LINES.to_owned(), LINES.replace('\n', "\r\n"), LINES.replace('\n', "")] {
        let file = json!({"mimetype": "image/png", "filename": "a.png", "data": data});
        is_taken(&lab, "/api/sendImage", json!({"session": "default", "chatId": CHAT, "file": file})).await;
    }
}

/// As n8n fills in its form: both fields, one of them empty.
#[tokio::test]
async fn a_file_is_given_in_one_way_and_the_other_may_be_empty() {
    let lab = stopped().await;
    let image = |file: Value| json!({"session": "default", "chatId": CHAT, "file": file});
    is_taken(&lab, "/api/sendImage", image(json!({"url": "", "data": LINES}))).await;
    is_taken(&lab, "/api/sendImage", image(json!({"url": "http://a/b.png", "data": ""}))).await;
    for wrong in [json!({"url": "http://a/b.png", "data": LINES}), json!({"url": "", "data": ""}), json!({})]
    {
        let message = refusal(&lab, Method::POST, "/api/sendImage", image(wrong)).await;
        assert!(message.contains("exactly one of url and data"), "{message}");
    }
}

#[tokio::test]
async fn a_chat_may_be_written_as_an_own_jid_is_told() {
    let lab = stopped().await;
    for chat in ["15555550101:1@s.whatsapp.net", "15555550101:12@c.us", "123456:7@lid"] {
        is_taken(&lab, "/api/sendText", json!({"chatId": chat, "text": "x"})).await;
    }
}

#[tokio::test]
async fn webhooks_may_ask_for_wahas_events_and_an_unknown_one_is_named() {
    let lab = stopped().await;
    let webhooks = |events: Value| json!({"config": {"webhooks": [{"url": "http://n8n:5678/webhook/x", "events": events}]}});
    let wahas = json!(["message", "group.v2.join", "presence.update", "call.received", "engine.event"]);
    let changed = lab.call(Method::PUT, "/api/sessions/default", webhooks(wahas.clone())).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.json());
    assert_eq!(changed.json()["config"]["webhooks"][0]["events"], wahas);
    let typo = webhooks(json!(["message", "mesage.any"]));
    let message = refusal(&lab, Method::PUT, "/api/sessions/default", typo).await;
    assert!(message.contains("mesage.any") && message.contains("message.ack"), "{message}");
}

/// A body without `config`, or with its fields one level too high, must not take the settings away.
#[tokio::test]
async fn settings_survive_a_body_that_is_slightly_wrong() {
    let lab = stopped().await;
    let webhooks = json!([{"url": "http://n8n:5678/webhook/x", "events": ["*"]}]);
    let config = json!({"config": {"webhooks": webhooks, "metadata": {"team": "blue"}}});
    lab.call(Method::PUT, "/api/sessions/default", config).await;
    let message = refusal(&lab, Method::PUT, "/api/sessions/default", json!({"webhooks": webhooks})).await;
    assert!(message.contains("webhooks: unknown field"), "{message}");
    let unchanged = lab.call(Method::PUT, "/api/sessions/default", json!({})).await;
    assert_eq!(unchanged.status, StatusCode::OK);
    let kept = lab.get("/api/sessions/default").await.json();
    assert_eq!(kept["config"]["webhooks"].as_array().unwrap().len(), 1, "{kept}");
    assert_eq!(kept["config"]["metadata"]["team"], "blue");
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_plain_words() {
    let lab = stopped().await;
    let message = refusal(
        &lab,
        Method::POST,
        "/api/sendImage",
        json!({"chatId": CHAT, "file": "https://example.org/a.png"}),
    );
    let message = message.await;
    assert!(message.contains("file: expected an object with url or data"), "{message}");
    let message =
        refusal(&lab, Method::POST, "/api/sessions", json!({"name": "mystance.41", "start": false}));
    let message = message.await;
    assert!(message.contains("name: ") && message.contains("no dots"), "{message}");
    let image = json!({"chatId": CHAT, "convert": true, "file": {"data": "aGk=", "mimetype": "image/png"}});
    let message = refusal(&lab, Method::POST, "/api/sendImage", image).await;
    assert!(message.contains("convert: "), "{message}");
    for (path, more) in [
        ("/api/sendText", json!({"text": "x"})),
        ("/api/sendImage", json!({"file": {"data": "aGk="}})),
        ("/api/startTyping", json!({})),
    ] {
        let mut body = json!({"chatId": "status@broadcast"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let message = refusal(&lab, Method::POST, path, body).await;
        assert!(message.contains("chatId: a status is posted with"), "{message}");
    }
    let list = json!({"chatId": "1234567@broadcast", "text": "x"});
    let message = refusal(&lab, Method::POST, "/api/sendText", list).await;
    assert!(message.contains("chatId: broadcast lists"), "{message}");
    assert_eq!(lab.names().await, ["default"]);
}

/// The one webhook of a session is meant when none is named; its password is shown nowhere.
#[tokio::test]
async fn a_test_event_goes_to_the_webhook_that_is_meant_and_shows_among_the_deliveries() {
    let lab = stopped().await;
    let path = "/api/sessions/default/webhooks";
    let test = format!("{path}/test");
    assert!(refusal(&lab, Method::POST, &test, json!({})).await.contains("url: the session has 0"));
    let metadata = json!({"url": "http://169.254.169.254/latest"});
    assert!(refusal(&lab, Method::POST, &test, metadata).await.contains("not allowed"));
    // Nobody listens on port 9.
    let webhooks = json!([{"url": "http://bot:hush@127.0.0.1:9/x", "events": ["*"]}]);
    lab.call(Method::PUT, "/api/sessions/default", json!({"config": {"webhooks": webhooks}})).await;
    for body in [json!({}), json!({"url": "http://bot:********@127.0.0.1:9/x"})] {
        let tested = lab.call(Method::POST, &test, body).await;
        assert_eq!(tested.status, StatusCode::CREATED, "{}", tested.json());
        assert_eq!(tested.json()["error"], "no connection to the receiver");
        assert!(tested.json().get("status").is_none() && tested.json()["milliseconds"].is_u64());
    }
    let deliveries = lab.get(&format!("{path}/deliveries")).await.json();
    for delivery in &deliveries.as_array().unwrap()[..2] {
        assert_eq!(delivery["url"], "http://bot:********@127.0.0.1:9/x", "{deliveries}");
        assert_eq!((&delivery["outcome"], &delivery["event"]), (&json!("test"), &json!("session.status")));
    }
    assert!(!deliveries.to_string().contains("hush"));
    let limit = lab.get(&format!("{path}/deliveries?limit=51")).await;
    assert_error("limit", &limit, 400, "invalid_request");
}
