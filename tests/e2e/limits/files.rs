//! Large files from callers, and to them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use base64::Engine;
use futures::StreamExt;
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use wakeeper_e2e::gateway::{API_KEY, Gateway};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Lab, PATIENCE, Webhooks};

use super::{MEGABYTE, gateway};

/// The number of an account and of a contact.
const OWNER: &str = "628111000001";
const ANN: &str = "628111000002";

/// Begins a request with a file of 130 MB in base64 and leaves it unfinished.
async fn unfinished(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port())).await.expect("a connection");
    let head = format!(
        "POST /api/sendFile HTTP/1.1\r\nHost: x\r\nX-Api-Key: {API_KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: 136314880\r\n\r\n{{\"chatId\":\"{ANN}@c.us\",\"file\":{{\"data\":\""
    );
    stream.write_all(head.as_bytes()).await.expect("a write");
    let piece = vec![b'A'; 1 << 20];
    for _ in 0..129 {
        stream.write_all(&piece).await.expect("the gateway reads on");
    }
    stream
}

#[tokio::test]
async fn unfinished_bodies_take_no_memory() {
    let (_lab, _webhooks, gateway) = gateway(&[]).await;
    let before = gateway.memory();
    let streams = futures::future::join_all((0..6).map(|_| unfinished(&gateway))).await;
    let added = gateway.memory().saturating_sub(before);
    assert!(added < 60 * MEGABYTE, "6 bodies of 130 MB add {added} bytes");
    drop(streams);
}

/// A server of files: one large, one that drips; and what is told when somebody fetches the one that drips.
async fn files(size: usize) -> (String, Arc<Notify>) {
    let fetched = Arc::new(Notify::new());
    let told = Arc::clone(&fetched);
    let large = move || async move { vec![7u8; size] };
    let drip = move || {
        told.notify_one();
        let pieces = futures::stream::iter(0..600).then(|_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, std::io::Error>(vec![1u8])
        });
        std::future::ready(Body::from_stream(pieces))
    };
    let router = Router::new().route("/large.bin", get(large)).route("/drip.bin", get(drip));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), fetched)
}

async fn linked() -> (Lab, Webhooks, Gateway) {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.set("MEDIA_FROM_PRIVATE_ADDRESSES", "true");
    gateway.start().await;
    let phone = lab.simulator().phone(OWNER, "Owner").await;
    lab.simulator().phone(ANN, "Ann").await;
    phone.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
    (lab, webhooks, gateway)
}

#[tokio::test]
async fn large_files_go_through_without_lying_in_memory() {
    let (_lab, _webhooks, gateway) = linked().await;
    let (base, _) = files(60 << 20).await;
    let before = gateway.memory();
    let peak = async {
        let mut peak = 0;
        loop {
            peak = gateway.memory().max(peak);
            tokio::time::sleep(Duration::from_millis(20)).await;
            if peak > before + 120 * MEGABYTE {
                return peak;
            }
        }
    };
    let work = async {
        let body = json!({"chatId": format!("{ANN}@c.us"), "file": {"url": format!("{base}/large.bin")}});
        let sends = (0..4).map(|_| gateway.call(Method::POST, "/api/sendFile", Some(body.clone())));
        let sent = futures::future::join_all(sends).await;
        let url = sent[0]["media"]["url"].as_str().expect("a URL").to_owned();
        let path = format!("/api/files{}", url.split_once("/api/files").expect("a path").1);
        let reads = (0..4).map(|_| async {
            let answer = gateway.request(Method::GET, &path).send().await.expect("an answer");
            let length = answer.content_length();
            let mut stream = answer.bytes_stream();
            let mut read = 0;
            while let Some(piece) = stream.next().await {
                read += piece.expect("a piece").len();
            }
            (length, read)
        });
        for (length, read) in futures::future::join_all(reads).await {
            assert_eq!((length, read), (Some(60 << 20), 60 << 20));
        }
    };
    tokio::select! {
        () = work => {}
        peak = peak => panic!("{} bytes more than before", peak - before),
    }
}

#[tokio::test]
async fn a_file_that_drips_holds_up_no_other_send() {
    let (_lab, _webhooks, gateway) = linked().await;
    let (base, fetched) = files(1).await;
    let chat = format!("{ANN}@c.us");
    let dripping = json!({"chatId": chat, "file": {"url": format!("{base}/drip.bin")}});
    let slow = gateway.answer(gateway.request(Method::POST, "/api/sendFile").json(&dripping));
    let quick = async {
        fetched.notified().await;
        gateway.call(Method::POST, "/api/sendText", Some(Gateway::text(&chat, "quick"))).await;
    };
    tokio::pin!(slow, quick);
    tokio::select! {
        biased;
        () = &mut quick => {}
        slow = &mut slow => panic!("the other send waited for the file: {slow:?}"),
    }
    let slow = slow.await.expect("an answer");
    assert_eq!(
        (slow.status.as_u16(), slow.body["code"].as_str()),
        (422, Some("media_unavailable")),
        "{slow:?}"
    );
}

#[tokio::test]
async fn a_file_in_the_body_arrives_as_it_was() {
    let (_lab, _webhooks, gateway) = linked().await;
    let content: Vec<u8> = (0..3_000_000u32).map(|number| (number * 31 % 251) as u8).collect();
    let data = base64::engine::general_purpose::STANDARD.encode(&content);
    let body = json!({"file": {"mimetype": "image/png", "data": data}, "chatId": format!("{ANN}@c.us")});
    let sent = gateway.call(Method::POST, "/api/sendImage", Some(body)).await;
    let url = sent["media"]["url"].as_str().expect("a URL").to_owned();
    let path = format!("/api/files{}", url.split_once("/api/files").expect("a path").1);
    let read = eventually("the file", PATIENCE, async || {
        let answer = gateway.request(Method::GET, &path).send().await.map_err(|error| error.to_string())?;
        answer.bytes().await.map_err(|error| error.to_string())
    })
    .await;
    assert!(read == content, "{} bytes", read.len());
}
