//! Room that rows left goes back to the disk, in files of this version and of earlier ones.

use std::path::Path;

use sqlx::{ConnectOptions, Connection, query, query_scalar, sqlite::SqliteConnectOptions};

use super::super::{MIGRATIONS, PAGE, SqliteStorage, room};
use super::{Place, session};
use crate::conformance::message;
use crate::{Change, MessageRetention, MessageRow, MessageRows, SessionRows, Storage, compact_sqlite};

async fn open(path: &Path) -> SqliteStorage {
    SqliteStorage::open(&Place::ready(path).unwrap()).await.unwrap()
}

async fn pragma(storage: &SqliteStorage, name: &'static str) -> i64 {
    let asked = storage.writer.write("asking", move |connection| {
        let sql = sqlx::AssertSqlSafe(format!("PRAGMA {name}"));
        Box::pin(async move { query_scalar(sql).fetch_one(connection).await })
    });
    asked.await.unwrap()
}

/// A file as earlier versions made it, with so many bytes in it.
async fn before(path: &Path, bytes: i64) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    MIGRATIONS.run_direct(None, &mut connection, false).await.unwrap();
    query("CREATE TABLE filler (bytes BLOB)").execute(&mut connection).await.unwrap();
    query("INSERT INTO filler VALUES (zeroblob($1))").bind(bytes).execute(&mut connection).await.unwrap();
    query("INSERT INTO sessions (name, config_json) VALUES ('kept', '{}')")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn the_room_of_forgotten_messages_goes_back_in_small_steps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let storage = open(&path).await;
    let owner = storage.acquire("default").await.unwrap();
    // Ten times the pages that stay free in any case.
    let messages = (0..1280).map(|n| {
        let row = MessageRow { proto: vec![7; 32 * 1024], timestamp_s: n, ..message("c", &format!("M{n}")) };
        Change::Message { row: Box::new(row), updates: vec![], events: vec![] }
    });
    owner.rows().commit(messages.collect::<Vec<_>>().into()).await.unwrap();
    assert_eq!(storage.give_back_room(64).await.unwrap(), 0, "there is none to give");
    assert_eq!(pragma(&storage, "page_size").await, i64::from(PAGE), "as every new file");
    let full = pragma(&storage, "page_count").await;
    let retention = MessageRetention { before_s: Some(1200), most_bytes: None };
    for old in storage.old_messages("default", retention).await.unwrap() {
        let (went, left) = owner.rows().forget_messages(old, 10_000).await.unwrap();
        assert!(went == 1200 && left.is_none());
    }
    let free = pragma(&storage, "freelist_count").await;
    let mut given = Vec::new();
    loop {
        let pages = storage.give_back_room(64).await.unwrap();
        if pages == 0 {
            break;
        }
        given.push(pages);
        // Others write in between.
        owner.rows().put_session(session()).await.unwrap();
    }
    assert!(given.iter().all(|pages| *pages <= 64) && given.len() > 100, "{given:?}");
    let stays = pragma(&storage, "freelist_count").await;
    assert!(free > 9 * stays && stays >= 1024, "{free} were free, {stays} stay for the next rows");
    assert!(pragma(&storage, "page_count").await < full / 4);
    drop(owner);
    storage.close().await;
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert!(
        bytes < u64::try_from(full).unwrap() * u64::from(PAGE) / 4,
        "the file itself is smaller: {bytes}"
    );
}

#[tokio::test]
async fn a_small_file_of_before_is_brought_over_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    before(&path, 1 << 20).await;
    let storage = open(&path).await;
    assert_eq!(pragma(&storage, "auto_vacuum").await, 2);
    assert!(storage.session("kept").await.unwrap().is_some());
    storage.close().await;
}

#[tokio::test]
async fn a_large_file_of_before_stays_as_it_is_until_somebody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    before(&path, room::SMALL_PAGES * 4096).await;
    let storage = open(&path).await;
    assert_eq!(pragma(&storage, "auto_vacuum").await, 0);
    assert_eq!(storage.give_back_room(64).await.unwrap(), 0);
    storage.close().await;
    assert!(compact_sqlite(&path).await.unwrap());
    assert!(compact_sqlite(&path).await.unwrap(), "it has been done");
    let storage = open(&path).await;
    assert_eq!(pragma(&storage, "auto_vacuum").await, 2);
    assert!(storage.session("kept").await.unwrap().is_some());
    storage.close().await;
    assert!(compact_sqlite(folder.path().join("none.db")).await.is_err(), "none is made");
    assert!(!folder.path().join("none.db").exists());
}
