//! What is given back to one session, and when it is not.

use std::path::Path;
use std::sync::Arc;

use wakeeper_engine::care::{CareError, Standing};
use wakeeper_engine::folder::credentials;
use wakeeper_engine_store::move_notes::{MOVED_MARKER, Pending, done};
use wakeeper_engine_store::recover::Backups;
use wakeeper_engine_store::{Copies, DATABASE, SIDE_FILES, generation};
use wakeeper_model::{Clock, SessionName};
use wakeeper_waha::{RepairRequest, RestoreRequest, RestoreWhat};

use super::repair::{LOOK_AGAIN, planned};
use super::restore::{DRAFT, MARK, put_in_place, restore};
use super::{Subject, backups};
use crate::paths::SessionPaths;

const NOW_MS: i64 = 1_893_456_000_000;

/// A session whose folder is there, and empty.
fn subject(root: &Path) -> Subject {
    let (session, auth_info) = (SessionName::default_session(), root.join("auth_info"));
    let shelf = root.join("backups");
    let folder = credentials::folder(&auth_info, &session);
    credentials::create_folder(&folder).unwrap();
    credentials::create_folder(&shelf).unwrap();
    let paths = SessionPaths {
        home: auth_info.clone(),
        auth_info,
        store: root.join("baileys_store.json"),
        backups: Backups { shelf, label: "web".to_owned(), passphrase: None },
        witnesses: None,
        is_copy: false,
        command: Arc::new(str::to_owned),
        clock: Clock::from_fn(|| NOW_MS),
        copies: Copies::default(),
    };
    Subject { session, database: folder.join(DATABASE), folder, paths }
}

#[tokio::test]
async fn a_session_that_lives_elsewhere_gets_nothing_back() {
    let root = tempfile::tempdir().unwrap();
    let subject = subject(root.path());
    let is_refused = async || {
        let mut refused = Vec::new();
        for dry_run in [true, false] {
            let order = RestoreRequest {
                backup: "none".to_owned(),
                what: RestoreWhat::Credentials,
                dry_run,
                force_reason: None,
            };
            let asked = restore(&subject, &order, Standing::Still).await;
            refused.push(matches!(asked, Err(CareError::Refused { .. })));
        }
        refused
    };
    assert_eq!(is_refused().await, [false, false], "there is no such backup");
    std::fs::write(subject.folder.join(MOVED_MARKER), "{}").unwrap();
    assert_eq!(is_refused().await, [true, true], "it was moved");
    std::fs::remove_file(subject.folder.join(MOVED_MARKER)).unwrap();
    let note = Pending { source: root.path().join("away"), account: "abc".to_owned() };
    note.leave(&subject.folder).unwrap();
    assert_eq!(is_refused().await, [true, true], "a move is under way");
    done(&subject.folder).unwrap();
    assert_eq!(is_refused().await, [false, false]);
}

#[tokio::test]
async fn what_is_given_back_is_marked_and_what_was_there_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let subject = subject(root.path());
    let log = SIDE_FILES[0];
    std::fs::write(&subject.database, "what was there").unwrap();
    std::fs::write(subject.folder.join(log), "its log").unwrap();
    let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys7");
    let aside = subject.folder.join(format!("before-restore-{NOW_MS}"));

    // A move aside that fails halfway is undone.
    std::fs::create_dir_all(aside.join(log)).unwrap();
    put_in_place(&subject, &copy).await.unwrap_err();
    assert_eq!(std::fs::read_to_string(&subject.database).unwrap(), "what was there");
    assert_eq!(std::fs::read_to_string(subject.folder.join(log)).unwrap(), "its log");
    assert!(!subject.folder.join(DRAFT).exists());
    std::fs::remove_dir_all(&aside).unwrap();

    put_in_place(&subject, &copy).await.unwrap();
    let marked = generation::marked(&subject.database).await.unwrap();
    assert_eq!(marked.mark.map(|mark| mark.run).as_deref(), Some(MARK));
    assert_eq!(std::fs::read_to_string(aside.join(DATABASE)).unwrap(), "what was there");
    assert_eq!(std::fs::read_to_string(aside.join(log)).unwrap(), "its log");
    assert!(!subject.folder.join(DRAFT).exists());
}

#[tokio::test]
async fn a_database_that_cannot_be_judged_now_is_a_step_of_the_plan() {
    let root = tempfile::tempdir().unwrap();
    let subject = subject(root.path());
    std::fs::write(&subject.database, "no database").unwrap();
    let planned = planned(&subject, &RepairRequest::default()).await;
    let steps: Vec<_> = planned.report.plan.iter().map(|step| step.repair.as_str()).collect();
    assert!(planned.looks_again && steps == [LOOK_AGAIN], "{planned:?}");
}

#[tokio::test]
async fn backups_are_read_one_after_the_other() {
    let root = tempfile::tempdir().unwrap();
    let subject = subject(root.path());
    let reading = backups::turn_to_read().await.unwrap();
    let mut listing = std::pin::pin!(backups::list(&subject));
    let first = std::future::poll_fn(|task| std::task::Poll::Ready(listing.as_mut().poll(task))).await;
    assert!(first.is_pending(), "it waits for its turn");
    drop(reading);
    assert!(listing.await.unwrap().is_empty());
}
