//! Random calls give the same answers from whatsapp-rust's own SQLite store, from its store in memory, and from ours; and each
//! of the two reads what the other wrote. A failing case is printed as small as it can be made, with its seed.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "same_answers/calls.rs"]
mod calls;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use wakeeper_engine_store::sqlite::SqliteBackend;
use whatsapp_rust::store::{SqliteStore, SqliteStoreConfig, Synchronous};
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::store::traits::{DeviceStore, ProtocolStore};

use calls::{CALLS, Call, READS, call, device};

/// A database with the newest schema, made once: migrating takes longer than a case.
fn empty() -> &'static Path {
    static EMPTY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = EMPTY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.db");
        std::fs::File::create(&path).unwrap();
        runtime().block_on(async { drop(SqliteBackend::open(&path).await.unwrap()) });
        (folder, path)
    });
    path
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn theirs(path: &Path) -> SqliteStore {
    let config = SqliteStoreConfig { synchronous: Synchronous::Off, ..SqliteStoreConfig::default() };
    SqliteStore::with_config(path.to_str().unwrap(), config).await.unwrap()
}

async fn compare(calls: &[Call]) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let (path, their_path) = (folder.path().join("ours.db"), folder.path().join("theirs.db"));
    std::fs::copy(empty(), &path).unwrap();
    std::fs::copy(empty(), &their_path).unwrap();
    {
        let (ours, theirs) = (SqliteBackend::open(&path).await.unwrap(), theirs(&their_path).await);
        let memory = InMemoryBackend::new();
        // Rows of LIDs need a login to belong to.
        for store in [&ours as &dyn DeviceStore, &theirs, &memory] {
            store.create().await.unwrap();
            store.save(&device(0, 0)).await.unwrap();
        }
        for (number, asked) in calls.iter().enumerate() {
            let ours = call(&ours, asked, number).await;
            let theirs = call(&theirs, asked, number).await;
            prop_assert_eq!(&ours.text, &theirs.text, "call {}: {:?}", number, asked);
            let memory = call(&memory, asked, number).await;
            if !memory.differs_in_memory {
                prop_assert_eq!(&ours.text, &memory.text, "in memory, call {}: {:?}", number, asked);
            }
        }
        // What came in waits for a commit of others, as this one, which only reads.
        ours.get_pending_inbound("", "", "").await.unwrap();
    }
    // Each opens the other's file, and finds the same.
    let (ours, theirs) = (SqliteBackend::open(&their_path).await.unwrap(), theirs(&path).await);
    for which in READS {
        for a in 0..4 {
            for b in 0..4 {
                let asked = Call { which, a, b, many: vec![0, 1, 2, 3] };
                let (ours, theirs) = (call(&ours, &asked, 0).await, call(&theirs, &asked, 0).await);
                prop_assert_eq!(ours.text, theirs.text, "after the exchange: {:?}", asked);
            }
        }
    }
    Ok(())
}

fn a_call() -> impl Strategy<Value = Call> {
    (0..CALLS, 0..4_u8, 0..4_u8, proptest::collection::vec(0..4_u8, 0..4))
        .prop_map(|(which, a, b, many)| Call { which, a, b, many })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_stores_give_the_same_answers(calls in proptest::collection::vec(a_call(), 1..120)) {
        empty();
        runtime().block_on(compare(&calls))?;
    }
}

#[test]
fn every_call_answers_as_the_clients_own_store_does() {
    // Each call once after each other one's write: no call is left to chance.
    let calls: Vec<Call> = (0..2)
        .flat_map(|round| (0..CALLS).map(move |which| Call { which, a: 1, b: round, many: vec![1, 2] }))
        .chain((0..CALLS).rev().map(|which| Call { which, a: 1, b: 1, many: vec![2, 1] }))
        .collect();
    empty();
    runtime().block_on(compare(&calls)).unwrap();
}
