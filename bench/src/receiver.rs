//! Where webhooks go, and when each message came.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What stands before a message's number in its text.
const MARK: &[u8] = b"bench-message-";
/// Nothing came for so long: nothing more comes.
const SILENCE: Duration = Duration::from_secs(20);

/// The text of a message with this number.
pub fn text(number: u64) -> String {
    format!("bench-message-{number} is as long as what people write to each other on an ordinary day")
}

/// When messages came, by their numbers. Who hears of one twice keeps the first time.
#[derive(Debug)]
pub struct Arrivals {
    came: Mutex<HashMap<u64, Instant>>,
    count: watch::Sender<usize>,
}

impl Arrivals {
    fn new() -> Arc<Self> {
        Arc::new(Self { came: Mutex::default(), count: watch::Sender::new(0) })
    }

    fn came(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the message that this is about, when it is about one.
    pub fn note(&self, body: &[u8]) {
        let now = Instant::now();
        let Some(number) = number_in(body) else { return };
        let mut came = self.came();
        came.entry(number).or_insert(now);
        self.count.send_replace(came.len());
    }

    /// Waits until all of these came, or nothing came for long. The times of those that did.
    pub async fn of(&self, numbers: Range<u64>) -> HashMap<u64, Instant> {
        let mut count = self.count.subscribe();
        loop {
            count.borrow_and_update();
            let found: HashMap<u64, Instant> = {
                let came = self.came();
                numbers
                    .clone()
                    .filter_map(|number| came.get_key_value(&number))
                    .map(|(n, at)| (*n, *at))
                    .collect()
            };
            let all = found.len() as u64 == numbers.end - numbers.start;
            if all || tokio::time::timeout(SILENCE, count.changed()).await.is_err() {
                return found;
            }
        }
    }
}

fn number_in(body: &[u8]) -> Option<u64> {
    let at = body.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    let digits = body[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&body[at..at + digits]).ok()?.parse().ok()
}

/// A webhook receiver that answers at once.
pub struct Receiver {
    address: SocketAddr,
    arrivals: Arc<Arrivals>,
}

impl Receiver {
    /// Listens on a free loopback port as long as the program runs.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a loopback port for webhooks")?;
        let address = listener.local_addr()?;
        let arrivals = Arrivals::new();
        let router = Router::new().route("/hook", post(hear)).with_state(Arc::clone(&arrivals));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, arrivals })
    }

    /// Where webhooks go.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What came.
    pub fn arrivals(&self) -> &Arc<Arrivals> {
        &self.arrivals
    }
}

async fn hear(State(arrivals): State<Arc<Arrivals>>, body: Bytes) {
    arrivals.note(&body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_is_known_by_its_number() {
        let arrivals = Arrivals::new();
        for number in [7, 8, 7] {
            arrivals.note(format!("{{\"payload\":{{\"body\":\"{}\"}}}}", text(number)).as_bytes());
        }
        arrivals.note(b"something else");
        assert_eq!(arrivals.of(7..9).await.len(), 2);
    }
}
