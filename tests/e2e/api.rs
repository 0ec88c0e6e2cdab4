//! Requests that are wrong: each gets the documented error, and nothing changes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use wakeeper_e2e::gateway::Answer;
use wakeeper_e2e::party::{Ack, Message};
use wakeeper_e2e::{Addressing, Gateway, Lab};

/// One wrong request and the answer that the documentation promises.
struct Wrong {
    what: &'static str,
    method: Method,
    path: &'static str,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
}

// Every caller makes its body on the spot.
#[allow(clippy::needless_pass_by_value)]
fn wrong(what: &'static str, path: &'static str, body: Value, status: u16, code: &'static str) -> Wrong {
    Wrong { what, method: Method::POST, path, body: body.to_string().into_bytes(), status, code }
}

fn with_method(method: Method, wrong: Wrong) -> Wrong {
    Wrong { method, ..wrong }
}

fn with_bytes(body: Vec<u8>, wrong: Wrong) -> Wrong {
    Wrong { body, ..wrong }
}

const TO: &str = "491701000002@c.us";

fn wrong_texts() -> Vec<Wrong> {
    let send = "/api/sendText";
    let bad = "invalid_request";
    vec![
        wrong("no text", send, json!({"session": "default", "chatId": TO}), 400, bad),
        wrong("a number as text", send, json!({"session": "default", "chatId": TO, "text": 7}), 400, bad),
        wrong("a list as chat", send, json!({"session": "default", "chatId": [TO], "text": "a"}), 400, bad),
        wrong("null as text", send, json!({"session": "default", "chatId": TO, "text": null}), 400, bad),
        wrong("a list as body", send, json!([1, 2, 3]), 400, bad),
        wrong(
            "no such server",
            send,
            json!({"session": "default", "chatId": "1@example.org", "text": "a"}),
            400,
            bad,
        ),
        wrong(
            "letters as number",
            send,
            json!({"session": "default", "chatId": "anna@c.us", "text": "a"}),
            400,
            bad,
        ),
        wrong("an empty chat", send, json!({"session": "default", "chatId": "", "text": "a"}), 400, bad),
        wrong(
            "a device",
            send,
            json!({"session": "default", "chatId": "120363012345678901:3@g.us", "text": "a"}),
            400,
            bad,
        ),
        wrong(
            "mentions of another type",
            send,
            json!({"session": "default", "chatId": TO, "text": "a", "mentions": {"a": 1}}),
            400,
            bad,
        ),
        wrong(
            "a reply to no message id",
            send,
            json!({"session": "default", "chatId": TO, "text": "a", "reply_to": "x y"}),
            400,
            bad,
        ),
        wrong(
            "a reply to an unknown message",
            send,
            json!({"session": "default", "chatId": TO, "text": "a", "reply_to": "3EB0NOSUCH"}),
            404,
            "message_not_found",
        ),
        wrong(
            "another session",
            send,
            json!({"session": "nobody", "chatId": TO, "text": "a"}),
            404,
            "session_not_found",
        ),
        with_bytes(
            b"{\"session\":\"default\"".to_vec(),
            wrong("half of JSON", send, json!({}), 400, "invalid_json"),
        ),
        with_bytes(vec![0xff, 0xfe, 0x00], wrong("no text at all", send, json!({}), 400, "invalid_json")),
        with_bytes(vec![b'a'; 200 << 20], wrong("200 MB", send, json!({}), 413, "too_large")),
    ]
}

fn wrong_files() -> Vec<Wrong> {
    let file = |file: Value| json!({"session": "default", "chatId": TO, "file": file});
    let image = "/api/sendImage";
    let bad = "invalid_request";
    vec![
        wrong("no base64", image, file(json!({"mimetype": "image/png", "data": "***"})), 400, bad),
        wrong("torn base64", image, file(json!({"mimetype": "image/png", "data": "QUJDR"})), 400, bad),
        wrong("neither url nor data", image, file(json!({"mimetype": "image/png"})), 400, bad),
        wrong(
            "a file address",
            image,
            file(json!({"mimetype": "image/png", "url": "file:///etc/passwd"})),
            400,
            bad,
        ),
        wrong("text as file", "/api/sendFile", file(json!("a.png")), 400, bad),
    ]
}

fn wrong_others() -> Vec<Wrong> {
    let bad = "invalid_request";
    let reaction = |id: &str| json!({"session": "default", "messageId": id, "reaction": "👍"});
    let message = "/api/default/chats/491701000002@c.us/messages";
    let known = "/api/default/chats/491701000002@c.us/messages/true_491701000002@c.us_NOSUCH";
    let elsewhere = "/api/default/chats/491701000002@c.us/messages/true_491701000003@c.us_NOSUCH";
    let put = |w| with_method(Method::PUT, w);
    let get = |w| with_bytes(Vec::new(), with_method(Method::GET, w));
    vec![
        put(wrong("a reaction to no id", "/api/reaction", reaction("no id at all"), 400, bad)),
        put(wrong(
            "a reaction to an unknown id",
            "/api/reaction",
            reaction("3EB0NOSUCH"),
            404,
            "message_not_found",
        )),
        put(wrong("an edit without text", known, json!({}), 400, bad)),
        put(wrong("an edit of no message", known, json!({"text": "b"}), 404, "message_not_found")),
        with_method(
            Method::DELETE,
            with_bytes(
                Vec::new(),
                wrong("a delete of no message", known, json!({}), 404, "message_not_found"),
            ),
        ),
        wrong("a bad session name", "/api/sessions", json!({"name": "../etc"}), 400, bad),
        wrong("a long session name", "/api/sessions", json!({"name": "a".repeat(55)}), 400, bad),
        wrong("a session that exists", "/api/sessions", json!({"name": "default"}), 422, "session_exists"),
        wrong("start of nobody", "/api/sessions/nobody/start", json!({}), 404, "session_not_found"),
        wrong(
            "a code for a linked session",
            "/api/default/auth/request-code",
            json!({"phoneNumber": "491701000009"}),
            422,
            "wrong_state",
        ),
        wrong(
            "a code for letters",
            "/api/default/auth/request-code",
            json!({"phoneNumber": "anna"}),
            400,
            bad,
        ),
        get(wrong(
            "a negative limit",
            "/api/default/chats/491701000002@c.us/messages?limit=-1",
            json!({}),
            400,
            bad,
        )),
        get(wrong("messages of no chat", "/api/default/chats/nonsense/messages", json!({}), 400, bad)),
        get(wrong("no such message", known, json!({}), 404, "message_not_found")),
        get(wrong("a message of another chat", elsewhere, json!({}), 400, bad)),
        get(wrong("no such path", "/api/nothing", json!({}), 404, "not_found")),
        get(wrong("no such file", "/api/files/default/nothing.png", json!({}), 404, "file_not_found")),
        wrong("the wrong method", message, json!({}), 405, "method_not_allowed"),
    ]
}

async fn ask(gateway: &Gateway, wrong: &Wrong) -> Answer {
    let request = gateway.request(wrong.method.clone(), wrong.path);
    let request = if wrong.body.is_empty() {
        request
    } else {
        request.header("Content-Type", "application/json").body(wrong.body.clone())
    };
    gateway.answer(request).await.unwrap_or_else(|error| panic!("{}: {error}", wrong.what))
}

/// What must stay as it is.
async fn everything(gateway: &Gateway) -> Value {
    let sessions = gateway.call(Method::GET, "/api/sessions?all=true", None).await;
    let messages = gateway.messages(TO).await;
    json!({"names": sessions, "messages": messages})
}

#[tokio::test]
async fn wrong_requests_get_the_documented_error_and_change_nothing() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let contact = lab.contact("contact", "491701000002").await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let id = party.send(&contact.chat(), &Message::Text("the only one".to_owned())).await;
    // Nothing more happens to it.
    party.wait_ack(&id, Ack::Device).await;
    let (gateway, _) = party.as_gateway();
    let before = everything(gateway).await;

    let mut failures = Vec::new();
    for wrong in wrong_texts().into_iter().chain(wrong_files()).chain(wrong_others()) {
        let answer = ask(gateway, &wrong).await;
        let (status, body) = (answer.status.as_u16(), &answer.body);
        let shaped = body["statusCode"] == status && body["error"].is_string() && body["message"].is_string();
        if status != wrong.status || body["code"] != wrong.code || !shaped {
            failures.push(format!(
                "{}: {status} {body}; documented: {} {}",
                wrong.what, wrong.status, wrong.code
            ));
        }
    }

    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(everything(gateway).await, before);
    assert_eq!(contact.phone.inbox().await.len(), 1);
}

#[tokio::test]
async fn a_wrong_key_opens_nothing() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = wakeeper_e2e::Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.start().await;
    let client = reqwest::Client::new();
    let closed = [
        (Method::GET, "/api/sessions"),
        (Method::POST, "/api/sendText"),
        (Method::DELETE, "/api/sessions/default"),
        (Method::GET, "/api/default/auth/qr?format=raw"),
        (Method::GET, "/api/files/default/a.png"),
    ];
    for (method, path) in closed {
        let request = |key: Option<&str>| {
            let request = client.request(method.clone(), gateway.url(path));
            key.map_or(request.try_clone().unwrap(), |key| request.header("X-Api-Key", key))
        };
        for key in
            [None, Some(""), Some("api-key-of-the-end-to-end-test"), Some("API-KEY-OF-THE-END-TO-END-TESTS")]
        {
            let answer = gateway.answer(request(key)).await.unwrap();
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} with {key:?}");
            assert_eq!(answer.body["code"], "unauthorized", "{path} with {key:?}");
        }
    }
    for public in ["/ping", "/health"] {
        let answer = client.get(gateway.url(public)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{public}");
    }
    let ready = client.get(gateway.url("/ready")).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE, "not ready while a QR code waits");
}

#[tokio::test]
async fn an_idempotency_key_means_one_message() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let contact = lab.contact("contact", "491701000002").await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let (gateway, _) = party.as_gateway();
    let send = |key: &'static str, text: &'static str| {
        let request = gateway.request(Method::POST, "/api/sendText").header("Idempotency-Key", key);
        gateway.answer(request.json(&Gateway::text(TO, text)))
    };

    let first = send("one", "once").await.unwrap();
    let again = send("one", "once").await.unwrap();
    let other = send("one", "another text").await.unwrap();
    let second = send("two", "twice").await.unwrap();

    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.body["id"], again.body["id"]);
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(other.body["code"], "idempotency_conflict");
    assert_eq!(second.status, StatusCode::CREATED);
    contact.wait_texts(party.address(), &["once".to_owned(), "twice".to_owned()]).await;
    assert_eq!(contact.phone.inbox().await.len(), 2);
}
