//! A process that dies between a write and its commit, and one that dies after it. The test starts itself as that process.

use std::process::Command;

use whatsapp_rust::wacore::store::traits::SignalStore;

use super::*;

/// Tells a child where its database lies, and when it dies.
const DATABASE: &str = "WAKEEPER_TEST_DEATH";
const WHEN: &str = "WAKEEPER_TEST_DEATH_WHEN";

/// Ends the process at the first commit of a Signal session.
struct Dies {
    before: bool,
}

fn die_of(operations: &[&'static str]) {
    if operations.contains(&"store a Signal session") {
        // No destructor runs, as when it is killed.
        std::process::abort();
    }
}

impl Faults for Dies {
    fn before_commit(&self, operations: &[&'static str]) -> std::result::Result<(), Fault> {
        if self.before {
            die_of(operations);
        }
        Ok(())
    }

    fn after_commit(&self, operations: &[&'static str]) {
        die_of(operations);
    }
}

/// Not a test by itself: what the other one starts.
#[tokio::test]
async fn child() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let before = std::env::var(WHEN).unwrap() == "before";
    let store = SqliteBackend::open_with(path.as_ref(), Arc::new(Dies { before })).await.unwrap();
    store.put_sender_key("1", b"answered").await.unwrap();
    let _ = store.put_session("1", b"dies").await;
    unreachable!("the process ended");
}

#[tokio::test]
async fn a_process_that_dies_leaves_what_it_had_committed() {
    for (when, left) in [("before", None), ("after", Some("dies"))] {
        let (_folder, path) = place();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::tests::death::child", "--nocapture"])
            .env(DATABASE, &path)
            .env(WHEN, when)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout);
        assert_eq!(child.status.code(), None, "it was not killed by a signal: {text}");
        let store = SqliteBackend::open(&path).await.unwrap();
        assert_eq!(store.get_sender_key("1").await.unwrap().unwrap(), b"answered");
        let found = store.get_session("1").await.unwrap();
        assert_eq!(found.as_deref(), left.map(str::as_bytes), "{when}");
    }
}
