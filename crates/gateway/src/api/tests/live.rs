//! Live streams and the log, over real connections; `tests/e2e/streams.rs` has what survives a crash.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};
use tower::ServiceExt;

use super::requests::{KEY, Lab, assert_error};
use super::*;

const PATIENCE: Duration = Duration::from_mins(1);

/// Something happens in a session: its status changes.
async fn happens(lab: &Lab, session: &str) {
    // Whatever it is doing: it ends, begins and ends.
    for what in ["stop", "start", "stop"] {
        let path = format!("/api/sessions/{session}/{what}");
        let answer = lab.ask(super::requests::request(Method::POST, &path, None)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
    }
}

async fn other_session(lab: &Lab) {
    let answer = lab.call(Method::POST, "/api/sessions", json!({"name": "other", "start": false})).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

async fn key(lab: &Lab, wanted: Value) -> (String, String) {
    let made = lab.call(Method::POST, "/api/keys", wanted).await.json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

/// A reader of Server-Sent Events.
struct Sse {
    lines: BufReader<TcpStream>,
}

#[derive(Debug, Default, Clone)]
struct Read {
    id: String,
    event: String,
    data: String,
}

impl Read {
    fn body(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

impl Sse {
    async fn open(address: std::net::SocketAddr, key: &str, query: &str, last: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /api/events{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Api-Key: {key}\r\nLast-Event-ID: {last}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream);
        let mut first = String::new();
        lines.read_line(&mut first).await.unwrap();
        assert!(first.starts_with("HTTP/1.1 200"), "{first}");
        Self { lines }
    }

    /// The next block that names an event or a place; `None` at the end.
    async fn next(&mut self) -> Option<Read> {
        let read = async {
            let (mut read, mut is_any) = (Read::default(), false);
            loop {
                let mut line = String::new();
                if self.lines.read_line(&mut line).await.unwrap() == 0 {
                    return None;
                }
                // Lengths of chunks and headers have none of these names.
                let line = line.trim_end();
                for (name, into) in
                    [("id: ", &mut read.id), ("event: ", &mut read.event), ("data: ", &mut read.data)]
                {
                    if let Some(value) = line.strip_prefix(name) {
                        value.clone_into(into);
                        is_any = true;
                    }
                }
                if line.is_empty() && is_any {
                    return Some(read);
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("an event")
    }
}

#[tokio::test]
async fn events_are_streamed_with_webhooks_bodies_and_resumed_where_they_broke_off() {
    let lab = Lab::open().await;
    other_session(&lab).await;
    let address = lab.serve().await;
    let query = "?session=default&events=session.status,message";
    let mut stream = Sse::open(address, KEY, query, "").await;
    let begun = stream.next().await.unwrap();
    assert!(!begun.id.is_empty() && begun.event.is_empty(), "the place that it is at: {begun:?}");
    happens(&lab, "other").await;
    happens(&lab, "default").await;
    let first = stream.next().await.unwrap();
    assert_eq!(first.event, "session.status");
    let body = first.body();
    assert_eq!((&body["session"], &body["event"]), (&json!("default"), &json!("session.status")));
    assert!(body["payload"]["status"].is_string() && body["environment"].is_object(), "{body}");
    drop(stream);
    happens(&lab, "default").await;
    // By the place, and by the event's own id.
    let mut seen = Vec::new();
    for last in [first.id.as_str(), body["id"].as_str().unwrap()] {
        let mut again = Sse::open(address, KEY, query, last).await;
        assert!(again.next().await.unwrap().event.is_empty(), "no gap");
        let mut ids = Vec::new();
        while ids.len() < 2 {
            let read = again.next().await.unwrap();
            assert_eq!(read.body()["session"], "default");
            ids.push(read.body()["id"].clone());
        }
        assert!(!ids.contains(&body["id"]));
        seen.push(ids);
    }
    assert_eq!(seen[0], seen[1]);
    let mut lost = Sse::open(address, KEY, query, "no-place-at-all").await;
    assert_eq!(lost.next().await.unwrap().event, "stream.gap");
}

#[tokio::test]
async fn a_stream_tells_its_key_of_its_session_alone_and_ends_with_the_key() {
    let lab = Lab::open().await;
    other_session(&lab).await;
    let address = lab.serve().await;
    let (id, reader) = key(&lab, json!({"session": "default", "actions": {"read": true}})).await;
    let (_, sender) = key(&lab, json!({"session": "default", "actions": {"send": true}})).await;
    let ask = async |key: &str, path: &str| {
        lab.ask(Request::builder().uri(path).header("X-Api-Key", key).body(Body::empty()).unwrap()).await
    };
    assert_error("no scope", &ask(&sender, "/api/events").await, 403, "scope_not_allowed");
    assert_error("another", &ask(&reader, "/api/events?session=other").await, 403, "session_not_allowed");
    assert_error("none", &ask(KEY, "/api/events?session=unknown").await, 404, "session_not_found");
    assert_error("no event", &ask(KEY, "/api/events?events=mesage").await, 400, "invalid_request");
    let mut stream = Sse::open(address, &reader, "?session=*&events=*", "").await;
    stream.next().await.unwrap();
    happens(&lab, "other").await;
    happens(&lab, "default").await;
    assert_eq!(stream.next().await.unwrap().body()["session"], "default");
    let log = ask(&reader, "/api/events/log").await.json();
    assert!(log.as_array().unwrap().iter().all(|event| event["session"] == "default"), "{log}");
    assert!(!log.as_array().unwrap().is_empty());
    lab.ask(super::requests::request(Method::DELETE, &format!("/api/keys/{id}"), None)).await;
    let end = loop {
        let read = stream.next().await.expect("a reason");
        if read.event == "stream.end" {
            break read;
        }
    };
    assert_eq!(end.body()["reason"], "key_changed");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn the_log_is_paged_and_always_says_where_it_goes_on() {
    let lab = Lab::open().await;
    let address = lab.serve().await;
    // Nothing is stored for nobody: somebody has to ask.
    let mut stream = Sse::open(address, KEY, "", "").await;
    stream.next().await.unwrap();
    happens(&lab, "default").await;
    let mut ids = Vec::new();
    let mut path = "/api/events/log?limit=1&events=session.status".to_owned();
    loop {
        let answer = lab.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
        let page = answer.json().as_array().unwrap().clone();
        let cursor = answer.headers["x-next-cursor"].to_str().unwrap().to_owned();
        if page.is_empty() {
            break;
        }
        ids.extend(page.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        path = format!("/api/events/log?limit=1&events=session.status&cursor={cursor}");
    }
    let whole = lab.get("/api/events/log").await.json();
    let all: Vec<_> = whole.as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert!(ids.len() > 1 && ids == all, "{ids:?} {all:?}");
    let rest = lab.get(&format!("/api/events/log?after={}", ids[0])).await.json();
    assert_eq!(rest.as_array().unwrap().len(), ids.len() - 1);
    for query in ["limit=0", "limit=501", "cursor=x", "after=evt_x", "cursor=x&after=y", "sesion=a"] {
        assert_error(query, &lab.get(&format!("/api/events/log?{query}")).await, 400, "invalid_request");
    }
}

async fn connect(address: std::net::SocketAddr, query: &str) -> Result<Socket, tungstenite::Error> {
    let stream = TcpStream::connect(address).await.unwrap();
    tokio_tungstenite::client_async(format!("ws://localhost/ws?{query}"), stream)
        .await
        .map(|(socket, _)| socket)
}

type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn read(socket: &mut Socket) -> Message {
    tokio::time::timeout(PATIENCE, socket.next()).await.expect("a message").expect("no end").unwrap()
}

#[tokio::test]
async fn wahas_websocket_tells_what_was_asked_for_in_webhooks_bodies() {
    let lab = Lab::open().await;
    other_session(&lab).await;
    let address = lab.serve().await;
    let query = format!("session=*&events=session.status&events=message&x-api-key={KEY}");
    let mut socket = connect(address, &query).await.unwrap();
    happens(&lab, "default").await;
    happens(&lab, "other").await;
    let mut sessions = std::collections::BTreeSet::new();
    let mut last = String::new();
    while sessions.len() < 2 {
        let Message::Text(text) = read(&mut socket).await else { continue };
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(body["event"], "session.status", "{body}");
        sessions.insert(body["session"].as_str().unwrap().to_owned());
        last = body["id"].as_str().unwrap().to_owned();
    }
    // Pings are answered, and what a reader says is not minded.
    socket.send(Message::Text("hello".into())).await.unwrap();
    socket.send(Message::Ping("here".into())).await.unwrap();
    loop {
        if let Message::Pong(payload) = read(&mut socket).await {
            assert_eq!(&payload[..], b"here");
            break;
        }
    }
    drop(socket);
    happens(&lab, "default").await;
    let mut again = connect(address, &format!("{query}&lastEventId={last}")).await.unwrap();
    let Message::Text(text) = read(&mut again).await else { panic!("a body") };
    let body: Value = serde_json::from_str(&text).unwrap();
    assert!(body["event"] == "session.status" && body["id"] != json!(last), "{body}");
    for (query, status) in [
        ("session=*", 401),
        ("x-api-key=wrong", 401),
        (&*format!("session=unknown&x-api-key={KEY}"), 404),
        (&*format!("events=nothing&x-api-key={KEY}"), 400),
    ] {
        match connect(address, query).await {
            Err(tungstenite::Error::Http(response)) => {
                assert_eq!(response.status().as_u16(), status, "{query}");
            }
            other => panic!("{query}: {other:?}"),
        }
    }
    assert_error("no WebSocket", &lab.get("/ws").await, 400, "invalid_request");
}

#[tokio::test]
async fn streams_and_sockets_end_with_a_reason_when_the_gateway_shuts_down() {
    let lab = Lab::open().await;
    let address = lab.serve().await;
    let mut socket = connect(address, &format!("x-api-key={KEY}")).await.unwrap();
    let mut stream = Sse::open(address, KEY, "", "").await;
    stream.next().await.unwrap();
    let (id, key) = key(&lab, json!({"session": "default"})).await;
    let mut limited = connect(address, &format!("x-api-key={key}")).await.unwrap();
    lab.ask(super::requests::request(Method::DELETE, &format!("/api/keys/{id}"), None)).await;
    happens(&lab, "default").await;
    let closed = loop {
        match read(&mut limited).await {
            Message::Close(frame) => break frame.unwrap(),
            Message::Text(text) => panic!("told after its key was revoked: {text}"),
            _ => {}
        }
    };
    assert_eq!((u16::from(closed.code), closed.reason.as_str()), (1008, "key_changed"));
    let streams = lab.webhooks.streams();
    let ending = tokio::spawn(async move { streams.end(PATIENCE).await });
    let mut last = None;
    while let Some(read) = stream.next().await {
        last = Some(read);
    }
    assert_eq!(last.unwrap().body()["reason"], "shutting_down");
    let closed = loop {
        if let Message::Close(frame) = read(&mut socket).await {
            break frame.unwrap();
        }
    };
    assert_eq!((u16::from(closed.code), closed.reason.as_str()), (1001, "shutting_down"));
    drop(socket);
    ending.await.unwrap();
}

#[tokio::test]
async fn a_key_that_has_too_many_streams_is_told_so_and_others_are_served() {
    let lab = Lab::open().await;
    let (_, greedy) = key(&lab, json!({"session": "default"})).await;
    let (_, other) = key(&lab, json!({"session": "default"})).await;
    let open = async |key: &str| {
        let request =
            Request::builder().uri("/api/events").header("X-Api-Key", key).header("Host", "localhost");
        lab.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let mut held = Vec::new();
    let refused = loop {
        assert!(held.len() < 256, "no end");
        let answer = open(&greedy).await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
        held.push(answer);
    };
    assert_eq!((held.len(), refused.status()), (64, StatusCode::TOO_MANY_REQUESTS));
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(open(&other).await.status(), StatusCode::OK);
    held.pop();
    assert_eq!(open(&greedy).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_keys_a_page_of_another_site_opens_no_socket() {
    let lab = Lab::with_keys(KeyPolicy::Off).await;
    for (origin, status) in [("https://evil.example", 403), ("null", 403), ("http://localhost:8192", 400)] {
        let request = Request::builder().uri("/ws").header("Host", "localhost").header("Origin", origin);
        let answer = lab.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{origin}: {}", answer.json());
    }
}
