//! A damaged database of which nothing tells whose login it held.

use super::*;

impl Scene {
    /// The only backup of the session's name; nothing of the session itself is left to tell whose it is.
    async fn forgotten(&self) -> PathBuf {
        let progress: crate::Progress = Arc::new(|_, _| {});
        let made = crate::back_up(&self.paths, &KnownFacts::default(), false, progress).await.unwrap();
        std::fs::write(self.database(), "torn").unwrap();
        for file in [self.places.rows.clone(), self.places.folder.join(generation::NOTE)] {
            std::fs::remove_file(file).unwrap();
        }
        for beside in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{beside}", self.places.rows.display()));
        }
        made.path
    }
}

#[tokio::test]
async fn the_only_backup_is_named_and_not_taken() {
    let scene = Scene::new().await;
    let made = scene.forgotten().await;
    let progress: crate::Progress = Arc::new(|_, _| {});
    let (paths, facts) = (&scene.paths, KnownFacts::default());
    let looked = health(paths, &facts, progress.clone()).await.unwrap();
    let steps = looked.next_steps(paths, false);
    assert!(steps.iter().all(|(step, _)| !step.contains("clean")), "{steps:?}");
    assert!(steps.iter().any(|(step, _)| step.contains(&format!("restore {}", made.display()))), "{steps:?}");
    let before = std::fs::read(scene.database()).unwrap();
    let done = repair(paths, &facts, order(Extent::Damaged, false), progress).await.unwrap();
    assert!(!done.applied && done.plan.is_empty() && !done.login_kept, "{done:#?}");
    assert_eq!(done.unproven, [made]);
    let note = &done.notes[0];
    assert!(note.contains("nothing here tells any more whose login it held"), "{note}");
    assert_eq!(std::fs::read(scene.database()).unwrap(), before);
    // A person says whose it is.
    let restored = crate::restore(paths, Some(done.unproven[0].as_path()), What::Credentials, false, &facts)
        .await
        .unwrap();
    assert!(restored.applied && restored.login_kept, "{restored:#?}");
}

#[tokio::test]
async fn a_note_that_tells_the_login_is_enough() {
    let scene = Scene::new().await;
    let note = scene.places.folder.join(generation::NOTE);
    let text = std::fs::read(&note).unwrap();
    let made = scene.forgotten().await;
    std::fs::write(note, text).unwrap();
    let progress: crate::Progress = Arc::new(|_, _| {});
    let (paths, facts) = (&scene.paths, KnownFacts::default());
    let looked = health(paths, &facts, progress.clone()).await.unwrap();
    assert_eq!(looked.login_from, Some(made));
    let done = repair(paths, &facts, order(Extent::Damaged, false), progress).await.unwrap();
    assert!(done.applied && done.login_kept, "{done:#?}");
}
