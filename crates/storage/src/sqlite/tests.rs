mod labels;
mod patient;
mod plans;
mod room;
mod rows_written;
mod soon;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{Place, SqliteStorage};
use crate::conformance::suite;
use crate::disk::DiskCause;
use crate::{
    Desired, IncidentQuery, IncidentSource, NewIncident, SessionRow, Storage, StorageError,
    open_shared_sqlite, open_sqlite, read_sqlite,
};

/// A storage and the folder it lives in.
struct Opened {
    storage: Arc<dyn Storage>,
    folder: TempDir,
}

impl Opened {
    fn file(&self) -> PathBuf {
        self.folder.path().join("data").join("wakeeper.db")
    }
}

async fn open() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let storage = open_sqlite(folder.path().join("data").join("wakeeper.db")).await.unwrap();
    Opened { storage, folder }
}

suite!(open);

fn session() -> SessionRow {
    SessionRow {
        name: "default".to_owned(),
        config_json: "{}".to_owned(),
        desired: Desired::Stopped,
        created_ms: 1,
        updated_ms: 1,
        me_json: None,
        status: None,
    }
}

/// Stores a session as its owner.
async fn put(storage: &dyn Storage, row: SessionRow) -> Result<(), StorageError> {
    let owner = storage.acquire(&row.name).await?;
    owner.rows().put_session(row).await
}

#[tokio::test]
async fn files_are_the_owners_alone() {
    let opened = open().await;
    put(&*opened.storage, session()).await.unwrap();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = opened.file();
    assert_eq!(mode(file.clone()), 0o600);
    assert_eq!(mode(file.with_file_name("wakeeper.db-wal")), 0o600);
    assert_eq!(mode(file.with_file_name("wakeeper.db-shm")), 0o600);
    assert_eq!(mode(file.parent().unwrap().to_owned()), 0o700);
    opened.storage.close().await;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let again = open_sqlite(&file).await.unwrap();
    assert_eq!(mode(file), 0o600, "a mode that grew is put right");
    again.close().await;
}

#[tokio::test]
async fn closing_folds_the_wal_in_and_later_calls_say_so() {
    let opened = open().await;
    put(&*opened.storage, session()).await.unwrap();
    opened.storage.close().await;
    opened.storage.close().await;
    assert!(!opened.file().with_file_name("wakeeper.db-wal").exists());
    assert!(matches!(put(&*opened.storage, session()).await, Err(StorageError::Closed)));
    assert!(matches!(opened.storage.sessions().await, Err(StorageError::Closed)));
    let again = open_sqlite(opened.file()).await.unwrap();
    assert_eq!(again.sessions().await.unwrap().len(), 1);
    again.close().await;
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_alone() {
    let opened = open().await;
    opened.storage.close().await;
    let mut connection = SqliteConnectOptions::new().filename(opened.file()).connect().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let before = std::fs::read(opened.file()).unwrap();
    let refused = open_sqlite(opened.file()).await.unwrap_err();
    assert!(matches!(refused, StorageError::NewerDatabase { found: 9999, supported } if supported < 9999));
    assert!(std::fs::read(opened.file()).unwrap() == before);
}

#[tokio::test]
async fn what_is_no_database_is_an_error_not_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wakeeper.db");
    std::fs::write(&file, "not a database, but long enough to be looked at as one".repeat(100)).unwrap();
    assert!(open_sqlite(&file).await.is_err());
    assert!(matches!(open_sqlite(folder.path()).await, Err(StorageError::OpenFile { .. })));
}

fn incident() -> NewIncident {
    NewIncident {
        source: IncidentSource::Monitor,
        session: "bot".to_owned(),
        kind: "signal_state".to_owned(),
        opened_ms: 1,
    }
}

fn all_incidents() -> IncidentQuery {
    IncidentQuery { source: None, session: None, unfinished: false, before: None, limit: 100 }
}

/// Two processes have a database open; each loses nothing to the other, also when one of them leaves and comes back.
#[tokio::test]
async fn a_shared_database_takes_the_writes_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("incidents.db");
    let first = open_shared_sqlite(&path, true).await.unwrap();
    let second = open_shared_sqlite(&path, false).await.unwrap();
    let write = |storage: Arc<dyn Storage>| async move {
        for _ in 0..10 {
            storage.open_incident(incident()).await.unwrap();
        }
    };
    tokio::join!(write(Arc::clone(&first)), write(Arc::clone(&second)));
    first.close().await;
    assert!(second.disk().borrow().is_none(), "the log is still there");
    write(Arc::clone(&second)).await;
    let again = open_shared_sqlite(&path, false).await.unwrap();
    let ids: Vec<_> = again.incidents(all_incidents()).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(ids, (1..=30).rev().collect::<Vec<_>>());
    again.close().await;
    second.close().await;
}

#[tokio::test]
async fn a_reader_sees_what_another_process_writes_and_changes_nothing() {
    let opened = open().await;
    opened.storage.open_incident(incident()).await.unwrap();
    let reader = read_sqlite(opened.file()).await.unwrap();
    let query = all_incidents;
    assert_eq!(reader.incidents(query()).await.unwrap().len(), 1);
    opened.storage.open_incident(incident()).await.unwrap();
    assert_eq!(reader.incidents(query()).await.unwrap().len(), 2);
    assert!(matches!(reader.open_incident(incident()).await, Err(StorageError::Closed)));
    reader.close().await;
    opened.storage.close().await;
    // Also when nobody runs.
    let reader = read_sqlite(opened.file()).await.unwrap();
    assert_eq!(reader.incidents(query()).await.unwrap().len(), 2);
    reader.close().await;
    let missing = opened.folder.path().join("none.db");
    assert!(matches!(read_sqlite(&missing).await, Err(StorageError::OpenFile { .. })));
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_database_that_is_moved_away_takes_no_writes_until_it_is_back() {
    let opened = open().await;
    put(&*opened.storage, session()).await.unwrap();
    let (file, aside) = (opened.file(), opened.folder.path().join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    let refused =
        put(&*opened.storage, SessionRow { name: "other".to_owned(), ..session() }).await.unwrap_err();
    assert_eq!(refused.disk_cause(), Some(DiskCause::Gone), "{refused}");
    let mut disk = opened.storage.disk();
    assert_eq!(disk.borrow_and_update().as_ref().unwrap().path, file);
    assert!(opened.storage.check().await.is_err());
    assert!(!file.exists(), "nothing new is made in its place");
    std::fs::rename(&aside, &file).unwrap();
    disk.wait_for(Option::is_none).await.unwrap();
    put(&*opened.storage, SessionRow { name: "other".to_owned(), ..session() }).await.unwrap();
    assert_eq!(opened.storage.sessions().await.unwrap().len(), 2);
    opened.storage.close().await;
}

#[tokio::test]
async fn a_database_that_vanishes_is_noticed_without_a_write() {
    let opened = open().await;
    put(&*opened.storage, session()).await.unwrap();
    std::fs::remove_file(opened.file().with_file_name("wakeeper.db-wal")).unwrap();
    let mut disk = opened.storage.disk();
    let trouble = disk.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert_eq!(trouble.cause, DiskCause::Gone);
    assert!(trouble.path.to_string_lossy().ends_with("-wal"), "{trouble}");
}

/// A write that finds no room, by a limit that only its own connection has.
async fn fail_a_write(storage: &SqliteStorage) {
    let write = storage.writer.write("finding no room", |connection| {
        Box::pin(async move {
            sqlx::query("PRAGMA max_page_count = 1").execute(&mut *connection).await?;
            sqlx::query("INSERT INTO checkpoints VALUES ('x', hex(zeroblob(1000000)), 1)")
                .execute(connection)
                .await
                .map(drop)
        })
    });
    assert_eq!(write.await.unwrap_err().disk_cause(), Some(DiskCause::Full));
}

async fn works_again(storage: &SqliteStorage) {
    let mut disk = storage.disk();
    let again = disk.wait_for(Option::is_none);
    tokio::time::timeout(Duration::from_secs(15), again).await.expect("writes work again").unwrap();
    put(storage, SessionRow { name: "other".to_owned(), ..session() }).await.unwrap();
}

/// With no reader connected, the writer's connection is the last one: SQLite removes the log with it.
#[tokio::test]
async fn a_failed_write_without_readers_is_got_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wakeeper.db");
    let storage = SqliteStorage::open(&Place::ready(&path).unwrap()).await.unwrap();
    put(&storage, session()).await.unwrap();
    storage.readers.close().await;
    fail_a_write(&storage).await;
    works_again(&storage).await;
    // And once more: the new log is known as the old one was.
    fail_a_write(&storage).await;
    works_again(&storage).await;
    std::fs::remove_file(folder.path().join("wakeeper.db-wal")).unwrap();
    let refused = put(&storage, session()).await.unwrap_err();
    assert_eq!(refused.disk_cause(), Some(DiskCause::Gone), "the new log is watched too");
}

#[tokio::test]
async fn a_reader_stays_connected_however_long_it_is_idle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wakeeper.db");
    let storage = SqliteStorage::open(&Place::ready(&path).unwrap()).await.unwrap();
    let pool = storage.readers.options();
    assert!(pool.get_min_connections() > 0);
    assert_eq!((pool.get_idle_timeout(), pool.get_max_lifetime()), (None, None));
    put(&storage, session()).await.unwrap();
    let log = || std::fs::metadata(folder.path().join("wakeeper.db-wal")).unwrap().ino();
    let before = log();
    // It has read nothing but what connecting takes.
    fail_a_write(&storage).await;
    works_again(&storage).await;
    assert_eq!(log(), before, "the log outlives the connection that failed");
    storage.close().await;
}

/// SQLite keeps a text in a column of numbers; whoever reads the row is told which it is.
#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let opened = open().await;
    let row = crate::conformance::message("c", "M1");
    let change = crate::Change::Message { row: Box::new(row), updates: vec![], events: vec![] };
    opened.storage.acquire("default").await.unwrap().rows().commit(change.into()).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(opened.file()).connect().await.unwrap();
    sqlx::query("UPDATE messages SET ack = 'much'").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let query = crate::MessageQuery { limit: 1, ..crate::MessageQuery::default() };
    let refused = opened.storage.messages("default", query).await.unwrap_err();
    assert!(
        matches!(&refused, StorageError::DamagedRow { row, .. } if row == "message M1 of session default")
    );
    assert!(!refused.to_string().contains("much") && !refused.is_damage(), "{refused}");
    opened.storage.close().await;
}
