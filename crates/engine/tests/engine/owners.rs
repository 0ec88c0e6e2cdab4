//! Who owns a session: what is refused when it is somebody else, and what is told all the same.

use std::future::Future;
use std::path::Path;

use wakeeper_engine::EngineError;
use wakeeper_model::SessionName;
use wakeeper_private_fs::{Locking, lock_own};
use wakeeper_simulator::server::Addressing;
use wakeeper_storage::{Change, Desired, Ownership, SessionRow, Storage, StorageError, StoredStatus};
use wakeeper_waha::{SessionConfig, SessionStatus};

use super::world::*;

/// Locks a session as another process does that found its lock file deleted; free again when the answer is dropped.
fn take_lock(folder: &Path) -> std::fs::File {
    let session = folder.join("sessions/default");
    let Locking::Taken(lock) = lock_own(&session.join("new")).unwrap() else { panic!("it is locked") };
    std::fs::rename(session.join("new"), session.join("session.lock")).unwrap();
    lock
}

/// The rows of a session, as soon as nobody owns them.
async fn once_given_up(storage: &dyn Storage) -> Ownership {
    let acquired = async {
        loop {
            match storage.acquire("default").await {
                Ok(ownership) => return ownership,
                Err(StorageError::Owned { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, acquired).await.expect("the rows were never given up")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_a_session_writes_none_of_its_rows_until_it_is_started_again() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    world.engine.status(SessionStatus::ScanQrCode).await;
    let lock = take_lock(world.folder.path());
    world.engine.status(SessionStatus::Failed).await;
    let present = once_given_up(&*world.engine.storage).await;
    let before = world.engine.storage.session("default").await.unwrap();
    let refused = world.engine.sessions.update(&session(), SessionConfig::default()).await;
    assert!(matches!(refused, Err(EngineError::Storage(StorageError::NotOwner { .. }))), "{refused:?}");
    let refused = world.engine.sessions.start(&session()).await;
    assert!(matches!(refused, Err(EngineError::Storage(StorageError::Owned { .. }))), "{refused:?}");
    assert_eq!(world.engine.storage.session("default").await.unwrap(), before);

    drop((present, lock));
    world.engine.sessions.start(&session()).await.unwrap();
    world.engine.status(SessionStatus::ScanQrCode).await;
    world.engine.sessions.update(&session(), SessionConfig::default()).await.unwrap();
    world.stop().await;
}

/// Of an embedded database all sessions are this process's own: it knows them also while the file is gone.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_though_their_rows_cannot_be_read() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    let (file, aside) = (world.folder.path().join("wakeeper.db"), world.folder.path().join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    let mut disk = world.engine.storage.disk();
    disk.wait_for(Option::is_some).await.unwrap();
    // More at a time than there are open connections: a new one finds no file.
    let lists = (0..50).map(|_| {
        let sessions = world.engine.sessions.clone();
        let unknown: SessionName = "unknown".parse().unwrap();
        tokio::spawn(async move { (sessions.list(true).await, sessions.get(&unknown).await) })
    });
    for answers in futures::future::join_all(lists).await {
        let (listed, unknown) = answers.unwrap();
        let names: Vec<_> = listed.unwrap().into_iter().map(|info| info.name.to_string()).collect();
        assert_eq!(names, ["default"]);
        assert!(unknown.unwrap().is_none());
    }
    std::fs::rename(&aside, &file).unwrap();
    disk.wait_for(Option::is_none).await.unwrap();
    world.stop().await;
}

fn said(status: SessionStatus) -> StoredStatus {
    StoredStatus { status: status.as_str().to_owned(), since_ms: 5 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_another_owner_is_told_as_that_one_stored_it() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    let (sessions, rows) = (world.engine.sessions.clone(), world.engine.storage.clone());
    let name: SessionName = "elsewhere".parse().unwrap();
    let owner = rows.acquire(name.as_str()).await.unwrap();
    let row = SessionRow {
        name: name.to_string(),
        config_json: r#"{"metadata":{"team":"blue"}}"#.to_owned(),
        desired: Desired::Started,
        created_ms: 1,
        updated_ms: 1,
        me_json: Some(
            r#"{"id":"628111@c.us","lid":null,"jid":"628111:3@s.whatsapp.net","pushName":"Ann"}"#.to_owned(),
        ),
        status: Some(said(SessionStatus::Starting)),
    };
    owner.rows().put_session(row).await.unwrap();
    let works = Change::Status { status: said(SessionStatus::Working), events: vec![] };
    owner.rows().commit(works.into()).await.unwrap();

    let info = sessions.get(&name).await.unwrap().unwrap();
    assert_eq!((info.status, info.timestamps.activity), (SessionStatus::Working, Some(5)));
    assert_eq!(info.me.unwrap().id.as_str(), "628111@c.us");
    assert_eq!(info.config.metadata["team"], "blue");
    let names = async |all| {
        let listed = sessions.list(all).await.unwrap();
        listed.into_iter().map(|info| info.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(false).await, ["default", "elsewhere"]);
    let stops = Change::Status { status: said(SessionStatus::Stopped), events: vec![] };
    owner.rows().commit(stops.into()).await.unwrap();
    assert_eq!(names(false).await, ["default"]);
    assert_eq!(names(true).await, ["default", "elsewhere"]);

    let refused = sessions.stop(&name).await;
    assert!(matches!(refused, Err(EngineError::NotOwner(_))), "{refused:?}");
    let refused = sessions.create(name, SessionConfig::default(), true).await;
    assert!(matches!(refused, Err(EngineError::SessionExists(_))), "{refused:?}");

    // Its own it stores for others in the same way. Whoever listens in this process may hear of it a moment before.
    world.engine.status(SessionStatus::ScanQrCode).await;
    let stored = async {
        while rows.session("default").await.unwrap().unwrap().status.unwrap().status != "SCAN_QR_CODE" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, stored).await.expect("it was stored");
    drop(owner);
    world.stop().await;
}

/// A row without an owner would be a name that nobody can use.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_made_whole_though_its_caller_goes_away() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    let sessions = world.engine.sessions.clone();
    for n in 0..20 {
        let name: SessionName = format!("gone{n}").parse().unwrap();
        // The caller leaves in the middle: at another await each time.
        let mut making = Box::pin(sessions.create(name.clone(), SessionConfig::default(), false));
        for _ in 0..=n {
            let waker = futures::task::noop_waker();
            if making.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(making);
        let made = async {
            while sessions.get(&name).await.unwrap().is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, made).await.expect("it was made");
        // Whatever the row says, the session must be there to be worked with.
        let usable = async {
            while sessions.stop(&name).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, usable).await.expect("it can be used");
        sessions.delete(&name).await.unwrap();
    }
    world.stop().await;
}
