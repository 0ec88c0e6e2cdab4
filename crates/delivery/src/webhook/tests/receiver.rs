//! A receiver that keeps what it gets and answers as told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::PATIENCE;

/// One request as it came in.
#[derive(Clone)]
pub(super) struct Received {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What to answer to a request, given how often its event was received before.
pub(super) type Answer = Arc<dyn Fn(&Received, usize) -> Reply + Send + Sync>;

/// An answer.
pub(super) enum Reply {
    Status(u16),
    /// 429 with this many seconds to wait.
    Busy(u32),
    /// A redirect to this address.
    Elsewhere(String),
    /// No answer until the receiver is told to let go, then 200.
    Hang,
}

/// A server on a port of its own.
pub(super) struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    received: Mutex<Vec<Received>>,
    arrived: Notify,
    answer: Mutex<Answer>,
    let_go: tokio::sync::watch::Sender<bool>,
}

impl Receiver {
    pub async fn start(answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    /// On an address that was free a moment ago.
    pub async fn start_on(address: SocketAddr) -> Self {
        Self::listen(TcpListener::bind(address).await.unwrap(), |_, _| Reply::Status(200))
    }

    fn listen(
        listener: TcpListener,
        answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            arrived: Notify::new(),
            answer: Mutex::new(Arc::new(answer)),
            let_go: tokio::sync::watch::channel(false).0,
        });
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url: format!("http://{address}/hook"), shared, task }
    }

    pub async fn ok() -> Self {
        Self::start(|_, _| Reply::Status(200)).await
    }

    /// From now on it answers otherwise.
    pub fn becomes(&self, answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) {
        *self.shared.answer.lock().unwrap() = Arc::new(answer);
    }

    pub fn let_go(&self) {
        self.shared.let_go.send_replace(true);
    }

    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Waits for this many requests.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let wait = async {
            loop {
                let arrived = self.shared.arrived.notified();
                let received = self.received();
                if received.len() >= count {
                    return received;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| {
            panic!("{} of {count} requests came", self.received().len());
        })
    }

    /// The `n`s of the payloads of each chat, in the order in which events first arrived.
    pub fn first_arrivals(&self) -> HashMap<String, Vec<i64>> {
        let mut seen = std::collections::HashSet::new();
        let mut chats: HashMap<String, Vec<i64>> = HashMap::new();
        for request in self.received() {
            let body = request.json();
            if seen.insert(request.id()) {
                let chat = body["payload"]["chat"].as_str().unwrap().to_owned();
                chats.entry(chat).or_default().push(body["payload"]["n"].as_i64().unwrap());
            }
        }
        chats
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let received = Received { headers, body };
    let earlier = {
        let mut all = shared.received.lock().unwrap();
        let earlier = all.iter().filter(|other| other.body == received.body).count();
        all.push(received.clone());
        earlier
    };
    shared.arrived.notify_waiters();
    let answer = Arc::clone(&*shared.answer.lock().unwrap());
    match answer(&received, earlier) {
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::Busy(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
        }
        Reply::Elsewhere(url) => (StatusCode::FOUND, [("location", url)]).into_response(),
        Reply::Hang => {
            let mut let_go = shared.let_go.subscribe();
            let _ = let_go.wait_for(|free| *free).await;
            StatusCode::OK.into_response()
        }
    }
}
