//! No write of a row passes a read of it, and no answer is older than a write that was answered.

use whatsapp_rust::wacore::libsignal::protocol::{DeviceId, ProtocolAddress, SessionRecord};
use whatsapp_rust::wacore::store::SignalStoreCache;
use whatsapp_rust::wacore::store::traits::SignalStore;

use super::*;

const ADDRESS: &str = "628111000001@s.whatsapp.net.0";

#[tokio::test]
async fn an_answer_that_was_on_its_way_while_its_row_was_written_is_the_new_row() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    store.put_identity(ADDRESS, [1; 32]).await.unwrap();
    store.put_session(ADDRESS, b"one").await.unwrap();
    store.put_sender_key(ADDRESS, b"one").await.unwrap();

    let mut identity = Box::pin(store.load_identity(ADDRESS));
    let mut session = Box::pin(store.get_session(ADDRESS));
    let mut sender_key = Box::pin(store.get_sender_key(ADDRESS));
    let permit = watch.hold(Event::ReadBegan);
    begin(&mut identity);
    begin(&mut session);
    begin(&mut sender_key);
    permit.send(()).unwrap();
    for _ in 0..3 {
        watch.wait(&Event::ReadRan);
    }
    // All three have looked at the old rows, and nobody has taken their answers.
    store.put_identity(ADDRESS, [2; 32]).await.unwrap();
    store.put_sessions_batch(&[(ADDRESS.into(), "two".into())]).await.unwrap();
    store.delete_sender_key(ADDRESS).await.unwrap();

    assert_eq!(identity.await.unwrap(), Some([2; 32]));
    assert_eq!(session.await.unwrap().unwrap(), "two");
    assert_eq!(sender_key.await.unwrap(), None);
}

#[tokio::test]
async fn another_row_that_is_written_makes_nobody_read_again() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    let mut read = Box::pin(store.get_session(ADDRESS));
    watch.run_read(&mut read);
    store.put_session("628111000002@s.whatsapp.net.0", b"other").await.unwrap();
    watch.rest();
    assert_eq!(read.await.unwrap(), None);
    assert_eq!(watch.rest(), []);
}

#[tokio::test]
async fn a_write_waits_for_a_read_that_came_first() {
    let (_folder, path) = place();
    let (store, watch) = watched(&path).await;
    let permit = watch.hold(Event::ReadBegan);
    let mut read = Box::pin(store.get_session(ADDRESS));
    begin(&mut read);
    watch.wait(&Event::ReadBegan);
    let mut write = Box::pin(store.put_session(ADDRESS, b"one"));
    begin(&mut write);
    permit.send(()).unwrap();
    write.await.unwrap();
    assert_eq!(watch.rest(), [Event::ReadRan, Event::Committing(1), Event::Committed(1)]);
    assert_eq!(read.await.unwrap().unwrap(), "one");
}

/// The race of whatsapp-rust 0.7.0 itself: its cache reads outside of its lock, and forgets what it wrote.
#[tokio::test]
async fn the_clients_cache_never_takes_an_older_ratchet_for_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys7");
    let options = wakeeper_doctor::examine::Options::at(1_893_456_000_000);
    let session = wakeeper_doctor::transfer::read(&fixture, &options).unwrap().session;
    crate::write(&session, folder.path(), 1_893_456_000_000).await.unwrap();
    let path = folder.path().join(crate::DATABASE);
    let mut connection = crate::rows::connect(&path, true).await.unwrap();
    let row = crate::rows::keys(&mut connection, &path).await.unwrap().sessions.remove(0);
    drop(connection);
    let (store, watch) = watched(&path).await;
    let (name, device) = row.rsplit_once('.').unwrap();
    let address = ProtocolAddress::new(name, DeviceId::from(device.parse::<u32>().unwrap()));
    assert_eq!(address.as_str(), row);

    let cache = SignalStoreCache::new();
    let mut late = Box::pin(cache.get_session(&address, &store));
    watch.run_read(&mut late);
    // Somebody else reads the row, moves it on, writes it, and the cache forgets it.
    let record = cache.get_session(&address, &store).await.unwrap().unwrap();
    assert!(record.session_state().is_some());
    cache.put_session(&address, SessionRecord::new_fresh()).await;
    cache.flush(&store).await.unwrap();
    cache.clear_after_flush().await;

    let record = late.await.unwrap().unwrap();
    assert!(record.session_state().is_none(), "the older ratchet came back");
}
