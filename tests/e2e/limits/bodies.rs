//! Requests whose bodies are not wanted.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wakeeper_e2e::gateway::API_KEY;

use super::gateway;

const KEY: (&str, &str) = ("X-Api-Key", API_KEY);
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Method, path, headers, and the status that it is refused with.
type Refusal = (Method, &'static str, Vec<(&'static str, &'static str)>, u16);

/// Requests that are refused before their body is read.
fn refusals() -> Vec<Refusal> {
    vec![
        (Method::POST, "/api/sendText", vec![JSON], 401),
        (Method::POST, "/api/sendText", vec![("X-Api-Key", "wrong"), JSON], 401),
        (Method::POST, "/api/no/such/path", vec![KEY, JSON], 404),
        (Method::POST, "/nothing", vec![], 404),
        (Method::PATCH, "/api/sendText", vec![KEY, JSON], 405),
        (Method::POST, "/ping", vec![], 405),
        (Method::POST, "/api/sendText", vec![KEY, ("Content-Type", "text/plain")], 415),
        (Method::POST, "/api/sendText", vec![KEY, JSON], 400),
        (Method::GET, "/api/sessions/nobody", vec![KEY], 404),
    ]
}

#[tokio::test]
async fn a_refused_request_never_spoils_the_next_one() {
    let (_lab, _webhooks, gateway) = gateway(&[("REQUEST_BODY_LIMIT", "3MB")]).await;
    let pooled = reqwest::Client::builder().pool_max_idle_per_host(1).build().expect("a client");
    for size in [1_000, 100_000, 300_000, 5_000_000] {
        for (method, path, headers, status) in refusals() {
            for chunked in [false, true] {
                let rounds = if size == 100_000 { 15 } else { 2 };
                for _ in 0..rounds {
                    let body = vec![b'x'; size];
                    let body = if chunked {
                        let pieces = body.chunks(16_384).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
                        reqwest::Body::wrap_stream(stream(pieces.collect()))
                    } else {
                        body.into()
                    };
                    let mut request = pooled.request(method.clone(), gateway.url(path)).body(body);
                    for (name, value) in &headers {
                        request = request.header(*name, *value);
                    }
                    let what = format!("{method} {path}, {size} bytes, chunked {chunked}");
                    let answer = request.send().await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
                    let too_large = size > 3 << 20 && status == 400;
                    let status = if too_large { 413 } else { status };
                    assert_eq!(answer.status().as_u16(), status, "{what}");
                    answer.bytes().await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
                    let next = pooled.get(gateway.url("/ping")).send().await;
                    let next = next.unwrap_or_else(|error| panic!("the request after {what}: {error:?}"));
                    assert_eq!(next.status(), StatusCode::OK, "the request after {what}");
                }
            }
        }
    }
}

fn stream<T: Send + 'static>(items: Vec<T>) -> impl futures::Stream<Item = T> + Send {
    futures::stream::iter(items)
}

/// Writes everything at once, in any case, and then reads to the end, as simple clients do.
async fn raw(port: u16, request: Vec<u8>) -> String {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let (mut reader, mut writer) = stream.into_split();
    let written = tokio::time::timeout(Duration::from_secs(20), writer.write_all(&request));
    written.await.expect("the server reads on").expect("no reset");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_mins(1), reader.read_to_end(&mut answer));
    read.await.expect("the server closes").expect("no reset");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn simple_clients_see_the_answer_and_pipelines_go_on() {
    let (_lab, _webhooks, gateway) = gateway(&[]).await;
    let refused = |size: usize, last: &str| {
        let mut request =
            format!("POST /api/sendText HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n").into_bytes();
        request.resize(request.len() + size, b'x');
        request.extend_from_slice(last.as_bytes());
        request
    };
    let next = "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for size in [1_000, 100_000, 250_000] {
        let answers = raw(gateway.port(), refused(size, next)).await;
        assert!(answers.starts_with("HTTP/1.1 401"), "{size}: {answers}");
        assert!(answers.contains("HTTP/1.1 200") && answers.contains("pong"), "{size}: {answers}");
    }
    for size in [1_000_000, 5_000_000] {
        let answers = raw(gateway.port(), refused(size, next)).await;
        assert!(answers.starts_with("HTTP/1.1 401"), "{size}: {answers}");
        assert!(answers.to_lowercase().contains("connection: close"), "{size}: {answers}");
        assert!(!answers.contains("HTTP/1.1 200"), "{size}: {answers}");
    }
}

#[tokio::test]
async fn whoever_asks_before_sending_is_told_without_sending() {
    let (_lab, _webhooks, gateway) = gateway(&[]).await;
    let head = |key: &str| {
        format!(
            "POST /api/sendText HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\nContent-Type: application/json\r\n\
             Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let answer = raw(gateway.port(), head("wrong").into_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 401") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port())).await.expect("a connection");
    stream.write_all(head(API_KEY).as_bytes()).await.expect("a write");
    let mut first = [0; 25];
    stream.read_exact(&mut first).await.expect("an interim answer");
    assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
}
