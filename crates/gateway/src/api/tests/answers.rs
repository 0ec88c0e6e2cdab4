//! Nothing is accepted and ignored, and no secret is shown again.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use wakeeper_delivery::addresses::AddressPolicy;
use wakeeper_delivery::webhook::WebhookSettings;
use wakeeper_storage::{Change, Described, Desired, MessageRow, SessionRow, WireKey, open_sqlite};

use super::requests::{Lab, TO, assert_error, request};
use super::*;

const BAD: &str = "invalid_request";
const PLACEHOLDER: &str = "********";

fn webhook(url: &str) -> Value {
    json!({
        "url": url, "events": ["message"], "hmac": {"key": "hush-key"},
        "customHeaders": [{"name": "Authorization", "value": "hush-header"}],
    })
}

async fn create(lab: &Lab, name: &str, config: &Value) -> Answered {
    let new = json!({"name": name, "start": false, "config": config});
    let answer = lab.call(Method::POST, "/api/sessions", new).await;
    (answer.status, answer.json())
}

type Answered = (StatusCode, Value);

/// What is stored, secrets included.
async fn stored(lab: &Lab, name: &str) -> Value {
    let storage = open_sqlite(lab.folder.path().join("wakeeper.db")).await.unwrap();
    let row = storage.session(name).await.unwrap().unwrap();
    storage.close().await;
    serde_json::from_str(&row.config_json).unwrap()
}

#[tokio::test]
async fn a_change_without_config_changes_nothing_of_it() {
    let lab = Lab::open().await;
    let (status, _) =
        create(&lab, "a", &json!({"metadata": {"team": "blue"}, "webhooks": [webhook("http://n8n/x")]}))
            .await;
    assert_eq!(status, StatusCode::CREATED);
    for body in [json!({}), json!({"config": null}), json!({"apps": null}), json!({"apps": []})] {
        let answer = lab.call(Method::PUT, "/api/sessions/a", body.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.json());
        assert_eq!(answer.json()["config"]["metadata"]["team"], "blue", "{body}");
        assert_eq!(stored(&lab, "a").await["webhooks"][0]["hmac"]["key"], "hush-key", "{body}");
    }
    let emptied = lab.call(Method::PUT, "/api/sessions/a", json!({"config": {}})).await;
    assert_eq!(emptied.json()["config"], json!({}), "a config that is there replaces the old one");
}

#[tokio::test]
async fn unknown_fields_are_refused_by_name_everywhere() {
    let lab = Lab::open().await;
    let hook = |field: Value| {
        let mut hook = webhook("http://n8n/x");
        hook.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        json!({"name": "x", "config": {"webhooks": [hook]}})
    };
    let session = |fields: Value| {
        let mut body = json!({"session": "default", "chatId": TO});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    let (post, put) = (Method::POST, Method::PUT);
    let cases = [
        (&post, "/api/sessions", json!({"name": "x", "confg": {}}), "confg"),
        (&post, "/api/sessions", json!({"name": "x", "confg": null}), "confg"),
        (&put, "/api/sessions/default", json!({"metadata": {}}), "metadata"),
        (&put, "/api/sessions/default", json!({"config": {}, "webhooks": []}), "webhooks"),
        (&post, "/api/sessions", json!({"name": "x", "config": {"webhook": []}}), "config.webhook"),
        (
            &post,
            "/api/sessions",
            json!({"name": "x", "config": {"ignore": {"chats": true}}}),
            "config.ignore.chats",
        ),
        (
            &post,
            "/api/sessions",
            json!({"name": "x", "config": {"client": {"name": "a"}}}),
            "config.client.name",
        ),
        (
            &post,
            "/api/sessions",
            json!({"name": "x", "config": {"noweb": {"store": {"full": true}}}}),
            "config.noweb.store.full",
        ),
        (&post, "/api/sessions", json!({"name": "x", "config": {"gows": {"x": 1}}}), "config.gows.x"),
        (&post, "/api/sessions", hook(json!({"headers": []})), "config.webhooks[0].headers"),
        (&post, "/api/sessions", hook(json!({"hmac": {"secret": "a"}})), "config.webhooks[0].hmac.secret"),
        (&post, "/api/sessions", hook(json!({"retries": {"delay": 1}})), "config.webhooks[0].retries.delay"),
        (
            &post,
            "/api/sessions",
            hook(json!({"customHeaders": [{"name": "a", "value": "b", "x": 1}]})),
            "config.webhooks[0].customHeaders[0].x",
        ),
        (&post, "/api/sessions/default/stop", json!({"force": true}), "force"),
        (&post, "/api/sessions/default/start", json!({"name": "default"}), "name"),
        (&post, "/api/sessions/default/restart", json!({"x": 1}), "x"),
        (&post, "/api/sessions/default/logout", json!({"x": 1}), "x"),
        (
            &post,
            "/api/default/auth/request-code",
            json!({"phoneNumber": "628111222333", "phone": "1"}),
            "phone",
        ),
        (&post, "/api/sessions/default/webhooks/dead-letters/replay", json!({"eventID": "e"}), "eventID"),
        (&post, "/api/sendText", session(json!({"text": "a", "quoted": "b"})), "quoted"),
        (&post, "/api/sendImage", session(json!({"file": {"data": "aGk=", "path": "/etc"}})), "file.path"),
        (&post, "/api/sendSeen", session(json!({"all": true})), "all"),
        (&post, "/api/startTyping", session(json!({"seconds": 1})), "seconds"),
        (
            &put,
            "/api/reaction",
            json!({"messageId": format!("true_{TO}_A"), "reaction": "", "emoji": "x"}),
            "emoji",
        ),
    ];
    for (method, path, body, field) in cases {
        let answer = lab.call(method.clone(), path, body).await;
        assert_error(field, &answer, 400, BAD);
        let text = answer.json();
        assert_eq!(text["message"], format!("{field}: unknown field"), "{path}");
        assert!(text["hint"].is_string(), "{text}");
    }
    assert_eq!(lab.names().await, ["default"]);
}

#[tokio::test]
async fn a_session_has_a_hundred_webhooks_at_most() {
    let lab = Lab::open().await;
    let new = |count: usize| {
        let hooks: Vec<Value> = (0..count).map(|n| webhook(&format!("http://n8n/{n}"))).collect();
        json!({"name": "x", "start": false, "config": {"webhooks": hooks}})
    };
    let answer = lab.call(Method::POST, "/api/sessions", new(101)).await;
    assert_error("101", &answer, 400, BAD);
    assert!(answer.json()["message"].as_str().unwrap().contains("at most 100"), "{}", answer.json());
    assert_eq!(lab.names().await, ["default"]);
    lab.call(Method::POST, "/api/sessions", new(100)).await;
    assert_eq!(lab.names().await, ["default", "x"]);
}

#[tokio::test]
async fn what_is_not_built_is_refused_and_what_clients_send_by_default_is_not() {
    let lab = Lab::open().await;
    lab.call(Method::POST, "/api/sessions/default/stop", json!({})).await;
    let new = |config: Value| ("/api/sessions", json!({"name": "x", "start": false, "config": config}));
    let text = |mut fields: Value| {
        let body = json!({"session": "default", "chatId": TO, "text": "a"});
        fields.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        ("/api/sendText", fields)
    };
    let voice = |convert: Value, mimetype: &str| {
        let file = json!({"data": "aGk=", "mimetype": mimetype});
        ("/api/sendVoice", json!({"chatId": TO, "file": file, "convert": convert}))
    };
    let refused = [
        ("debug", new(json!({"debug": "loud"}))),
        ("fullSync", new(json!({"noweb": {"store": {"enabled": true, "fullSync": "all"}}}))),
        ("markOnline", new(json!({"noweb": {"markOnline": false}}))),
        ("messages", new(json!({"gows": {"storage": {"messages": false}}}))),
        ("apps", ("/api/sessions", json!({"name": "x", "apps": [{"app": "chatwoot"}]}))),
        ("id", text(json!({"id": "A B"}))),
        (
            "method",
            ("/api/default/auth/request-code", json!({"phoneNumber": "628111222333", "method": "sms"})),
        ),
        ("convert", ("/api/sendImage", json!({"chatId": TO, "file": {"data": "aGk="}, "convert": true}))),
        ("asNote", ("/api/sendImage", json!({"chatId": TO, "file": {"data": "aGk="}, "asNote": true}))),
        ("caption", ("/api/sendVoice", json!({"chatId": TO, "file": {"data": "aGk="}, "caption": "a"}))),
    ];
    for (field, (path, body)) in refused {
        let answer = lab.call(Method::POST, path, body).await;
        assert_error(field, &answer, 400, BAD);
        assert!(answer.json()["message"].as_str().unwrap().contains(field), "{}", answer.json());
    }
    assert_eq!(lab.names().await, ["default"]);
    let usual = json!({
        "metadata": {}, "debug": true, "proxy": null, "ignore": {"status": null},
        "noweb": {"markOnline": true, "store": {"enabled": true, "fullSync": true}},
        "gows": {"storage": {"messages": true, "groups": null, "labels": false, "chats": true}},
        "webjs": {"tagsEventsOn": true}, "webhooks": [],
    });
    let (status, made) = create(&lab, "usual", &usual).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    for kept in ["debug", "noweb", "gows", "webjs"] {
        assert_eq!(made["config"][kept], usual[kept], "given back");
    }
    // As far as the state of the session allows.
    for (path, body) in [
        text(
            json!({"id": "", "reply_to": "", "linkPreview": "", "linkPreviewHighQuality": "", "mentions": ""}),
        ),
        text(json!({"id": "3EB0AA", "mentions": ["all"]})),
        text(json!({"id": null, "linkPreview": true, "linkPreviewHighQuality": true, "mentions": []})),
        voice(json!(false), "audio/mpeg"),
        voice(json!(true), "audio/mpeg"),
        ("/api/default/auth/request-code", json!({"phoneNumber": "628111222333", "method": null})),
    ] {
        assert_error(path, &lab.call(Method::POST, path, body).await, 422, "wrong_state");
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_refused_not_ignored() {
    let lab = Lab::open().await;
    for proxy in [
        json!({"server": "socks4://proxy.example:1080", "username": "u", "password": "hush"}),
        json!({"server": "http://u:hush@proxy.example:3128"}),
        json!({"server": "proxy.example:hush"}),
        json!({"server": "proxy.example:3128", "password": "hush"}),
        json!({"username": "u", "server": "", "password": "hush"}),
    ] {
        let config = json!({"proxy": proxy});
        let refused = create(&lab, "x", &config).await;
        assert_eq!(refused.0, StatusCode::BAD_REQUEST, "{config}");
        let answer = lab.call(Method::PUT, "/api/sessions/default", json!({"config": config})).await;
        assert_error("PUT", &answer, 400, BAD);
        for body in [refused.1, answer.json()] {
            assert!(body["message"].as_str().unwrap().contains("config.proxy."), "{body}");
            assert!(!body.to_string().contains("hush"), "{body}");
        }
    }
    assert_eq!(lab.names().await, ["default"]);
    for none in [json!(null), json!({"server": ""})] {
        let (status, made) = create(&lab, "none", &json!({"proxy": none})).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        assert_eq!(made["config"], json!({}));
        lab.ask(request(Method::DELETE, "/api/sessions/none", None)).await;
    }
}

/// A session row as an older version may have left it.
pub(super) fn old_row(name: &str, config: &Value) -> SessionRow {
    SessionRow {
        name: name.to_owned(),
        config_json: config.to_string(),
        desired: Desired::Started,
        created_ms: 1,
        updated_ms: 1,
        me_json: None,
        status: None,
    }
}

async fn lab_with(rows: Vec<SessionRow>) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
    for row in rows {
        storage.acquire(&row.name).await.unwrap().rows().put_session(row.clone()).await.unwrap();
    }
    storage.close().await;
    let keys = KeyPolicy::required(&secrecy::SecretString::from(super::requests::KEY));
    Lab::on(folder, keys, WebhookSettings::default()).await
}

#[tokio::test]
async fn a_session_that_was_stored_with_a_wrong_proxy_does_not_connect_past_it() {
    let proxy = json!({"proxy": {"server": "u:hush@proxy.example:3128"}, "metadata": {"a": "b"}});
    let lab = lab_with(vec![old_row("default", &proxy)]).await;
    for _ in 0..2 {
        let info = lab.get("/api/sessions/default").await.json();
        assert_eq!(info["status"], "FAILED", "{info}");
        assert!(info["reason"].as_str().unwrap().contains("proxy"), "{info}");
        lab.call(Method::POST, "/api/sessions/default/restart", json!({})).await;
    }
    let changed = lab.call(Method::PUT, "/api/sessions/default", json!({"config": {"proxy": null}})).await;
    assert_eq!(changed.json()["status"], "STARTING", "it starts by itself: {}", changed.json());
    assert_eq!(changed.json()["reason"], Value::Null);
}

#[tokio::test]
async fn secrets_are_stored_and_never_shown() {
    let lab = Lab::open().await;
    let config = json!({"webhooks": [webhook("http://bot:hush-pass@n8n/x")]});
    let (_, made) = create(&lab, "a", &config).await;
    let changed = lab.call(Method::PUT, "/api/sessions/a", json!({"config": made["config"]})).await.json();
    let mut answers = vec![made, changed];
    for path in ["/api/sessions/a", "/api/sessions?all=true", "/openapi.json", "/health"] {
        answers.push(lab.get(path).await.json());
    }
    answers.push(lab.call(Method::POST, "/api/sessions/a/start", json!({})).await.json());
    for answer in &answers {
        assert!(!answer.to_string().contains("hush"), "{answer}");
    }
    let shown = &answers[2]["config"]["webhooks"][0];
    assert_eq!(shown["hmac"]["key"], PLACEHOLDER);
    assert_eq!(shown["customHeaders"][0], json!({"name": "Authorization", "value": PLACEHOLDER}));
    assert_eq!(stored(&lab, "a").await["webhooks"], config["webhooks"], "given back, they stay");
}

#[tokio::test]
async fn a_placeholder_keeps_the_secret_of_the_same_target_only() {
    let lab = Lab::open().await;
    create(&lab, "a", &json!({"webhooks": [webhook("http://one/"), webhook("http://two/")]})).await;
    let shown = lab.get("/api/sessions/a").await.json()["config"]["webhooks"].clone();
    let put = async |webhooks: Value| {
        lab.call(Method::PUT, "/api/sessions/a", json!({"config": {"webhooks": webhooks}})).await
    };
    let mut moved = shown.clone();
    moved[0]["url"] = json!("http://evil.example/");
    let answer = put(moved).await;
    assert_error("another target", &answer, 400, BAD);
    assert!(
        answer.json()["message"].as_str().unwrap().contains("config.webhooks[0].hmac.key"),
        "{}",
        answer.json()
    );
    assert_eq!(stored(&lab, "a").await["webhooks"][0]["url"], "http://one/", "nothing changed");

    let mut turned = json!([shown[1], shown[0]]);
    turned[1]["hmac"]["key"] = json!("a new key");
    assert_eq!(put(turned).await.status, StatusCode::OK);
    let now = stored(&lab, "a").await;
    assert_eq!(
        (&now["webhooks"][0]["url"], &now["webhooks"][0]["hmac"]["key"]),
        (&json!("http://two/"), &json!("hush-key"))
    );
    assert_eq!(now["webhooks"][1]["hmac"]["key"], "a new key");
    assert_eq!(now["webhooks"][1]["customHeaders"][0]["value"], "hush-header");

    let (status, _) = create(&lab, "b", &json!({"webhooks": [shown[0]]})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "a new session has no secrets");
}

#[tokio::test]
async fn headers_of_ours_are_refused_by_name() {
    let lab = Lab::open().await;
    for (name, value) in [
        ("X-Webhook-Hmac", "v"),
        ("webhook-Signature", "v"),
        ("Expect", "100-continue"),
        ("TE", "trailers"),
        ("Host", "evil"),
        ("Proxy-Authorization", "v"),
        ("X-A", "hush\r\nX-B: c"),
    ] {
        let mut hook = webhook("http://n8n/x");
        hook["customHeaders"] = json!([{"name": name, "value": value}]);
        let (status, body) = create(&lab, "x", &json!({"webhooks": [hook]})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}");
        let message = body["message"].as_str().unwrap();
        assert!(message.contains(name) && !message.contains("hush"), "{message}");
    }
}

#[tokio::test]
async fn old_settings_that_are_refused_today_do_not_keep_the_gateway_from_starting() {
    let mut hook = webhook("http://169.254.169.254/");
    hook["customHeaders"] = json!([{"name": "X-Webhook-Hmac", "value": "v"}, {"name": "a b", "value": "v"}]);
    let old = json!({"webhooks": [hook], "debug": true, "noweb": 7, "something": {"else": 1}});
    let lab = lab_with(vec![old_row("old", &old)]).await;
    let info = lab.get("/api/sessions/old").await.json();
    assert_eq!(info["config"]["webhooks"][0]["url"], "http://169.254.169.254/", "{info}");
}

#[tokio::test]
async fn webhooks_are_confined_when_asked_for() {
    let confined = WebhookSettings {
        addresses: AddressPolicy { private: false, allowed: vec!["10.1.0.0/16".parse().unwrap()] },
        ..WebhookSettings::default()
    };
    let (open, confined) = (Lab::open().await, Lab::with_webhooks(confined).await);
    for (number, (url, in_open, in_confined)) in [
        ("http://169.254.169.254/latest", false, false),
        ("http://[fd00:ec2::254]/", false, false),
        ("http://127.0.0.1:5678/", true, false),
        ("http://2130706433/", true, false),
        ("http://[::ffff:192.168.0.1]/", true, false),
        ("http://10.1.2.3/", true, true),
        ("http://n8n:5678/", true, true),
        ("https://example.org/", true, true),
    ]
    .into_iter()
    .enumerate()
    {
        for (lab, allowed) in [(&open, in_open), (&confined, in_confined)] {
            let (status, body) =
                create(lab, &format!("s{number}"), &json!({"webhooks": [webhook(url)]})).await;
            assert_eq!(status == StatusCode::CREATED, allowed, "{url}: {body}");
            assert!(allowed || body["message"].as_str().unwrap().contains("not allowed"), "{body}");
        }
    }
}

/// A text that somebody wrote, with this protobuf.
pub(super) fn received(id: &str, timestamp_s: i64, proto: &[u8]) -> Change {
    let row = MessageRow {
        session: "default".to_owned(),
        chat: TO.to_owned(),
        id: id.to_owned(),
        from_me: false,
        participant: String::new(),
        sender: TO.to_owned(),
        account: None,
        timestamp_s,
        kind: "text".to_owned(),
        ack: 2,
        from_api: false,
        push_name: None,
        wire: WireKey::default(),
        target: None,
        proto: proto.to_vec(),
        described: Described::default(),
        reply_to: None,
        edited: false,
        revoked: false,
        hidden: false,
    };
    Change::Message { row: Box::new(row), updates: Vec::new(), events: Vec::new() }
}

#[tokio::test]
async fn a_damaged_message_is_an_error_that_names_it_and_can_be_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
    let owner = storage.acquire("default").await.unwrap();
    let stopped = SessionRow { desired: Desired::Stopped, ..old_row("default", &json!({})) };
    owner.rows().put_session(stopped).await.unwrap();
    // Field 1 of a message is its text.
    let messages = vec![received("NEW", 2, &[0x0a, 2, b'h', b'i']), received("OLD", 1, &[0xff; 3])];
    owner.rows().commit(messages.into()).await.unwrap();
    storage.close().await;
    let keys = KeyPolicy::required(&secrecy::SecretString::from(super::requests::KEY));
    let lab = Lab::on(folder, keys, WebhookSettings::default()).await;
    let path = format!("/api/default/chats/{TO}/messages?limit=");
    let all = lab.get(&format!("{path}10")).await;
    assert_error("a damaged message", &all, 500, "internal");
    let said = all.json()["message"].as_str().unwrap().to_owned();
    assert!(said.starts_with("message OLD of session default is damaged"), "{said}");
    let newest = lab.get(&format!("{path}1")).await.json();
    assert_eq!((newest[0]["body"].as_str(), newest.as_array().map(Vec::len)), (Some("hi"), Some(1)));
}
