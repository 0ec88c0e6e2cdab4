//! A process is killed while it writes: whatever it was told is on disk is there afterwards, and
//! nothing is there by half.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use wakeeper_storage::{
    Change, Described, MessageQuery, MessageRow, NewEvent, SecondName, SendRow, SendState, WireKey,
    open_sqlite,
};

const DATABASE: &str = "CRASH_TEST_DATABASE";
const CHATS: usize = 4;

fn change(round: usize, n: usize) -> Change {
    let id = format!("M{round}-{n}");
    let chat = format!("chat{}", n % CHATS);
    let subscriptions = vec!["a".to_owned(), "b".to_owned()];
    let also = SecondName {
        id: format!("message.any-{id}"),
        name: "message.any".to_owned(),
        subscriptions: subscriptions.clone(),
    };
    let event = NewEvent {
        id: format!("message-{id}"),
        session: "default".to_owned(),
        chat: chat.clone(),
        name: "message".to_owned(),
        rest: "}".to_owned(),
        timestamp_ms: 1,
        subscriptions,
        also: Some(also),
        kept: false,
    };
    let events = vec![event];
    let row = MessageRow {
        session: "default".to_owned(),
        chat: chat.clone(),
        id,
        from_me: false,
        participant: String::new(),
        sender: chat,
        timestamp_s: 1,
        kind: "text".to_owned(),
        ack: 0,
        account: None,
        from_api: false,
        push_name: None,
        wire: WireKey::default(),
        target: None,
        proto: vec![7; 1000],
        described: Described::default(),
        reply_to: None,
        edited: false,
        revoked: false,
        hidden: false,
    };
    Change::Message { row: Box::new(row), updates: vec![], events }
}

/// Not a test of its own: the process that gets killed. Says every id that it was told is stored.
#[tokio::test]
#[ignore = "run by the test below in a process of its own"]
async fn writer() {
    let Ok(path) = std::env::var(DATABASE) else { return };
    let round: usize = std::env::var("CRASH_TEST_ROUND").unwrap().parse().unwrap();
    let storage = open_sqlite(path).await.unwrap();
    let owner = storage.acquire("default").await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..CHATS {
        let rows = owner.rows();
        tasks.spawn(async move {
            for n in (task..100_000).step_by(CHATS) {
                rows.commit(change(round, n).into()).await.unwrap();
                say(&format!("M{round}-{n}"));
                let id = format!("S{round}-{n}");
                rows.begin_send(send(&id)).await.unwrap();
                say(&id);
            }
        });
    }
    tasks.join_all().await;
}

fn say(id: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "stored {id}").unwrap();
    out.flush().unwrap();
}

fn send(id: &str) -> SendRow {
    SendRow {
        session: "default".to_owned(),
        idempotency_key: Some(id.to_owned()),
        request_hash: String::new(),
        message_id: id.to_owned(),
        state: SendState::Accepted,
        chat: "c".to_owned(),
        proto: vec![1, 2, 3],
        recipients: Vec::new(),
        error: None,
        created_ms: 1,
        updated_ms: 1,
    }
}

/// Lets a writer work until it has said `lines` lines, kills it, and answers all that it said.
fn write_until_killed(database: &Path, round: usize, lines: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "writer", "--nocapture"])
        .env(DATABASE, database)
        .env("CRASH_TEST_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The test harness shares the first line with its own words.
        if let Some((_, id)) = line.unwrap().split_once("stored ") {
            said.push(id.to_owned());
        }
        if said.len() == lines {
            // What it says after this is read too: the pipe is drained until it is gone.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(said.len() >= lines, "the writer ended by itself after {} lines", said.len());
    said
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_whole() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos() as usize;
    println!("seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("wakeeper.db");
    let mut acknowledged = BTreeSet::new();
    for round in 0..5 {
        let lines = 20 + (seed >> (round * 5)) % 200;
        acknowledged.extend(write_until_killed(&database, round, lines));

        let storage = open_sqlite(&database).await.unwrap();
        let query = MessageQuery { limit: 1_000_000, ..MessageQuery::default() };
        let messages: BTreeSet<_> =
            storage.messages("default", query).await.unwrap().into_iter().map(|row| row.id).collect();
        let sends: BTreeSet<_> = storage
            .unfinished_sends("default")
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.message_id)
            .collect();
        for id in &acknowledged {
            assert!(messages.contains(id) || sends.contains(id), "{id} was acknowledged and is gone");
        }
        let events: BTreeSet<_> = storage
            .events_after("default", 0, 1_000_000)
            .await
            .unwrap()
            .into_iter()
            .map(|event| event.id)
            .collect();
        let expected: BTreeSet<_> =
            messages.iter().flat_map(|id| [format!("message-{id}"), format!("message.any-{id}")]).collect();
        assert_eq!(events, expected, "messages and their events are stored together");
        let pending = storage.outbox_counts().await.unwrap().pending;
        assert_eq!(pending, i64::try_from(events.len() * 2).unwrap());
        storage.close().await;
    }
}
