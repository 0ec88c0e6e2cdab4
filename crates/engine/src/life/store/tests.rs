use super::*;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use wakeeper_engine_store::sqlite::{Fault, Faults};
use whatsapp_rust::wacore::store::traits::{PendingInboundRow, ProtocolStore, SignalStore};

async fn opened() -> (tempfile::TempDir, Arc<EngineStore>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.db");
    std::fs::File::create(&path).unwrap();
    let store = EngineStore::open(&path, None).await.unwrap();
    (folder, store)
}

#[tokio::test]
async fn a_closed_gate_refuses_writes_and_reads() {
    let (_folder, store) = opened().await;
    store.put_session("a.1", b"one").await.unwrap();
    store.gate().close(Closed::Rows("the disk is full".into()));
    assert!(store.put_session("a.1", b"two").await.is_err());
    // A duplicate whose row cannot be looked up is not acknowledged.
    assert!(store.get_pending_inbound("chat", "sender", "id").await.is_err());
    let inner = store.leave().await.unwrap();
    assert_eq!(inner.get_session("a.1").await.unwrap().unwrap(), &b"one"[..]);
    assert!(store.leave().await.is_none(), "the connection is given back once");
}

#[tokio::test]
async fn a_sent_message_stays_for_the_next_device_that_asks_for_it() {
    let (_folder, store) = opened().await;
    store.store_sent_message("chat", "id", b"message").await.unwrap();
    for _ in 0..3 {
        let (one, other) =
            tokio::join!(store.take_sent_message("chat", "id"), store.take_sent_message("chat", "id"));
        assert_eq!(one.unwrap().as_deref(), Some(&b"message"[..]));
        assert_eq!(other.unwrap().as_deref(), Some(&b"message"[..]));
    }
    assert_eq!(store.take_sent_message("chat", "other").await.unwrap(), None);
}

#[tokio::test]
async fn asking_for_a_sent_message_writes_nothing() {
    let (folder, store) = opened().await;
    store.store_sent_message("chat", "id", b"message").await.unwrap();
    let log = || std::fs::read(folder.path().join("engine.db-wal")).unwrap_or_default();
    let before = log();
    assert_eq!(store.take_sent_message("chat", "id").await.unwrap().as_deref(), Some(&b"message"[..]));
    assert!(log() == before, "a process that ends now loses nothing");
    store.gate().close(Closed::Rows("the disk is full".into()));
    assert!(store.take_sent_message("chat", "id").await.is_err());
}

#[tokio::test]
async fn a_removed_database_closes_the_gate_before_anything_is_written() {
    let (folder, store) = opened().await;
    std::fs::rename(folder.path().join("engine.db"), folder.path().join("aside")).unwrap();
    let row = PendingInboundRow { chat: "c", sender: "s", id: "i", message: b"m" };
    assert!(store.store_pending_inbound_batch(&[row]).await.is_err());
    let closed = store.gate().closed_by().unwrap();
    assert_eq!(closed.trouble().unwrap().cause, DiskCause::Gone);
}

#[tokio::test]
async fn whoever_leaves_waits_for_what_is_under_way() {
    let (_folder, store) = opened().await;
    let writing = store.writing().unwrap();
    let leaving = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.leave().await.is_some() }
    });
    store.gate().closed().await;
    assert!(store.writing().is_err());
    assert!(!leaving.is_finished());
    drop(writing);
    assert!(leaving.await.unwrap());
}

/// A disk that is full for one kind of write.
struct Full;

impl Faults for Full {
    fn before_commit(&self, operations: &[&'static str]) -> std::result::Result<(), Fault> {
        if operations.contains(&"store a Signal session") { Err(Fault::Full) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_commit_that_fails_closes_the_gate_before_anybody_hears_of_it() {
    let (_folder, opened) = opened().await;
    let path = opened.path.clone();
    opened.put_sender_key("a", b"one").await.unwrap();
    drop(opened.leave().await);
    let backend = SqliteBackend::open_with(&path, Arc::new(Full)).await.unwrap();
    let store = EngineStore::over(Arc::new(backend), OpenFile::at(&path).unwrap(), None).await.unwrap();
    assert!(store.put_session("a.1", b"two").await.is_err());
    assert_eq!(store.gate().closed_by().unwrap().trouble().unwrap().cause, DiskCause::Full);
    assert!(store.put_sender_key("a", b"two").await.is_err());
    assert!(store.get_sender_key("a").await.is_err());
    let inner = store.leave().await.unwrap();
    assert_eq!(inner.get_session("a.1").await.unwrap(), None);
    assert_eq!(inner.get_sender_key("a").await.unwrap().unwrap(), b"one");
}

#[tokio::test]
async fn a_message_that_cannot_be_written_closes_the_gate_when_its_duplicate_is_looked_up() {
    let (_folder, opened) = opened().await;
    let path = opened.path.clone();
    drop(opened.leave().await);
    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    sqlx::query(
        "CREATE TRIGGER no BEFORE INSERT ON pending_inbound_messages BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let store = EngineStore::open(&path, None).await.unwrap();
    store.store_pending_inbound("chat", "sender", "id", b"message").await.unwrap();
    assert!(store.get_pending_inbound("chat", "sender", "id").await.is_err(), "it would be acknowledged");
    assert!(store.gate().closed_by().is_some());
}

/// Rows that keep one send.
struct Keeps;

#[whatsapp_rust::async_trait]
impl Ledger for Keeps {
    async fn knows(&self, _: &str, _: &str, _: &str) -> std::result::Result<bool, String> {
        Ok(false)
    }

    fn asked(&self, _: &str, _: &str) -> u8 {
        0
    }

    fn repeats_to(&self, _: &str) -> bool {
        false
    }

    fn keeps_sent(&self, id: &str, message: &[u8]) -> bool {
        id == "id" && message == b"message"
    }

    async fn sent(&self, chat: &str, id: &str) -> std::result::Result<Option<Vec<u8>>, String> {
        Ok(((chat, id) == ("chat", "id")).then(|| b"message".to_vec()))
    }

    async fn ask_again(&self, _: &str, _: &str, _: &str, _: u8) {}
}

#[tokio::test]
async fn what_the_rows_keep_is_not_stored_twice_and_is_given_from_there() {
    let (folder, opened) = opened().await;
    let (path, inner) = (opened.path.clone(), opened.leave().await.unwrap());
    let file = OpenFile::at(&path).unwrap();
    let store = EngineStore::over(inner, file, Some(Arc::new(Keeps))).await.unwrap();
    let log = || std::fs::read(folder.path().join("engine.db-wal")).unwrap_or_default();
    let before = log();
    store.store_sent_message("chat", "id", b"message").await.unwrap();
    assert!(log() == before, "nothing was written");
    for _ in 0..2 {
        let given = store.take_sent_message("chat", "id").await.unwrap();
        assert_eq!(given.as_deref(), Some(&b"message"[..]));
    }
    assert_eq!(store.take_sent_message("other", "id").await.unwrap(), None);
    // Something else than the row says is kept here, and counts.
    store.store_sent_message("chat", "id", b"with a stamp").await.unwrap();
    let given = store.take_sent_message("chat", "id").await.unwrap();
    assert_eq!(given.as_deref(), Some(&b"with a stamp"[..]));
    store.gate().close(Closed::Rows("the disk is full".into()));
    assert!(store.store_sent_message("chat", "id", b"message").await.is_err());
    assert!(store.take_sent_message("chat", "id").await.is_err());
}
