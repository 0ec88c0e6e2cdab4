//! What is stored soon waits for room on the disk, in its order.

use tokio::sync::oneshot;

use super::*;
use crate::{Change, CommitBatch, MessageRef, MessageRow, Wait};

fn target() -> MessageRef {
    MessageRef { session: "default".to_owned(), id: "M1".to_owned(), from_me: None, chat: None }
}

#[tokio::test]
async fn what_is_stored_soon_waits_until_the_disk_takes_it() {
    let opened = open().await;
    let owner = opened.storage.acquire("default").await.unwrap();
    let rows = owner.rows();
    let (file, aside) = (opened.file(), opened.folder.path().join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    let row = MessageRow { from_me: true, ack: 1, ..crate::conformance::message("c", "M1") };
    let message = Change::Message { row: Box::new(row), updates: vec![], events: vec![] };
    let raised = Change::Ack { target: target(), ack: 2, events: vec![] };
    let (first, first_done) = oneshot::channel();
    let (second, second_done) = oneshot::channel();
    rows.commit_soon(message.into(), |outcome| drop(first.send(outcome))).await.unwrap();
    let mut disk = opened.storage.disk();
    disk.wait_for(Option::is_some).await.unwrap();
    rows.commit_soon(raised.into(), |outcome| drop(second.send(outcome))).await.unwrap();
    // Whoever waits for an answer is refused meanwhile, and a read waits for nothing.
    assert!(put(&*opened.storage, SessionRow { name: "other".to_owned(), ..session() }).await.is_err());
    assert!(opened.storage.message(&target()).await.unwrap().is_none());
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(first_done.await.unwrap().unwrap().applied, [true]);
    assert_eq!(second_done.await.unwrap().unwrap().applied, [true], "the receipt comes after its message");
    assert_eq!(opened.storage.message(&target()).await.unwrap().unwrap().ack, 2);
    opened.storage.close().await;
}

/// A message whose caller goes on, and nobody is told of.
fn untold(id: &str) -> CommitBatch {
    let row = Box::new(crate::conformance::message("c", id));
    CommitBatch { wait: Wait::Long, ..Change::Message { row, updates: vec![], events: vec![] }.into() }
}

#[tokio::test]
async fn what_nobody_waits_for_goes_along_with_what_somebody_does() {
    let opened = open().await;
    let owner = opened.storage.acquire("default").await.unwrap();
    let (tell, mut told) = oneshot::channel();
    owner.rows().commit_soon(untold("M1"), |outcome| drop(tell.send(outcome))).await.unwrap();
    assert!(told.try_recv().is_err(), "it waits");
    owner.rows().put_session(session()).await.unwrap();
    assert_eq!(told.try_recv().expect("it went along").unwrap().applied, [true]);

    let (tell, told) = oneshot::channel();
    owner.rows().commit_soon(untold("M2"), |outcome| drop(tell.send(outcome))).await.unwrap();
    let alone = tokio::time::timeout(Duration::from_secs(20), told).await.expect("it does not wait for ever");
    assert_eq!(alone.unwrap().unwrap().applied, [true]);
    opened.storage.close().await;
}

#[tokio::test]
async fn whoever_reads_sees_what_nobody_waited_for() {
    let opened = open().await;
    let owner = opened.storage.acquire("default").await.unwrap();
    owner.rows().commit_soon(untold("M1"), |_| {}).await.unwrap();
    assert!(opened.storage.message(&target()).await.unwrap().is_some());
    opened.storage.close().await;
}

#[tokio::test]
async fn whoever_closes_stores_what_was_to_be_stored_soon() {
    let opened = open().await;
    let owner = opened.storage.acquire("default").await.unwrap();
    let row = crate::conformance::message("c", "M1");
    let message = Change::Message { row: Box::new(row), updates: vec![], events: vec![] };
    owner.rows().commit_soon(message.into(), |_| {}).await.unwrap();
    opened.storage.close().await;
    let again = open_sqlite(opened.file()).await.unwrap();
    assert!(again.message(&target()).await.unwrap().is_some());
    again.close().await;
}
