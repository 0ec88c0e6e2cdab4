//! Writes that are answered before they are synced: read at once, and on the disk with the next write that is.

use whatsapp_rust::wacore::store::traits::{
    PendingInboundKey, PendingInboundRow, ProtocolStore, SignalStore,
};

use super::*;

async fn put(store: &SqliteBackend, id: &str) -> Result<()> {
    let row = PendingInboundRow { chat: "chat", sender: "sender", id, message: b"message" };
    store.store_pending_inbound_batch(&[row]).await
}

async fn delete(store: &SqliteBackend, id: &str) -> Result<()> {
    let key = PendingInboundKey { chat: "chat", sender: "sender", id };
    store.delete_pending_inbound_batch(&[key]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_read_at_once_and_synced_within_moments() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    put(&store, "1").await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    let rows: i64 =
        other.query_row("SELECT COUNT(*) FROM pending_inbound_messages", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1, "committed for every connection");
    watch.wait(&Event::Syncing);
    // The next one is not forgotten.
    put(&store, "2").await.unwrap();
    watch.wait(&Event::Syncing);
}

#[tokio::test]
async fn a_synced_write_syncs_it_as_well() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    put(&store, "1").await.unwrap();
    store.put_session("1", b"one").await.unwrap();
    // Which its commit did by itself.
    assert!(!watch.rest().contains(&Event::Syncing));
    put(&store, "2").await.unwrap();
    // A commit that changes nothing syncs nothing by itself.
    delete(&store, "other").await.unwrap();
    assert!(watch.rest().contains(&Event::Syncing));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_after_a_sync_that_failed() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    put(&store, "1").await.unwrap();
    watch.fail(Fault::Io);
    watch.wait(&Event::Syncing);
    // It is told by whatever writes next.
    let failed = loop {
        if let Err(failed) = put(&store, "2").await {
            break failed;
        }
        tokio::task::yield_now().await;
    };
    assert!(format!("{failed:?}").contains("sync"), "{failed:?}");
    assert!(store.put_session("1", b"one").await.is_err());
}

#[tokio::test]
async fn a_synced_write_fails_when_what_came_before_it_cannot_be_synced() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    put(&store, "1").await.unwrap();
    let permit = watch.hold(Event::Syncing);
    let mut deletion = Box::pin(delete(&store, "other"));
    begin(&mut deletion);
    watch.wait(&Event::Syncing);
    watch.fail(Fault::Io);
    permit.send(()).unwrap();
    assert!(deletion.await.is_err());
    assert!(put(&store, "2").await.is_err());
}

#[tokio::test]
async fn who_drops_the_store_closes_it() {
    let (folder, path) = place();
    let (store, _watch) = watched(&path).await;
    put(&store, "1").await.unwrap();
    drop(store);
    // Closing put the log into the database.
    assert!(!folder.path().join(format!("{}-wal", crate::DATABASE)).exists());
    let rows: i64 = rusqlite::Connection::open(&path)
        .unwrap()
        .query_row("SELECT COUNT(*) FROM pending_inbound_messages", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}
