//! A rebuild that ends in the middle.

use std::io;

use super::{Scene, damage as harm, ids, killed, session};
use crate::sqlite::Place;
use crate::sqlite::rebuild::{beside, damage, rebuild_until};
use crate::{StorageError, open_or_rebuild_sqlite, open_sqlite};

/// Rebuilds until `last` says so of a step, given its name; answers the name, if there was such a step.
async fn cut_short(scene: &Scene, mut last: impl FnMut(&'static str) -> bool + Send) -> Option<&'static str> {
    let place = Place::ready(&scene.path).unwrap();
    let because = damage(&place).await.unwrap().expect("the damage is found");
    let mut cut = None;
    let mut stop = |step| {
        if last(step) {
            cut = Some(step);
            return Err(io::Error::other("killed"));
        }
        Ok(())
    };
    let made = rebuild_until(&place, because, "now", &mut stop).await;
    assert_eq!(made.is_err(), cut.is_some());
    cut
}

/// Whatever was done: the next start has every row that can be read, keeps what was damaged as it was, and says so.
#[tokio::test]
async fn a_rebuild_that_is_cut_short_anywhere_is_done_by_the_next_start() {
    for steps in 0.. {
        let scene = killed().await;
        let wal = beside(&scene.path, "-wal");
        let before = (std::fs::read(&scene.path).unwrap(), std::fs::read(&wal).unwrap());
        let mut done = 0;
        let cut = cut_short(&scene, |_| {
            done += 1;
            done > steps
        });
        let cut = cut.await;
        let at = format!("cut after step {steps}: {cut:?}");

        let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
        let rebuilt = rebuilt.unwrap_or_else(|| panic!("{at}: nothing is said"));
        assert!(rebuilt.kept.contains(&("messages".to_owned(), 2)), "{at}: {:?}", rebuilt.kept);
        assert_eq!(ids(&*storage).await, ["early", "late"], "{at}");
        storage.close().await;

        let aside = rebuilt.aside.unwrap_or_else(|| panic!("{at}: not told where"));
        let kept = (std::fs::read(&aside).unwrap(), std::fs::read(beside(&aside, "-wal")).unwrap());
        assert!(kept == before, "{at}: the damaged one is kept as it was, with its log");
        let names = ["wakeeper-damaged-now.db", "wakeeper-damaged-now.db-wal", "wakeeper.db"];
        assert_eq!(scene.names(), names, "{at}");

        let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "later").await.unwrap();
        assert_eq!(rebuilt, None, "{at}: it was told");
        storage.close().await;
        if cut.is_none() {
            assert!(steps > 20, "{steps} steps");
            return;
        }
    }
}

#[tokio::test]
async fn a_command_that_opens_the_rows_first_goes_on_with_it_and_leaves_the_word() {
    let scene = killed().await;
    cut_short(&scene, |step| step == "the old file is moved").await.expect("that step");
    assert!(!scene.path.exists());
    let storage = open_sqlite(&scene.path).await.unwrap();
    assert_eq!(ids(&*storage).await, ["early", "late"]);
    storage.close().await;
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    assert!(rebuilt.is_some());
    storage.close().await;
}

#[tokio::test]
async fn a_process_that_is_killed_before_it_told_leaves_the_word_to_the_next() {
    let (scene, copy) = (killed().await, Scene::new());
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    assert!(rebuilt.is_some());
    for side in ["", "-wal"] {
        std::fs::copy(beside(&scene.path, side), beside(&copy.path, side)).unwrap();
    }
    storage.close().await;
    let (storage, again) = open_or_rebuild_sqlite(&copy.path, "now").await.unwrap();
    let again = again.expect("the word");
    assert_eq!(again.kept, rebuilt.unwrap().kept);
    assert_eq!(again.aside, None, "nothing is kept beside the copy");
    storage.close().await;
}

/// Somebody who found no database put a backup there.
#[tokio::test]
async fn a_database_that_was_put_in_place_meanwhile_is_used_as_it_is() {
    let (scene, backup) = (killed().await, Scene::new());
    let storage = open_sqlite(&backup.path).await.unwrap();
    storage
        .acquire("of the backup")
        .await
        .unwrap()
        .rows()
        .put_session(session("of the backup", None))
        .await
        .unwrap();
    storage.close().await;
    cut_short(&scene, |step| step == "the old files are set aside").await.expect("that step");
    std::fs::copy(&backup.path, &scene.path).unwrap();
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    assert_eq!(rebuilt, None);
    assert_eq!(storage.sessions().await.unwrap()[0].name, "of the backup");
    storage.close().await;
    let names = ["wakeeper-damaged-now.db", "wakeeper-damaged-now.db-wal", "wakeeper.db"];
    assert_eq!(scene.names(), names);
}

/// SQLite keeps the log beside the file that a link leads to: there it is read, and there the new one goes.
#[tokio::test]
async fn a_linked_database_is_made_anew_where_it_lies() {
    let (scene, linked) = (killed().await, Scene::new());
    std::os::unix::fs::symlink(&scene.path, &linked.path).unwrap();
    let (storage, rebuilt) = open_or_rebuild_sqlite(&linked.path, "now").await.unwrap();
    let aside = rebuilt.unwrap().aside.unwrap().canonicalize().unwrap();
    assert_eq!(ids(&*storage).await, ["early", "late"]);
    storage.close().await;
    assert_eq!(aside.parent(), scene.path.canonicalize().unwrap().parent());
    assert!(linked.path.is_symlink());
    assert_eq!(linked.names(), ["wakeeper.db"]);
}

/// No place for the draft: nothing is set aside, nothing counts as lost.
#[tokio::test]
async fn a_draft_that_cannot_be_written_leaves_everything_as_it_was() {
    let scene = Scene::new();
    open_sqlite(&scene.path).await.unwrap().close().await;
    harm(&scene.path);
    let before = std::fs::read(&scene.path).unwrap();
    let place = Place::ready(&scene.path).unwrap();
    std::fs::create_dir(beside(&scene.path, ".draft")).unwrap();
    let refused = super::super::rebuild(&place, "it is damaged".to_owned(), "now").await.unwrap_err();
    assert!(matches!(refused, StorageError::OpenFile { .. }), "{refused}");
    assert_eq!(std::fs::read(&scene.path).unwrap(), before);
    assert_eq!(scene.names(), ["wakeeper.db", "wakeeper.db.draft"]);
}
