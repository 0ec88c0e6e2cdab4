//! The table of words: read from its newest end, and what it costs.

use std::sync::Arc;
use std::time::Instant;

use sqlx::query;

use super::super::{Place, SqliteStorage};
use super::{FOUND, SearchRows};
use crate::conformance::message;
use crate::conformance::search::words_of;
use crate::{Change, CommitBatch, Described, MessageRow, SearchQuery, Storage};

async fn opened() -> (SqliteStorage, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(&Place::ready(&folder.path().join("w.db")).unwrap()).await.unwrap();
    storage.keep_words().await.unwrap();
    (storage, folder)
}

#[tokio::test]
async fn a_search_begins_at_the_newest_match_and_sorts_nothing() {
    let (storage, _folder) = opened().await;
    let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {FOUND}"));
    let rows = query(sql).fetch_all(&storage.readers).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, "detail")).collect();
    assert!(plan[0].starts_with("SCAN message_words VIRTUAL TABLE INDEX"), "{plan:?}");
    assert!(
        plan.iter().any(|line| line.starts_with("SEARCH messages USING INTEGER PRIMARY KEY")),
        "{plan:?}"
    );
    assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{plan:?}");
    storage.close().await;
}

/// A text of twelve words, of which few are frequent and many are rare, as in any language.
fn some_text(seed: &mut u64) -> String {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let words: Vec<String> = (0..12).map(|_| format!("w{:05}", (20_000.0 * next().powi(6)) as u32)).collect();
    words.join(" ")
}

/// What docs/growth.md says, which is of 100,000 messages, as many as the long run has. Prints how long it takes.
#[tokio::test]
async fn what_words_cost() {
    let hundreds: i64 = if std::env::var_os("WAKEEPER_TEST_ROUNDS").is_some() { 1_000 } else { 20 };
    let (storage, folder) = opened().await;
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let owner = storage.acquire("default").await.unwrap();
    let (mut seed, size) = (1, || folder.path().join("w.db").metadata().unwrap().len());
    for hundred in 0..hundreds {
        let arrived = (0..100).map(|n| {
            let body = Some(some_text(&mut seed));
            let row = MessageRow {
                timestamp_s: 1_700_000_000 + hundred * 100 + n,
                described: Described { body, ..Described::default() },
                ..message(&format!("{}@c.us", n % 50), &format!("{hundred}-{n}"))
            };
            Change::Message { row: Box::new(row), updates: vec![], events: vec![] }
        });
        owner.rows().commit(CommitBatch::from(arrived.collect::<Vec<_>>())).await.unwrap();
    }
    let (before, written, messages) = (size(), bytes_written(), hundreds.unsigned_abs() * 100);
    let begun = Instant::now();
    while storage.add_words(words_of(), 250).await.unwrap() {}
    let each = (bytes_written() - written) / messages;
    println!(
        "{messages} messages: words took {:?}, {each} bytes written for each; the file grew by {} bytes for each",
        begun.elapsed(),
        size().saturating_sub(before) / messages
    );
    assert!(each < 3_000, "{each} bytes written for each message");
    for words in ["w00000", "w00000 w00001", "w19999", "w00000 w19999", "w00*", "w00* w01* w02*", "nothing"] {
        let search = SearchQuery { words: words.to_owned(), limit: 100, ..SearchQuery::default() };
        let begun = Instant::now();
        let found = storage.search("default", search).await.unwrap();
        println!("{words}: {} found in {:?}", found.rows.len(), begun.elapsed());
    }
}

/// What this process handed to the disk so far.
fn bytes_written() -> u64 {
    let told = std::fs::read_to_string("/proc/self/io").unwrap();
    told.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse().unwrap()
}
