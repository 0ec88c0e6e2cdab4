//! The receiver of the gateway's webhook: checks signatures, keeps events.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha512;
use tokio::net::TcpListener;

use crate::DemoError;
use crate::wait::until;

/// A program that listens to the gateway's events, as n8n would.
pub struct WebhookSink {
    url: String,
    received: Received,
}

#[derive(Clone)]
struct Received {
    key: Arc<str>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl WebhookSink {
    /// Starts to listen on a free port of this machine.
    pub async fn open() -> Result<Self, DemoError> {
        let listener =
            TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await.map_err(DemoError::Receiver)?;
        let url = format!("http://{}/webhook", listener.local_addr().map_err(DemoError::Receiver)?);
        let key = format!("{:032x}", rand::random::<u128>());
        let received = Received { key: key.into(), events: Arc::default() };
        let router = Router::new().route("/webhook", post(receive)).with_state(received.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, received })
    }

    /// Where events go.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// What events are signed with.
    pub fn key(&self) -> &str {
        &self.received.key
    }

    /// Waits for an event of that name whose payload fits.
    pub async fn event(&self, name: &str, fits: impl Fn(&Value) -> bool) -> Result<Value, DemoError> {
        until(&format!("the webhook to tell of {name}"), async || {
            let events = self.received.events.lock().unwrap_or_else(PoisonError::into_inner);
            let found = events.iter().find(|event| event["event"] == name && fits(&event["payload"]));
            Ok(found.map(|event| event["payload"].clone()))
        })
        .await
    }

    /// How many different events came.
    pub fn count(&self) -> usize {
        self.received.events.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

async fn receive(State(received): State<Received>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !signed(&received.key, &headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(event) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let mut events = received.events.lock().unwrap_or_else(PoisonError::into_inner);
    // A repeat carries the same id; telling it apart is all a receiver has to do.
    if !events.iter().any(|known| known["id"] == event["id"]) {
        events.push(event);
    }
    StatusCode::OK
}

fn signed(key: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let signature = headers.get("x-webhook-hmac").and_then(|value| hex::decode(value.as_bytes()).ok());
    let mac = Hmac::<Sha512>::new_from_slice(key.as_bytes());
    match (signature, mac) {
        (Some(signature), Ok(mac)) => mac.chain_update(body).verify_slice(&signature).is_ok(),
        _ => false,
    }
}
