//! What waits is committed together, and each caller hears of its own.

use whatsapp_rust::wacore::store::traits::{
    DeviceStore, MsgSecretEntry, MsgSecretStore, ProtocolStore, SignalStore,
};

use super::*;
use crate::sqlite::queue::PATIENCE;

#[tokio::test]
async fn writes_that_wait_share_one_commit() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    let permit = watch.hold(Event::Committing(1));
    let mut first = Box::pin(store.put_session("0", b"first"));
    begin(&mut first);
    watch.wait(&Event::Committing(1));
    let names: Vec<String> = (1..=100).map(|number| number.to_string()).collect();
    let mut writes: Vec<_> = names.iter().map(|name| Box::pin(store.put_session(name, b"one"))).collect();
    writes.iter_mut().for_each(begin);
    // Nobody is answered before the commit.
    begin(&mut first);
    permit.send(()).unwrap();
    first.await.unwrap();
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(watch.rest(), [Event::Committed(1), Event::Committing(100), Event::Committed(100)]);
    // Another connection sees what was answered.
    let connection = rusqlite::Connection::open(&path).unwrap();
    let rows: i64 = connection.query_row("SELECT COUNT(*) FROM sessions", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 101);
}

#[tokio::test]
async fn reads_do_not_wait_for_the_commit_of_writes_that_came_with_them() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    store.put_group_metadata("g", b"one").await.unwrap();
    let permit = watch.hold(Event::Committed(1));
    let mut first = Box::pin(store.put_group_metadata("h", b"one"));
    begin(&mut first);
    watch.wait(&Event::Committed(1));
    watch.wait(&Event::Committed(1));
    let held = watch.hold(Event::Committing(1));
    let mut write = Box::pin(store.put_group_metadata("g", b"two"));
    let mut read = Box::pin(store.get_group_metadata("g"));
    begin(&mut write);
    begin(&mut read);
    permit.send(()).unwrap();
    assert_eq!(read.await.unwrap().unwrap(), b"one", "nobody heard of the write yet");
    begin(&mut write);
    held.send(()).unwrap();
    write.await.unwrap();
    first.await.unwrap();
    assert_eq!(store.get_group_metadata("g").await.unwrap().unwrap(), b"two");
}

#[tokio::test]
async fn what_fails_by_itself_fails_alone() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    store.create().await.unwrap();
    watch.rest();
    let permit = watch.hold(Event::Committing(1));
    let mut first = Box::pin(store.put_session("0", b"first"));
    begin(&mut first);
    watch.wait(&Event::Committing(1));
    let mut before = Box::pin(store.put_session("1", b"before"));
    // There is a login already.
    let mut fails = Box::pin(store.create());
    let mut after = Box::pin(store.put_session("2", b"after"));
    begin(&mut before);
    begin(&mut fails);
    begin(&mut after);
    permit.send(()).unwrap();
    before.await.unwrap();
    after.await.unwrap();
    let error = fails.await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "cannot make a login in the session database");
    first.await.unwrap();
    assert_eq!(watch.rest(), [Event::Committed(1), Event::Committing(3), Event::Committed(3)]);
    assert_eq!(store.get_session("1").await.unwrap().unwrap(), "before");
    assert_eq!(store.get_session("2").await.unwrap().unwrap(), "after");
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_any_more_is_not_done() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    let permit = watch.hold(Event::Committing(1));
    let mut first = Box::pin(store.put_session("0", b"first"));
    begin(&mut first);
    watch.wait(&Event::Committing(1));
    let mut dropped = Box::pin(store.put_session("1", b"dropped"));
    begin(&mut dropped);
    drop(dropped);
    permit.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(store.get_session("1").await.unwrap(), None);
}

#[tokio::test]
async fn whoever_got_the_last_answer_closes_the_database() {
    let (folder, path) = place();
    SqliteBackend::open(&path).await.unwrap().snapshot_db("whole", None).await.unwrap();
    // One that needs no migration, whose connection is closed at some time.
    let copies = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let copy = copies.into_iter().find(|path| path.to_string_lossy().contains("-whole")).unwrap();
    let (_folder, path) = place();
    std::fs::copy(copy, &path).unwrap();
    let log = path.with_file_name(crate::SIDE_FILES[0]);
    for round in 0..50 {
        let store = SqliteBackend::open(&path).await.unwrap();
        store.put_session("1", b"one").await.unwrap();
        if round % 2 == 0 {
            store.get_session("1").await.unwrap();
        }
        assert!(log.exists());
        drop(store);
        // SQLite removes it with the last connection.
        assert!(!log.exists(), "somebody still holds the database in round {round}");
    }
}

#[tokio::test]
async fn a_new_database_has_small_pages() {
    let (_folder, path) = place();
    let store = SqliteBackend::open(&path).await.unwrap();
    store.put_session("1", b"one").await.unwrap();
    let connection = Connection::open(&path).unwrap();
    let size: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    assert_eq!(size, open::PAGE, "a commit writes each page whole that it changes");
}

#[tokio::test]
async fn the_schema_is_the_newest_of_the_clients_own_store() {
    let (_folder, path) = place();
    let theirs = whatsapp_rust::store::SqliteStore::new(path.to_str().unwrap()).await.unwrap();
    drop(theirs);
    let connection = Connection::open(&path).unwrap();
    let (count, newest) = open::migrations(&connection).unwrap().unwrap();
    assert_eq!((count, &*newest), open::MIGRATIONS, "see what the new migrations do, then change it here");
}

fn secret() -> Vec<MsgSecretEntry> {
    let chat = "491701000002@s.whatsapp.net".parse().unwrap();
    vec![MsgSecretEntry::new(&chat, &chat, "id", [7; 32], 0, 1)]
}

/// Messages that wait in the database for being stored for good.
fn pending(path: &std::path::Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("SELECT COUNT(*) FROM pending_inbound_messages", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_can_wait_joins_a_commit_that_others_need() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    let mut secrets = Box::pin(store.put_msg_secrets(secret()));
    begin(&mut secrets);
    store.put_session("1", b"one").await.unwrap();
    assert_eq!(secrets.await.unwrap(), 1);
    assert_eq!(watch.rest(), [Event::Committing(2), Event::Committed(2)]);
}

#[tokio::test]
async fn what_nobody_else_needs_a_commit_for_gets_its_own() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    assert_eq!(store.put_msg_secrets(secret()).await.unwrap(), 1);
    assert_eq!(watch.rest(), [Event::Committing(1), Event::Committed(1)]);
    let chat = "491701000002@s.whatsapp.net";
    assert_eq!(store.get_msg_secret(chat, chat, "id").await.unwrap().unwrap(), [7; 32]);
    // Its caller went away: nothing is written, and nobody keeps the database open for it.
    let mut dropped = Box::pin(store.put_msg_secrets(secret()));
    begin(&mut dropped);
    drop(dropped);
    drop(store);
    assert!(!path.with_file_name(crate::SIDE_FILES[0]).exists());
}

#[tokio::test]
async fn whoever_can_wait_does_so_to_the_end_whoever_went_before() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    tokio::time::pause();
    let mut first = Box::pin(store.put_msg_secrets(secret()));
    begin(&mut first);
    tokio::task::yield_now().await;
    tokio::time::advance(PATIENCE * 9 / 10).await;
    store.put_session("1", b"one").await.unwrap();
    first.await.unwrap();
    let began = tokio::time::Instant::now();
    store.put_msg_secrets(secret()).await.unwrap();
    assert!(began.elapsed() >= PATIENCE, "{:?}", began.elapsed());
    assert_eq!(watch.rest().len(), 4, "two commits");
}

#[tokio::test]
async fn a_message_that_is_stored_before_any_commit_costs_none() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    store.store_pending_inbound("chat", "sender", "id", b"message").await.unwrap();
    store.delete_pending_inbound("chat", "sender", "id").await.unwrap();
    assert_eq!(watch.rest(), []);
    store.put_session("1", b"one").await.unwrap();
    assert_eq!(watch.rest(), [Event::Committing(1), Event::Committed(1)], "the ratchet alone");
    assert_eq!(pending(&path), 0);
}

#[tokio::test]
async fn no_ratchet_is_written_without_the_messages_that_came_before_it() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    store.store_pending_inbound("chat", "sender", "id", b"message").await.unwrap();
    store.put_session("1", b"moved on").await.unwrap();
    assert_eq!(watch.rest(), [Event::Committing(2), Event::Committed(2)]);
    // As after a process that ended here: WhatsApp delivers it again, and it is a duplicate to Signal.
    assert_eq!(pending(&path), 1);
    let found = store.get_pending_inbound("chat", "sender", "id").await.unwrap();
    assert_eq!(found.as_deref(), Some(&b"message"[..]));
    store.delete_pending_inbound("chat", "sender", "id").await.unwrap();
    assert_eq!(store.get_pending_inbound("chat", "sender", "id").await.unwrap(), None);
    store.put_session("1", b"further").await.unwrap();
    assert_eq!(pending(&path), 0);
}

#[tokio::test]
async fn a_message_of_an_earlier_process_is_deleted_where_it_lies() {
    let (_folder, path) = place();
    let store = SqliteBackend::open(&path).await.unwrap();
    store.store_pending_inbound("chat", "sender", "id", b"message").await.unwrap();
    store.put_session("1", b"moved on").await.unwrap();
    drop(store);
    let store = SqliteBackend::open(&path).await.unwrap();
    // As the client does with a duplicate: it reads the message, stores it again, hands it on and deletes it.
    assert!(store.get_pending_inbound("chat", "sender", "id").await.unwrap().is_some());
    store.store_pending_inbound("chat", "sender", "id", b"message").await.unwrap();
    store.delete_pending_inbound("chat", "sender", "id").await.unwrap();
    store.put_session("1", b"further").await.unwrap();
    assert_eq!(pending(&path), 0);
}
