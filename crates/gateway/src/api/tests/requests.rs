//! Requests against the whole surface, in process, on real sessions that reach no server.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use tower::ServiceExt;
use wakeeper_delivery::webhook::WebhookSettings;
use wakeeper_engine::{EngineConfig, KeepLimits, Lock};
use wakeeper_model::Clock;
use wakeeper_storage::open_sqlite;

use super::*;

pub(super) const KEY: &str = "key-of-the-api-tests";
const BODY_LIMIT: usize = 64 * 1024;
pub(super) const TO: &str = "491701000002@c.us";

pub(super) struct Lab {
    pub router: Router,
    pub sessions: Sessions,
    pub webhooks: Webhooks,
    stopping: CancellationToken,
    pub at_once: CancellationToken,
    pub folder: tempfile::TempDir,
}

pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    bytes: bytes::Bytes,
}

impl Answer {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

impl Lab {
    pub async fn open() -> Self {
        Self::with_keys(KeyPolicy::required(&SecretString::from(KEY))).await
    }

    pub async fn with_keys(keys: KeyPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::on(folder, keys, WebhookSettings::default()).await
    }

    pub async fn with_webhooks(webhooks: WebhookSettings) -> Self {
        let keys = KeyPolicy::required(&SecretString::from(KEY));
        Self::on(tempfile::tempdir().unwrap(), keys, webhooks).await
    }

    /// A gateway on a folder that may have been used before.
    pub async fn on(folder: tempfile::TempDir, keys: KeyPolicy, webhooks: WebhookSettings) -> Self {
        Self::keeping(KeepLimits::default(), folder, keys, webhooks).await
    }

    /// One that converts files.
    pub async fn converting() -> Self {
        let folders = std::env::var_os("PATH").unwrap();
        let mut places = std::env::split_paths(&folders).map(|folder| folder.join("ffmpeg"));
        let ffmpeg = places.find(|path| path.is_file()).expect("ffmpeg, which `cargo xtask setup` installs");
        let engine = EngineConfig { ffmpeg: Some(ffmpeg), ..EngineConfig::default() };
        let keys = KeyPolicy::required(&SecretString::from(KEY));
        Self::with_engine(engine, tempfile::tempdir().unwrap(), keys, WebhookSettings::default()).await
    }

    /// The same, with limits for what is kept.
    pub async fn keeping(
        keep: KeepLimits,
        folder: tempfile::TempDir,
        keys: KeyPolicy,
        webhooks: WebhookSettings,
    ) -> Self {
        let engine = EngineConfig { keep, ..EngineConfig::default() };
        Self::with_engine(engine, folder, keys, webhooks).await
    }

    async fn with_engine(
        engine: EngineConfig,
        folder: tempfile::TempDir,
        keys: KeyPolicy,
        webhooks: WebhookSettings,
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let lock = Lock::on_folder(folder.path()).unwrap();
        let storage = open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
        let webhooks = Webhooks::new(Arc::clone(&storage), webhooks).unwrap();
        let engine = EngineConfig {
            auth_info_dir: folder.path().to_owned(),
            // Nobody listens on port 1.
            websocket_url: Some("ws://127.0.0.1:1/ws/chat".to_owned()),
            message_search: true,
            ..engine
        };
        let access = Keys::open(Arc::clone(&storage), Clock::system()).await.unwrap();
        let sessions = Sessions::open(engine, lock, storage, webhooks.sink(), Clock::system()).await.unwrap();
        let (stopping, at_once) = (CancellationToken::new(), CancellationToken::new());
        let settings = [("PORT".to_owned(), Some("8192".to_owned())), ("LOG_DIR".to_owned(), None)]
            .into_iter()
            .collect();
        let config = ApiConfig {
            keys,
            body_limit: BODY_LIMIT,
            metrics: None,
            backups: None,
            incidents: None,
            settings,
            old_app: None,
            mcp: true,
        };
        let router =
            router(config, sessions.clone(), webhooks.clone(), access, stopping.clone(), at_once.clone());
        Self { router, sessions, webhooks, stopping, at_once, folder }
    }

    /// The surface on a port of this machine, until the lab is gone.
    pub async fn serve(&self) -> std::net::SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, stopping) = (self.router.clone(), self.stopping.clone());
        tokio::spawn(crate::serving::serve(
            listener,
            router,
            crate::serving::ServeLimits::default(),
            stopping,
        ));
        address
    }

    pub async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(request(Method::GET, path, None)).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        self.ask(request(method, path, Some(body.to_string().into_bytes()))).await
    }

    pub async fn names(&self) -> Vec<String> {
        let sessions = self.sessions.list(true).await.unwrap();
        sessions.into_iter().map(|session| session.name.to_string()).collect()
    }
}

pub(super) fn request(method: Method, path: &str, body: Option<Vec<u8>>) -> Request<Body> {
    let builder = Request::builder().method(method).uri(path).header("X-Api-Key", KEY);
    match body {
        Some(body) => builder.header("Content-Type", "application/json").body(Body::from(body)),
        None => builder.body(Body::empty()),
    }
    .unwrap()
}

pub(super) fn assert_error(what: &str, answer: &Answer, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{what}: {body}");
    assert_eq!(body["statusCode"], status, "{what}");
    assert!(body["error"].is_string() && body["message"].is_string(), "{what}: {body}");
}

#[tokio::test]
async fn a_stranger_sees_only_what_is_public() {
    let lab = Lab::open().await;
    let ask = async |path: &str, key: Option<&str>| {
        let mut builder = Request::builder().uri(path);
        if let Some(key) = key {
            builder = builder.header("X-Api-Key", key);
        }
        lab.ask(builder.body(Body::empty()).unwrap()).await
    };
    for path in
        ["/api/sessions", "/api/sessions/default", "/api/files/default/a.jpg", "/api", "/api/no/such/path"]
    {
        for key in [None, Some(""), Some("key-of-the-api-test"), Some("KEY-OF-THE-API-TESTS")] {
            assert_error(path, &ask(path, key).await, 401, "unauthorized");
        }
    }
    for path in
        ["/ping", "/health", "/", "/page/app.js", "/page/base.css", "/icon.svg", "/openapi.json", "/docs/"]
    {
        assert_eq!(ask(path, None).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(ask("/ping", None).await.json(), json!({ "message": "pong" }));
    assert_error("/metrics", &ask("/metrics", None).await, 404, "not_found");
}

#[tokio::test]
async fn health_gives_evidence_and_ready_waits_for_every_session() {
    let lab = Lab::open().await;
    let health = lab.get("/health").await;
    assert_eq!(health.status, StatusCode::OK);
    let body = health.json();
    assert_eq!(body["status"], "ok");
    assert_eq!(body["details"]["storage"]["status"], "up");
    assert!(body["details"]["sessions"]["states"].is_object(), "{body}");
    assert!(!body.to_string().contains("default"), "no session names for strangers: {body}");
    assert_eq!(lab.get("/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
    lab.call(Method::POST, "/api/sessions/default/stop", json!({})).await;
    assert_eq!(lab.get("/ready").await.status, StatusCode::OK);
}

#[tokio::test]
async fn sessions_are_created_changed_and_deleted() {
    let lab = Lab::open().await;
    let config = json!({ "metadata": { "team": "blue" }, "proxy": null, "ignore": { "status": null } });
    let new = json!({ "name": "second", "start": false, "config": config });
    let made = lab.call(Method::POST, "/api/sessions", new.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json());
    assert_eq!(made.json()["status"], "STOPPED");
    assert_error("again", &lab.call(Method::POST, "/api/sessions", new).await, 422, "session_exists");

    let listed = |answer: Answer| {
        let names: Vec<_> =
            answer.json().as_array().unwrap().iter().map(|session| session["name"].clone()).collect();
        names
    };
    assert_eq!(listed(lab.get("/api/sessions").await), ["default"]);
    assert_eq!(listed(lab.get("/api/sessions?all=true").await), ["default", "second"]);
    assert_eq!(lab.get("/api/sessions/second/me").await.json(), Value::Null);

    let change = json!({ "config": { "metadata": { "team": "red" } } });
    let changed = lab.call(Method::PUT, "/api/sessions/second", change).await;
    assert_eq!(changed.json()["config"]["metadata"]["team"], "red");
    assert_eq!(lab.get("/api/sessions/second").await.json()["config"]["metadata"]["team"], "red");

    assert_eq!(lab.ask(request(Method::DELETE, "/api/sessions/second", None)).await.status, StatusCode::OK);
    assert_error("gone", &lab.get("/api/sessions/second").await, 404, "session_not_found");
    let unnamed = lab.call(Method::POST, "/api/sessions", json!({ "start": false })).await;
    assert!(unnamed.json()["name"].as_str().unwrap().starts_with("session_"));
}

#[tokio::test]
async fn a_state_that_does_not_fit_is_named() {
    let lab = Lab::open().await;
    lab.call(Method::POST, "/api/sessions/default/stop", json!({})).await;
    let answer = lab.get("/api/default/auth/qr").await;
    assert_error("a QR code of a stopped session", &answer, 422, "wrong_state");
    let body = answer.json();
    assert_eq!((&body["session"], &body["status"]), (&json!("default"), &json!("STOPPED")));
    assert_eq!(body["expected"], json!(["SCAN_QR_CODE"]));
    let text = json!({ "session": "default", "chatId": TO, "text": "a" });
    assert_error("a text", &lab.call(Method::POST, "/api/sendText", text).await, 422, "wrong_state");
}

fn malformed() -> Vec<(&'static str, Method, &'static str, Value, u16, &'static str)> {
    let text = |fields: Value| {
        let mut body = json!({ "session": "default", "chatId": TO, "text": "a" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    let file = |file: Value| json!({ "session": "default", "chatId": TO, "file": file });
    let long = "x".repeat(60_000);
    let bad = "invalid_request";
    let (post, put, get) = (Method::POST, Method::PUT, Method::GET);
    vec![
        ("no text", post.clone(), "/api/sendText", json!({ "chatId": TO }), 400, bad),
        ("an empty text", post.clone(), "/api/sendText", text(json!({ "text": "" })), 400, bad),
        ("a number as text", post.clone(), "/api/sendText", text(json!({ "text": 7 })), 400, bad),
        ("a list as body", post.clone(), "/api/sendText", json!([]), 400, bad),
        (
            "another server",
            post.clone(),
            "/api/sendText",
            text(json!({ "chatId": "1@example.org" })),
            400,
            bad,
        ),
        ("a group's device", post.clone(), "/api/sendText", text(json!({ "chatId": "1:3@g.us" })), 400, bad),
        ("a very long id", post.clone(), "/api/sendText", text(json!({ "chatId": long })), 400, bad),
        ("a reply to nothing", post.clone(), "/api/sendText", text(json!({ "reply_to": "x y" })), 400, bad),
        ("a mention of nobody", post.clone(), "/api/sendText", text(json!({ "mentions": ["x"] })), 400, bad),
        (
            "nobody's session",
            post.clone(),
            "/api/sendText",
            text(json!({ "session": "x" })),
            404,
            "session_not_found",
        ),
        (
            "a session of dots",
            post.clone(),
            "/api/sendText",
            text(json!({ "session": "../x" })),
            404,
            "session_not_found",
        ),
        ("no base64", post.clone(), "/api/sendImage", file(json!({ "data": "***" })), 400, bad),
        ("no file at all", post.clone(), "/api/sendFile", file(json!({})), 400, bad),
        (
            "a file of this machine",
            post.clone(),
            "/api/sendFile",
            file(json!({ "url": "file:///etc/passwd" })),
            400,
            bad,
        ),
        ("text as file", post.clone(), "/api/sendVoice", file(json!("a.ogg")), 400, bad),
        (
            "a long reaction",
            put.clone(),
            "/api/reaction",
            json!({ "messageId": format!("true_{TO}_A"), "reaction": "not an emoji but a whole sentence" }),
            400,
            bad,
        ),
        (
            "an edit elsewhere",
            put.clone(),
            "/api/default/chats/491701000003@c.us/messages/true_491701000002@c.us_A",
            json!({ "text": "a" }),
            400,
            bad,
        ),
        ("a bad name", post.clone(), "/api/sessions", json!({ "name": "../etc" }), 400, bad),
        (
            "a webhook to nowhere",
            post.clone(),
            "/api/sessions",
            json!({ "name": "x", "config": { "webhooks": [{ "url": "nowhere", "events": ["*"] }] } }),
            400,
            bad,
        ),
        (
            "config of a wrong type",
            post.clone(),
            "/api/sessions",
            json!({ "name": "x", "config": { "webhooks": "http://x" } }),
            400,
            bad,
        ),
        (
            "a code for letters",
            post.clone(),
            "/api/default/auth/request-code",
            json!({ "phoneNumber": "anna" }),
            400,
            bad,
        ),
        ("an unknown QR format", get.clone(), "/api/default/auth/qr?format=gif", Value::Null, 400, bad),
        (
            "a negative limit",
            get.clone(),
            "/api/default/chats/1@c.us/messages?limit=-1",
            Value::Null,
            400,
            bad,
        ),
        ("a limit of none", get.clone(), "/api/default/chats/1@c.us/messages?limit=0", Value::Null, 400, bad),
        ("messages of no chat", get.clone(), "/api/default/chats/nonsense/messages", Value::Null, 400, bad),
        ("no such path", get.clone(), "/api/nothing/here", Value::Null, 404, "not_found"),
        ("no such file", get.clone(), "/api/files/default/nothing.png", Value::Null, 404, "file_not_found"),
        ("a file above", get, "/api/files/default/..%2F..%2Fapi_key", Value::Null, 404, "file_not_found"),
        ("a wrong method", post.clone(), "/api/sessions/default/me", json!({}), 405, "method_not_allowed"),
        (
            "no such dead letter",
            post,
            "/api/sessions/default/webhooks/dead-letters/replay",
            json!({ "eventId": "evt_none" }),
            404,
            "dead_letter_not_found",
        ),
        (
            "an edit of nothing",
            put,
            "/api/default/chats/491701000002@c.us/messages/true_491701000002@c.us_A",
            json!({}),
            400,
            bad,
        ),
    ]
}

#[tokio::test]
async fn malformed_requests_get_the_documented_error_and_change_nothing() {
    let lab = Lab::open().await;
    let before = lab.names().await;
    for (what, method, path, body, status, code) in malformed() {
        let body = (!body.is_null()).then(|| body.to_string().into_bytes());
        let answer = lab.ask(request(method, path, body)).await;
        assert_error(what, &answer, status, code);
        let text = answer.json().to_string();
        assert!(!text.contains("491701000002") && !text.contains("etc/passwd"), "{what} is repeated: {text}");
    }
    assert_eq!(lab.names().await, before);
}

#[tokio::test]
async fn bodies_are_json_of_a_bounded_size() {
    let lab = Lab::open().await;
    let post = |kind: &str, body: Vec<u8>| {
        let builder = Request::builder().method(Method::POST).uri("/api/sendText").header("X-Api-Key", KEY);
        lab.ask(builder.header("Content-Type", kind).body(Body::from(body)).unwrap())
    };
    assert_error("half", &post("application/json", b"{\"chatId\":".to_vec()).await, 400, "invalid_json");
    assert_error("binary", &post("application/json", vec![0xff, 0xfe]).await, 400, "invalid_json");
    let text = json!({ "chatId": TO, "text": "a" }).to_string().into_bytes();
    for kind in ["text/plain", "multipart/form-data"] {
        assert_error(kind, &post(kind, text.clone()).await, 415, "unsupported_media_type");
    }
    let large = vec![b' '; BODY_LIMIT + 1];
    assert_error("large", &post("application/json", large).await, 413, "too_large");
}

#[tokio::test]
async fn an_idempotency_key_is_checked() {
    let lab = Lab::open().await;
    for key in ["", &"k".repeat(256)] {
        let body = json!({ "chatId": TO, "text": "a" }).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/sendText")
            .header("X-Api-Key", KEY)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", key);
        assert_error(key, &lab.ask(request.body(Body::from(body)).unwrap()).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn while_it_shuts_down_the_api_says_so() {
    let lab = Lab::open().await;
    lab.stopping.cancel();
    let answer = lab.get("/api/sessions").await;
    assert_error("/api", &answer, 503, "shutting_down");
    assert!(answer.headers.contains_key("retry-after"));
    let health = lab.get("/health").await;
    assert_eq!((health.status.as_u16(), health.json()["status"].as_str()), (503, Some("shutting_down")));
}

#[tokio::test]
async fn without_keys_only_this_machine_is_answered() {
    let lab = Lab::with_keys(KeyPolicy::Off).await;
    let ask = |host: &'static str| {
        lab.ask(Request::builder().uri("/api/sessions").header("Host", host).body(Body::empty()).unwrap())
    };
    assert_eq!(ask("localhost:8192").await.status, StatusCode::OK);
    assert_error("rebinding", &ask("evil.example:8192").await, 403, "forbidden");
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_run_nothing_inline() {
    let lab = Lab::open().await;
    let page = lab.get("/").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    for path in ["/", "/page/app.js", "/page/base.css", "/docs/", "/docs/swagger-initializer.js"] {
        let text = String::from_utf8(lab.get(path).await.bytes.to_vec()).unwrap();
        for elsewhere in ["src=\"http", "src=\"//", "href=\"http", "@import", "url(http", "innerHTML"] {
            assert!(!text.contains(elsewhere), "{path} has {elsewhere}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the body is, the answer is one of the documented errors and never a fault of ours.
    #[test]
    fn no_body_is_a_fault_of_the_gateway(bodies in proptest::collection::vec(body(), 8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let lab = Lab::open().await;
            lab.call(Method::POST, "/api/sessions/default/stop", json!({})).await;
            for body in bodies {
                for path in ["/api/sendText", "/api/sendImage", "/api/sendSeen", "/api/startTyping"] {
                    let answer = lab.ask(request(Method::POST, path, Some(body.clone()))).await;
                    assert!(answer.status.is_client_error(), "{path}: {} {}", answer.status, answer.json());
                }
            }
            assert_eq!(lab.names().await, ["default"]);
        });
    }
}

/// Bytes, or JSON with the fields that sends have and values that they do not expect.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        Just(json!(TO)),
        Just(json!([TO])),
        Just(json!({ "url": "http://127.0.0.1:1/", "data": 3 })),
    ];
    let names =
        prop::sample::select(vec!["session", "chatId", "text", "file", "reply_to", "mentions", "messageIds"]);
    let object = proptest::collection::btree_map(names, value, 0..7);
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64),
        object.prop_map(|fields| serde_json::to_vec(&fields).unwrap()),
    ]
}

#[tokio::test]
async fn no_answer_can_be_framed_guessed_at_or_run() {
    let lab = Lab::open().await;
    for path in
        ["/", "/docs/", "/docs/swagger-ui-bundle.js", "/openapi.json", "/ping", "/nothing", "/api/x", "/docs"]
    {
        let answer = lab.get(path).await;
        let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
    }
    let docs = lab.get("/docs/").await;
    let policy = docs.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';"), "no script but its own: {policy}");
    let page = String::from_utf8_lossy(&docs.bytes);
    assert!(page.contains("<script src=") && !page.contains("<script>"), "{page}");
}
