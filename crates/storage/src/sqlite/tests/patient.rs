//! What its caller does not wait for, when it cannot be stored: nobody else is held up, and nothing of theirs is lost.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::*;
use crate::sqlite::PAGE;
use crate::sqlite::writer::Soon;
use crate::{Change, CommitOutcome, IncidentRows, MessageRef, MessageRow, MessageRows, NewEvent, Tell, Wait};

const PATIENCE: Duration = Duration::from_secs(30);

async fn opened(folder: &TempDir) -> SqliteStorage {
    SqliteStorage::open(&Place::ready(&folder.path().join("wakeeper.db")).unwrap()).await.unwrap()
}

async fn told<T>(outcome: oneshot::Receiver<T>) -> T {
    tokio::time::timeout(PATIENCE, outcome).await.expect("it comes to an end").expect("it is told")
}

/// Own messages, each on a page of its own; that of M1 is damaged.
async fn damaged() -> (TempDir, SqliteStorage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = opened(&folder).await;
    let stored = |(id, byte): (&str, u8)| {
        let row = MessageRow {
            from_me: true,
            ack: 1,
            proto: vec![byte; 700],
            ..crate::conformance::message("c", id)
        };
        Change::Message { row: Box::new(row), updates: vec![], events: vec![] }
    };
    let changes: Vec<Change> = [("M1", 0xA1), ("M2", 0xA2), ("M3", 0xA3)].into_iter().map(stored).collect();
    storage.acquire("default").await.unwrap().rows().commit(changes.into()).await.unwrap();
    storage.close().await;
    let file = folder.path().join("wakeeper.db");
    let mut bytes = std::fs::read(&file).unwrap();
    // Of the pages with its bytes, the leaf that holds it: the root of the table may have an old copy in its free space.
    let holds = |page: &&mut [u8]| {
        page[0] == LEAF_OF_A_TABLE && page.windows(100).any(|window| window == [0xA1; 100])
    };
    let page = bytes.chunks_mut(PAGE as usize).find(holds).expect("the page of the message");
    page[..12].fill(0xFF);
    std::fs::write(&file, bytes).unwrap();
    let storage = opened(&folder).await;
    (folder, storage)
}

/// The first byte of such a page: see "B-tree Pages" in SQLite's file format (sqlite.org/fileformat2.html).
const LEAF_OF_A_TABLE: u8 = 0x0d;

fn receipt(id: &str, tell: Tell) -> Change {
    let target =
        MessageRef { session: "default".to_owned(), id: id.to_owned(), from_me: Some(true), chat: None };
    Change::Receipt { target, ack: 2, told_always: false, tell }
}

fn silent() -> Tell {
    Arc::new(|_: &MessageRow| Vec::<NewEvent>::new())
}

/// The writer's work, and what becomes of it.
async fn soon<F>(storage: &SqliteStorage, work: F) -> oneshot::Receiver<Result<(), StorageError>>
where
    F: for<'c> FnMut(&'c mut SqliteConnection) -> BoxFuture<'c, Result<(), sqlx::Error>> + Send + 'static,
{
    soon_in(storage, None, work).await
}

/// The same in an order.
async fn soon_in<F>(
    storage: &SqliteStorage,
    order: Option<&str>,
    work: F,
) -> oneshot::Receiver<Result<(), StorageError>>
where
    F: for<'c> FnMut(&'c mut SqliteConnection) -> BoxFuture<'c, Result<(), sqlx::Error>> + Send + 'static,
{
    let (tell, outcome) = oneshot::channel();
    let done = Box::new(|outcome| drop(tell.send(outcome)));
    let soon = Soon { wait: Wait::Moment, order: order.map(Arc::from), is_read: true };
    storage.writer.write_soon("a test", soon, || Ok(()), work, done).await.unwrap();
    outcome
}

/// Stores something that can be found again.
async fn mark(storage: &SqliteStorage, name: &'static str) -> oneshot::Receiver<Result<(), StorageError>> {
    soon(storage, move |connection| {
        Box::pin(async move {
            let stored = sqlx::query("INSERT INTO checkpoints VALUES ($1, 'here', 1)").bind(name);
            stored.execute(connection).await.map(drop)
        })
    })
    .await
}

#[tokio::test]
async fn a_receipt_for_a_message_on_a_damaged_page_is_given_up_alone() {
    let (_folder, storage) = damaged().await;
    let disk = storage.disk();
    let owner = storage.acquire("default").await.unwrap();
    let mut outcomes = Vec::new();
    for id in ["M2", "M1", "M3"] {
        let (tell, outcome) = oneshot::channel();
        let done = |outcome: Result<CommitOutcome, StorageError>| drop(tell.send(outcome));
        owner.rows().commit_soon(receipt(id, silent()).into(), done).await.unwrap();
        outcomes.push(outcome);
    }
    put(&storage, SessionRow { name: "other".to_owned(), ..session() }).await.unwrap();
    let [before, damaged, after] = outcomes.try_into().unwrap();
    assert_eq!(told(before).await.unwrap().applied, [true]);
    assert_eq!(told(damaged).await.unwrap_err().disk_cause(), Some(DiskCause::Damaged));
    assert_eq!(told(after).await.unwrap().applied, [true]);
    assert!(!disk.has_changed().unwrap(), "no session's gate was closed for it");
    storage.close().await;
}

#[tokio::test]
async fn what_meets_a_damaged_page_is_given_up_alone() {
    let (_folder, storage) = damaged().await;
    let disk = storage.disk();
    let before = mark(&storage, "before").await;
    let reads = soon(&storage, |connection| {
        Box::pin(async move {
            sqlx::query("SELECT sum(length(body)) FROM messages").fetch_all(connection).await.map(drop)
        })
    })
    .await;
    let after = mark(&storage, "after").await;
    // One whose caller waits is in the same group, and hears nothing of it.
    put(&storage, SessionRow { name: "waits".to_owned(), ..session() }).await.unwrap();
    told(before).await.unwrap();
    told(after).await.unwrap();
    assert_eq!(told(reads).await.unwrap_err().disk_cause(), Some(DiskCause::Damaged));
    put(&storage, SessionRow { name: "other".to_owned(), ..session() }).await.unwrap();
    assert!(!disk.has_changed().unwrap(), "no session's gate was closed for it");
    storage.close().await;
}

#[tokio::test]
async fn what_finds_no_room_is_tried_behind_the_others_until_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let storage = opened(&folder).await;
    let full = Arc::new(AtomicBool::new(true));
    let told_full = Arc::clone(&full);
    let large = soon(&storage, move |connection| {
        let full = told_full.load(Ordering::SeqCst);
        Box::pin(async move {
            let most = if full { "PRAGMA max_page_count = 1" } else { "PRAGMA max_page_count = 1000000" };
            sqlx::query(most).execute(&mut *connection).await?;
            let stored = sqlx::query("INSERT INTO checkpoints VALUES ('large', hex(zeroblob(1000000)), 1)")
                .execute(&mut *connection)
                .await;
            sqlx::query("PRAGMA max_page_count = 1000000").execute(connection).await?;
            stored.map(drop)
        })
    })
    .await;
    // Again and again: each goes through, whatever the first one does.
    let mut disk = storage.disk();
    for name in ["one", "two", "three"] {
        told(mark(&storage, name).await).await.unwrap();
    }
    disk.wait_for(Option::is_none).await.unwrap();
    full.store(false, Ordering::SeqCst);
    told(large).await.unwrap();
    assert!(storage.checkpoint("large").await.unwrap().is_some());
    storage.close().await;
}

/// What changes a message comes after the message, also when that has to wait.
#[tokio::test]
async fn what_comes_later_in_an_order_waits_for_what_finds_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let storage = opened(&folder).await;
    let full = Arc::new(AtomicBool::new(true));
    let (told_full, seen) = (Arc::clone(&full), Arc::new(std::sync::Mutex::new(Vec::new())));
    let notes = Arc::clone(&seen);
    let first = soon_in(&storage, Some("default"), move |connection| {
        let (full, notes) = (told_full.load(Ordering::SeqCst), Arc::clone(&notes));
        Box::pin(async move {
            let most = if full { "PRAGMA max_page_count = 1" } else { "PRAGMA max_page_count = 1000000" };
            sqlx::query(most).execute(&mut *connection).await?;
            let stored = sqlx::query("INSERT INTO checkpoints VALUES ('large', hex(zeroblob(1000000)), 1)")
                .execute(&mut *connection)
                .await;
            sqlx::query("PRAGMA max_page_count = 1000000").execute(connection).await?;
            stored.map(|_| notes.lock().unwrap().push("first"))
        })
    })
    .await;
    // Until it was set aside.
    let mut disk = storage.disk();
    for name in ["one", "two", "three"] {
        told(mark(&storage, name).await).await.unwrap();
    }
    disk.wait_for(Option::is_none).await.unwrap();
    let notes = Arc::clone(&seen);
    let second = soon_in(&storage, Some("default"), move |_| {
        let notes = Arc::clone(&notes);
        Box::pin(async move {
            notes.lock().unwrap().push("second");
            Ok(())
        })
    })
    .await;
    told(mark(&storage, "in no order").await).await.unwrap();
    assert!(seen.lock().unwrap().is_empty(), "the second waits for the first");
    full.store(false, Ordering::SeqCst);
    told(first).await.unwrap();
    told(second).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["first", "second"]);
    storage.close().await;
}

#[tokio::test]
async fn a_group_that_fails_takes_nobody_along_who_can_wait() {
    let folder = tempfile::tempdir().unwrap();
    let storage = opened(&folder).await;
    let waits = mark(&storage, "waits").await;
    // It ends the transaction of the whole group, and says nothing of the disk.
    let spoils = storage.writer.write("spoiling a group", |connection| {
        Box::pin(async move { sqlx::query("ROLLBACK").execute(connection).await.map(drop) })
    });
    assert!(spoils.await.is_err());
    told(waits).await.unwrap();
    assert!(storage.checkpoint("waits").await.unwrap().is_some());
    storage.close().await;
}

#[tokio::test]
async fn what_always_spoils_its_group_comes_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let storage = opened(&folder).await;
    let spoils = soon(&storage, |connection| {
        Box::pin(async move { sqlx::query("ROLLBACK").execute(connection).await.map(drop) })
    })
    .await;
    let other = mark(&storage, "other").await;
    told(other).await.unwrap();
    assert!(told(spoils).await.is_err());
    storage.close().await;
}

#[tokio::test]
async fn a_panic_in_what_others_gave_ends_nobodys_writing() {
    let (_folder, storage) = damaged().await;
    let owner = storage.acquire("default").await.unwrap();
    let panics: Tell = Arc::new(|_: &MessageRow| panic!("on purpose"));
    let (tell, outcome) = oneshot::channel();
    let done = |outcome: Result<CommitOutcome, StorageError>| drop(tell.send(outcome));
    owner.rows().commit_soon(receipt("M2", panics).into(), done).await.unwrap();
    assert!(told(outcome).await.is_err(), "it fails by itself");
    owner.rows().commit_soon(receipt("M3", silent()).into(), |_| panic!("on purpose")).await.unwrap();
    put(&storage, SessionRow { name: "other".to_owned(), ..session() }).await.unwrap();
    let query =
        crate::MessageRef { session: "default".to_owned(), id: "M3".to_owned(), from_me: None, chat: None };
    assert_eq!(storage.message(&query).await.unwrap().unwrap().ack, 2);
    storage.close().await;
}
