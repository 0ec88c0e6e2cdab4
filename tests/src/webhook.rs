//! A webhook receiver that keeps every delivery and checks every signature with its own computation.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha512;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::journal::Journal;

/// The key under which the gateway signs for this receiver.
pub const HMAC_KEY: &str = "webhook-test-key";

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The parsed body: `{id,timestamp,event,session,payload,...}`.
    pub body: Value,
    /// The body as it came.
    pub raw: Bytes,
    /// The headers as they came.
    pub headers: HeaderMap,
}

impl Delivery {
    /// The name of the event.
    pub fn event(&self) -> &str {
        self.body["event"].as_str().unwrap_or_default()
    }

    /// The event's id, the same on every repeat.
    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }

    /// What the event is about.
    pub fn payload(&self) -> &Value {
        &self.body["payload"]
    }
}

struct Received {
    deliveries: Journal<Delivery>,
    faults: Journal<String>,
}

/// A running receiver. Answers 200 to all that is signed correctly.
pub struct Webhooks {
    address: SocketAddr,
    received: Arc<Received>,
    task: JoinHandle<()>,
}

impl Webhooks {
    /// Listens on a free loopback port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let received = Arc::new(Received { deliveries: Journal::default(), faults: Journal::default() });
        let router = Router::new().route("/hook", post(accept)).with_state(Arc::clone(&received));
        let task = tokio::spawn(async move {
            // Ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Self { address, received, task }
    }

    /// Where events go.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Everything that arrived and was signed correctly, in order.
    pub fn deliveries(&self) -> &Journal<Delivery> {
        &self.received.deliveries
    }

    /// Waits for an event whose name is `event` and whose payload satisfies `is`.
    pub async fn wait(&self, event: &str, deadline: Duration, is: impl Fn(&Value) -> bool) -> Delivery {
        let found = |all: &[Delivery]| all.iter().find(|d| d.event() == event && is(d.payload())).cloned();
        self.deliveries().wait(&format!("a webhook {event}"), deadline, found).await
    }

    /// Fails when a delivery was malformed or wrongly signed.
    pub fn assert_all_signed(&self) {
        self.received.faults.read(|faults| assert!(faults.is_empty(), "bad webhook deliveries: {faults:?}"));
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(State(received): State<Arc<Received>>, headers: HeaderMap, raw: Bytes) -> StatusCode {
    match check(&headers, &raw) {
        Ok(body) => {
            received.deliveries.push(Delivery { body, raw, headers });
            StatusCode::OK
        }
        Err(fault) => {
            received.faults.push(fault);
            StatusCode::BAD_REQUEST
        }
    }
}

fn check(headers: &HeaderMap, raw: &[u8]) -> Result<Value, String> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| format!("no header {name}"))
    };
    if header("x-webhook-hmac-algorithm")? != "sha512" {
        return Err("another algorithm than sha512".to_owned());
    }
    header("x-webhook-request-id")?;
    header("x-webhook-timestamp")?;
    let signature = hex::decode(header("x-webhook-hmac")?).map_err(|error| error.to_string())?;
    let mut mac = Hmac::<Sha512>::new_from_slice(HMAC_KEY.as_bytes()).map_err(|error| error.to_string())?;
    mac.update(raw);
    mac.verify_slice(&signature).map_err(|_| "wrong signature".to_owned())?;
    let body: Value = serde_json::from_slice(raw).map_err(|error| error.to_string())?;
    for field in ["id", "timestamp", "event", "session", "payload", "engine", "environment"] {
        if body.get(field).is_none() {
            return Err(format!("no field {field}"));
        }
    }
    Ok(body)
}
