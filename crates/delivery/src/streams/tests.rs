use std::sync::atomic::{AtomicI64, Ordering};

use wakeeper_model::{Clock, SessionName};
use wakeeper_storage::{Change, CommitBatch, Ownership, open_sqlite};
use wakeeper_waha::EventName;

use super::readers::{MOST_OF_A_KEY, MOST_OF_THE_ADMINISTRATOR, MOST_STREAMS};
use super::*;
use crate::events::EventSink;
use crate::webhook::{WebhookSettings, Webhooks};

const ADMIN: Holder = Holder::Administrator;

struct Rig {
    storage: Arc<dyn Storage>,
    webhooks: Webhooks,
    now: Arc<AtomicI64>,
    owner: Ownership,
    _folder: tempfile::TempDir,
}

fn webhooks(storage: &Arc<dyn Storage>, now: &Arc<AtomicI64>) -> Webhooks {
    let now = Arc::clone(now);
    let clock = Clock::from_fn(move || now.load(Ordering::SeqCst));
    Webhooks::new(Arc::clone(storage), WebhookSettings { clock, ..WebhookSettings::default() }).unwrap()
}

impl Rig {
    async fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let storage = open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
        let now = Arc::new(AtomicI64::new(1_000));
        let owner = storage.acquire("default").await.unwrap();
        Self { webhooks: webhooks(&storage, &now), storage, now, owner, _folder: folder }
    }

    /// Another process on the same rows.
    async fn restart(&mut self) {
        self.webhooks.streams().keep().await.unwrap();
        self.webhooks = webhooks(&self.storage, &self.now);
        self.webhooks.streams().remember().await.unwrap();
    }

    fn sink(&self) -> EventSink {
        self.webhooks.sink()
    }

    /// Something happens; answers whether an event was made of it.
    async fn happens(&self, name: EventName, what: &str) -> bool {
        let session: SessionName = "default".parse().unwrap();
        if !self.sink().is_heard(&session, name, None) {
            return false;
        }
        let event = self.sink().event(&session, "chat", name, &what).unwrap();
        let batch = CommitBatch::from(Change::Events(vec![event]));
        self.sink().commit(&self.owner.rows(), batch).await.unwrap();
        true
    }
}

fn wish(names: &[&str]) -> Wish {
    Wish { session: Some("default".to_owned()), names: names.iter().map(ToString::to_string).collect() }
}

fn payload(told: &Told) -> String {
    let body: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(
        (body["id"].as_str(), body["event"].as_str()),
        (Some(told.id.as_str()), Some(told.name.as_str()))
    );
    body["payload"].as_str().unwrap().to_owned()
}

async fn next(stream: &mut Stream) -> Option<Told> {
    tokio::time::timeout(Duration::from_secs(30), stream.next()).await.expect("an event").unwrap()
}

async fn nothing_more(stream: &mut Stream) {
    // What was committed is told before the stream waits.
    let more = tokio::time::timeout(Duration::from_millis(200), stream.next()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn a_stream_tells_what_it_asked_for_from_its_beginning_on() {
    let rig = Rig::open().await;
    assert!(!rig.happens(EventName::Message, "before").await, "nobody hears of it");
    let mut stream = rig.webhooks.streams().open(wish(&["message"]), Start::Now, &ADMIN).await.unwrap();
    assert!(!stream.gap());
    assert!(rig.happens(EventName::Message, "one").await);
    assert!(!rig.happens(EventName::MessageAck, "another").await);
    assert!(rig.happens(EventName::Message, "two").await);
    assert_eq!(payload(&next(&mut stream).await.unwrap()), "one");
    assert_eq!(payload(&next(&mut stream).await.unwrap()), "two");
    nothing_more(&mut stream).await;
    assert!(rig.happens(EventName::Message, "three").await);
    assert_eq!(payload(&next(&mut stream).await.unwrap()), "three");
}

#[tokio::test]
async fn a_stream_that_comes_back_has_no_gap_also_after_a_restart() {
    let mut rig = Rig::open().await;
    let mut stream = rig.webhooks.streams().open(wish(&[]), Start::Now, &ADMIN).await.unwrap();
    rig.happens(EventName::Message, "one").await;
    let first = next(&mut stream).await.unwrap();
    drop(stream);
    assert!(rig.happens(EventName::Message, "two").await, "kept for whoever comes back");
    rig.restart().await;
    assert!(rig.happens(EventName::MessageAck, "three").await, "also by the next process");
    for start in [Start::Behind(first.position), Start::Event(first.id)] {
        let mut stream = rig.webhooks.streams().open(wish(&[]), start, &ADMIN).await.unwrap();
        assert!(!stream.gap());
        assert_eq!(payload(&next(&mut stream).await.unwrap()), "two");
        assert_eq!(payload(&next(&mut stream).await.unwrap()), "three");
        nothing_more(&mut stream).await;
    }
}

#[tokio::test]
async fn whoever_stays_away_for_too_long_is_told_of_a_gap() {
    let rig = Rig::open().await;
    let streams = rig.webhooks.streams();
    let mut stream = streams.open(wish(&[]), Start::Now, &ADMIN).await.unwrap();
    rig.happens(EventName::Message, "one").await;
    let place = next(&mut stream).await.unwrap().position;
    drop(stream);
    rig.now.fetch_add(REMEMBERED.as_millis() as i64 + 1, Ordering::SeqCst);
    assert!(!rig.happens(EventName::Message, "missed").await);
    let mut stream = streams.open(wish(&[]), Start::Behind(place), &ADMIN).await.unwrap();
    assert!(stream.gap(), "nothing was committed since, and yet something happened");
    rig.happens(EventName::Message, "two").await;
    assert_eq!(payload(&next(&mut stream).await.unwrap()), "two");
    drop(stream);
    let behind = streams.open(wish(&["message"]), Start::Behind(place), &ADMIN).await.unwrap();
    assert!(behind.gap(), "another wish was not remembered");
    for unknown in [Start::Event("evt_unknown".to_owned()), Start::Behind(1_000_000)] {
        assert!(streams.open(wish(&[]), unknown, &ADMIN).await.unwrap().gap());
    }
}

#[tokio::test]
async fn streams_end_once_they_told_everything() {
    let rig = Rig::open().await;
    let streams = rig.webhooks.streams();
    let mut stream = streams.open(wish(&[]), Start::Now, &ADMIN).await.unwrap();
    rig.happens(EventName::Message, "the last").await;
    let ending = tokio::spawn(async move { streams.end(Duration::from_secs(30)).await });
    assert_eq!(payload(&next(&mut stream).await.unwrap()), "the last");
    assert_eq!(next(&mut stream).await, None);
    drop(stream);
    ending.await.unwrap();
}

#[tokio::test]
async fn the_number_of_streams_is_bounded_and_whoever_is_away_makes_room() {
    let rig = Rig::open().await;
    let streams = rig.webhooks.streams();
    let of = |number: usize| Wish { session: Some(format!("s{number}")), ..Wish::default() };
    let key = |number: usize| Holder::Key(format!("key{}", number / MOST_OF_A_KEY));
    let mut open = Vec::new();
    for number in 0..MOST_STREAMS {
        open.push(streams.open(of(number), Start::Now, &key(number)).await.unwrap());
    }
    let refused = streams.open(of(0), Start::Now, &ADMIN).await;
    assert!(matches!(refused, Err(StreamError::TooMany(MOST_STREAMS))));
    // One that is away is remembered until somebody else wants its place.
    open.pop();
    open.push(streams.open(of(1_000), Start::Now, &ADMIN).await.unwrap());
    open.pop();
    assert!(streams.open(of(1_000), Start::Now, &ADMIN).await.is_ok());
}

#[tokio::test]
async fn nobody_takes_all_streams_from_the_others() {
    let rig = Rig::open().await;
    let streams = rig.webhooks.streams();
    let key = |name: &str| Holder::Key(name.to_owned());
    let mut open = Vec::new();
    for (holder, most) in [(ADMIN, MOST_OF_THE_ADMINISTRATOR), (key("a"), MOST_OF_A_KEY)] {
        for _ in 0..most - 1 {
            open.push(streams.open(wish(&[]), Start::Now, &holder).await.unwrap());
        }
        let last = streams.open(wish(&[]), Start::Now, &holder).await.unwrap();
        let refused = streams.open(wish(&[]), Start::Now, &holder).await;
        assert!(matches!(refused, Err(StreamError::TooManyOfOne(its)) if its == most), "{holder:?}");
        // Whoever closes one may open another.
        drop(last);
        assert!(streams.open(wish(&[]), Start::Now, &holder).await.is_ok());
    }
    assert!(streams.open(wish(&[]), Start::Now, &key("b")).await.is_ok());
}

#[tokio::test]
async fn the_log_is_read_page_by_page() {
    let rig = Rig::open().await;
    let streams = rig.webhooks.streams();
    let _open = streams.open(wish(&[]), Start::Now, &ADMIN).await.unwrap();
    for what in ["one", "two", "three"] {
        rig.happens(EventName::Message, what).await;
    }
    let mut after = 0;
    let mut seen = Vec::new();
    loop {
        let page = streams.page(&wish(&["message"]), after, 2).await.unwrap();
        if page.events.is_empty() {
            break;
        }
        seen.extend(page.events.iter().map(payload));
        after = page.upto;
    }
    assert_eq!(seen, ["one", "two", "three"]);
}
