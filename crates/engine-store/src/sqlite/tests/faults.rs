//! Disks that fail, and a worker that panics.

use std::error::Error;

use whatsapp_rust::wacore::store::traits::{ProtocolStore, SignalStore};

use super::*;

/// All that an error says.
fn words(error: &StoreError) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words = format!("{words}: {error}");
        source = error.source();
    }
    words
}

#[tokio::test]
async fn a_commit_that_fails_stores_nothing_of_its_group() {
    for (fault, told) in [(Fault::Full, "database or disk is full"), (Fault::Io, "disk I/O error")] {
        let (_folder, path) = place();
        let (store, watch) = watched(&path).await;
        store.put_session("1", b"before").await.unwrap();
        watch.rest();
        let permit = watch.hold(Event::Committing(1));
        let mut first = Box::pin(store.put_session("0", b"first"));
        begin(&mut first);
        watch.wait(&Event::Committing(1));
        let mut one = Box::pin(store.put_session("1", b"after"));
        let mut two = Box::pin(store.put_session("2", b"after"));
        begin(&mut one);
        begin(&mut two);
        let held = watch.hold(Event::Committing(2));
        permit.send(()).unwrap();
        watch.wait(&Event::Committing(2));
        watch.fail(fault);
        held.send(()).unwrap();
        first.await.unwrap();
        let outcomes = [one.await, two.await];
        let failures: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        assert_eq!(failures.len(), 2);
        for error in failures {
            let words = words(error);
            assert!(words.contains("cannot commit a group of writes") && words.contains(told), "{words}");
        }
        assert_eq!(store.get_session("1").await.unwrap().unwrap(), "before");
        assert_eq!(store.get_session("2").await.unwrap(), None);
        // Who wrote next may have taken for stored what failed: nothing comes after it here.
        let next = store.put_session("2", b"again").await.unwrap_err();
        assert!(words(&next).contains(told), "{}", words(&next));
        drop(store);
        let anew = SqliteBackend::open(&path).await.unwrap();
        anew.put_session("2", b"again").await.unwrap();
        assert_eq!(anew.get_session("2").await.unwrap().unwrap(), "again");
    }
}

#[tokio::test]
async fn a_disk_that_is_really_full_is_told_in_sqlites_words() {
    let (_folder, path) = place();
    let store = SqliteBackend::open(&path).await.unwrap();
    store.put_session("1", b"before").await.unwrap();
    // No page more than there are.
    let full = |connection: &Connection| {
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
    };
    store.read("fill the disk", full).await.unwrap();
    let error = store.put_session("1", &vec![1; 1 << 20]).await.unwrap_err();
    assert!(words(&error).contains("database or disk is full"), "{}", words(&error));
    assert_eq!(store.get_session("1").await.unwrap().unwrap(), "before");
    store.put_session("1", b"after").await.unwrap_err();
    drop(store);
    SqliteBackend::open(&path).await.unwrap().put_session("1", b"after").await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(crate::DATABASE);
    let error = SqliteBackend::open(&path).await.err().unwrap();
    assert!(words(&error).contains("unable to open database file"), "{}", words(&error));
    assert!(!path.exists());
}

/// Panics once, in the middle of a group.
struct Panics(Mutex<bool>);

impl Faults for Panics {
    fn before_commit(&self, _operations: &[&'static str]) -> std::result::Result<(), Fault> {
        let now = std::mem::replace(&mut *self.0.lock().unwrap(), false);
        assert!(!now, "a panic on purpose");
        Ok(())
    }
}

#[tokio::test]
async fn after_a_panic_nobody_waits_and_nothing_of_the_group_is_stored() {
    let (_folder, path) = place();
    let store = SqliteBackend::open_with(&path, Arc::new(Panics(Mutex::new(true)))).await.unwrap();
    let error = store.put_session("1", b"lost").await.unwrap_err();
    assert!(words(&error).contains("closed while a call to it waited"), "{}", words(&error));
    assert_eq!(store.get_session("1").await.unwrap(), None);
    // What went with the group, also what nobody waits for, is gone: nothing comes after it here.
    let next = store.put_session("2", b"two").await.unwrap_err();
    assert!(words(&next).contains("a program error"), "{}", words(&next));
    drop(store);
    let anew = SqliteBackend::open(&path).await.unwrap();
    anew.put_session("2", b"two").await.unwrap();
    assert_eq!(anew.get_session("1").await.unwrap(), None);
}

/// Lets no message that came in be written.
fn refuse_messages(path: &std::path::Path) {
    let connection = Connection::open(path).unwrap();
    let trigger =
        "CREATE TRIGGER no BEFORE INSERT ON pending_inbound_messages BEGIN SELECT RAISE(ABORT, 'no'); END";
    connection.execute_batch(trigger).unwrap();
}

#[tokio::test]
async fn no_ratchet_is_written_when_the_messages_before_it_cannot_be() {
    for alone in [true, false] {
        let (_folder, path) = place();
        let (store, _watch) = watched(&path).await;
        refuse_messages(&path);
        store.store_pending_inbound("chat", "sender", "id", b"message").await.unwrap();
        if alone {
            assert!(store.put_session("1", b"moved on").await.is_err());
        } else {
            // A duplicate is asked for: it is not absent because it could not be written.
            assert!(store.get_pending_inbound("chat", "sender", "id").await.is_err());
        }
        assert!(store.put_session("2", b"further").await.is_err(), "nothing comes after it");
        assert_eq!(store.get_session("1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_message_whose_commit_fails_is_not_absent() {
    for fault in [Fault::Full, Fault::Io] {
        let (_folder, path) = place();
        let (store, watch) = watched(&path).await;
        store.store_pending_inbound("chat", "sender", "id", b"message").await.unwrap();
        watch.fail(fault);
        assert!(store.get_pending_inbound("chat", "sender", "id").await.is_err());
        assert!(store.get_pending_inbound("chat", "sender", "id").await.is_err(), "nor is it later");
        assert!(store.put_session("1", b"moved on").await.is_err());
    }
}

#[tokio::test]
async fn a_commit_that_fails_and_that_nobody_hears_of_is_the_last() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    store.store_pending_inbound("chat", "sender", "id", b"message").await.unwrap();
    let permit = watch.hold(Event::Committing(2));
    let mut leaves = Box::pin(store.put_session("1", b"moved on"));
    begin(&mut leaves);
    watch.wait(&Event::Committing(2));
    drop(leaves);
    watch.fail(Fault::Io);
    permit.send(()).unwrap();
    assert!(store.get_pending_inbound("chat", "sender", "id").await.is_err());
    assert!(store.put_session("1", b"further").await.is_err());
}

#[tokio::test]
async fn a_copy_of_the_database_is_for_us_alone() {
    use std::os::unix::fs::PermissionsExt;
    use whatsapp_rust::wacore::store::traits::DeviceStore;

    let (folder, path) = place();
    let store = SqliteBackend::open(&path).await.unwrap();
    store.put_session("1", b"one").await.unwrap();
    store.snapshot_db("../bad mac", Some(b"{}")).await.unwrap();
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().contains(".snapshot-"))
        .collect();
    assert_eq!(names.len(), 2);
    for entry in &names {
        let name = entry.file_name().into_string().unwrap();
        assert!(name.ends_with("-_bad_mac") || name.ends_with("-_bad_mac.json"), "{name}");
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let copy = names.iter().find(|entry| entry.path().extension().is_none_or(|end| end != "json")).unwrap();
    let copied = SqliteBackend::open(&copy.path()).await.unwrap();
    assert_eq!(copied.get_session("1").await.unwrap().unwrap(), "one");
}
