//! A store that somebody else wrote is read from a copy, within bounds, and only when it is nothing but a store.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::transfer;
use wakeeper_engine_store::{Copies, DATABASE, NativeError, read_foreign};

const NOW_MS: i64 = 1_893_456_000_000;

async fn store(folder: &Path) -> PathBuf {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys7");
    let session = transfer::read(&fixture, &Options::at(NOW_MS)).unwrap().session;
    wakeeper_engine_store::write(&session, folder, NOW_MS).await.unwrap().database
}

fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let items = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap());
    let mut content: Vec<_> = items
        .map(|item| (item.file_name().into_string().unwrap(), std::fs::read(item.path()).unwrap()))
        .collect();
    content.sort();
    content
}

async fn refusal(database: &Path) -> String {
    read_foreign(database, NOW_MS, &Copies::default()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_sound_store_is_read_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let database = store(folder.path()).await;
    let before = content(folder.path());
    let read = read_foreign(&database, NOW_MS, &Copies::default()).await.unwrap().session;
    assert!(!read.signal_sessions.is_empty() && !read.pre_keys.is_empty());
    assert_eq!(content(folder.path()), before, "nothing is made beside it");
}

#[tokio::test]
async fn what_is_no_plain_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = store(folder.path()).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join(DATABASE);
    std::os::unix::fs::symlink(&database, &path).unwrap();
    assert!(refusal(&path).await.contains("a symbolic link has its name"));
    std::fs::remove_file(&path).unwrap();
    std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(refusal(&path).await.contains("more than the limit"));
    std::fs::write(&path, "").unwrap();
    let empty = read_foreign(&path, NOW_MS, &Copies::default()).await.unwrap_err();
    assert!(matches!(&empty, NativeError::NoLogin { path: told } if *told == path), "{empty}");

    let mut connection = SqliteConnectOptions::new().filename(&database).connect().await.unwrap();
    let planted = "CREATE TRIGGER planted AFTER INSERT ON sessions BEGIN DELETE FROM identities; END";
    sqlx::query(planted).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert!(refusal(&database).await.contains("the trigger planted"));
}

#[tokio::test]
async fn a_hard_link_to_another_users_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    if std::os::unix::fs::MetadataExt::uid(&folder.path().metadata().unwrap()) != 0 {
        return;
    }
    let database = store(folder.path()).await;
    let elsewhere = tempfile::tempdir_in(folder.path()).unwrap();
    let path = elsewhere.path().join(DATABASE);
    std::fs::hard_link(&database, &path).unwrap();
    std::os::unix::fs::chown(elsewhere.path(), Some(10_001), None).unwrap();
    assert!(refusal(&path).await.contains("hard link"));
}
