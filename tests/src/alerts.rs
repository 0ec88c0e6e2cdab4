//! A receiver of the monitor's alerts, which checks every signature with its own computation and refuses when it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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

use crate::PATIENCE;
use crate::journal::Journal;

/// The key under which the monitor signs.
pub const ALERT_KEY: &str = "alert-test-key";

#[derive(Default)]
struct Received {
    taken: Journal<Value>,
    refused: AtomicUsize,
    refuses: AtomicBool,
    faults: Journal<String>,
}

/// A running receiver.
pub struct Alerts {
    address: SocketAddr,
    received: Arc<Received>,
    task: JoinHandle<()>,
}

impl Alerts {
    /// Listens on a free loopback port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let received = Arc::new(Received::default());
        let router = Router::new().route("/alert", post(accept)).with_state(Arc::clone(&received));
        let task = tokio::spawn(async move {
            // Ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Self { address, received, task }
    }

    /// Where alerts go.
    pub fn url(&self) -> String {
        format!("http://{}/alert", self.address)
    }

    /// From now on alerts are refused with 500, or taken.
    pub fn refuse(&self, refuses: bool) {
        self.received.refuses.store(refuses, Ordering::SeqCst);
    }

    /// How often alerts were refused.
    pub fn refused(&self) -> usize {
        self.received.refused.load(Ordering::SeqCst)
    }

    /// Everything that was taken, in order.
    pub fn taken(&self) -> Vec<Value> {
        self.received.taken.read(<[Value]>::to_vec)
    }

    /// Waits for an alert of this kind and state.
    pub async fn wait(&self, kind: &str, state: &str) -> Value {
        let is = |alert: &&Value| alert["kind"] == kind && alert["state"] == state;
        self.received
            .taken
            .wait(&format!("alert {kind} {state}"), PATIENCE, |all| all.iter().find(is).cloned())
            .await
    }

    /// Fails when an alert was malformed or wrongly signed.
    pub fn assert_all_signed(&self) {
        self.received.faults.read(|faults| assert!(faults.is_empty(), "bad alerts: {faults:?}"));
    }
}

impl Drop for Alerts {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(State(received): State<Arc<Received>>, headers: HeaderMap, raw: Bytes) -> StatusCode {
    match check(&headers, &raw) {
        Ok(_) if received.refuses.load(Ordering::SeqCst) => {
            received.refused.fetch_add(1, Ordering::SeqCst);
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Ok(alert) => {
            received.taken.push(alert);
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
    if !header("x-webhook-request-id")?.starts_with("alert-") {
        return Err("no request id".to_owned());
    }
    header("x-webhook-timestamp")?;
    let signature = hex::decode(header("x-webhook-hmac")?).map_err(|error| error.to_string())?;
    let mut mac = Hmac::<Sha512>::new_from_slice(ALERT_KEY.as_bytes()).map_err(|error| error.to_string())?;
    mac.update(raw);
    mac.verify_slice(&signature).map_err(|_| "wrong signature".to_owned())?;
    let alert: Value = serde_json::from_slice(raw).map_err(|error| error.to_string())?;
    for field in ["event", "session", "incident", "kind", "state", "outcome", "step", "text", "timestamp"] {
        if alert.get(field).is_none() {
            return Err(format!("no field {field}"));
        }
    }
    Ok(alert)
}
