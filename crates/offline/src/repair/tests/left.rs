//! What lies there when a repair begins, and what happens to it meanwhile: notes of earlier repairs, links, other writers.

use std::os::unix::fs::symlink;

use super::*;

impl Scene {
    /// A repair during whose question `meanwhile` happens.
    async fn interfered(
        &self,
        extent: Extent,
        meanwhile: impl Fn(&Path) + Send + Sync + 'static,
    ) -> Result<Outcome, OfflineError> {
        let (asked, database) = (Arc::new(AtomicBool::new(false)), self.database());
        let is_asked = asked.clone();
        let approve = move |_: &Outcome| {
            meanwhile(&database);
            is_asked.store(true, Ordering::Relaxed);
            true
        };
        let order = RepairOrder { approve: Arc::new(approve), ..order(extent, false) };
        let facts = KnownFacts::default();
        let repaired = repair_own(&self.database(), &self.paths, &facts, order, &mut || Ok(())).await;
        assert!(asked.load(Ordering::Relaxed), "there was nothing to do: {repaired:?}");
        repaired
    }

    async fn mended(&self, order: RepairOrder) -> Result<Outcome, OfflineError> {
        repair_own(&self.database(), &self.paths, &KnownFacts::default(), order, &mut || Ok(())).await
    }

    async fn is_told(&self) -> bool {
        self.codes().await.contains(&"repair_unfinished")
    }
}

fn is_changed(repaired: &Result<Outcome, OfflineError>) -> bool {
    matches!(repaired, Err(OfflineError::Store(NativeError::Changed { .. })))
}

#[tokio::test]
async fn a_note_has_no_linked_database_opened() {
    let scene = Scene::new().await;
    scene.begin_and_stop().await;
    // Without a backup nothing takes the link's place.
    std::fs::remove_dir_all(&scene.paths.backups.shelf).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join(DATABASE);
    std::fs::rename(scene.database(), &target).unwrap();
    symlink(&target, scene.database()).unwrap();
    let before = std::fs::read(&target).unwrap();
    let codes = scene.codes().await;
    assert!(codes.contains(&"file_not_regular") && !codes.contains(&"repair_unfinished"), "{codes:?}");
    let outcome = scene.clean(&mut || Ok(())).await.unwrap();
    assert!(!outcome.applied && outcome.notes.iter().all(|note| !note.contains("was settled")));
    assert!(scene.note().exists(), "nobody can say whether it was carried out");
    let names: Vec<_> = elsewhere.path().read_dir().unwrap().map(|item| item.unwrap().file_name()).collect();
    assert_eq!(names, [DATABASE], "SQLite opened it");
    assert!(std::fs::read(&target).unwrap() == before);
}

#[tokio::test]
async fn a_note_that_somebody_else_could_have_put_there_is_none() {
    let scene = Scene::new().await;
    scene.begin_and_stop().await;
    assert!(scene.is_told().await);
    let elsewhere = tempfile::tempdir().unwrap();
    let other = elsewhere.path().join("note");
    std::fs::hard_link(scene.note(), &other).unwrap();
    assert!(!scene.is_told().await, "it has another name");
    std::fs::remove_file(scene.note()).unwrap();
    symlink(&other, scene.note()).unwrap();
    assert!(!scene.is_told().await, "it is a link");
}

#[tokio::test]
async fn a_saved_folder_with_a_note_stays_in_doubt() {
    let scene = Scene::new().await;
    scene.begin_and_stop().await;
    assert_eq!(scene.doubts().await, None);
    for item in scene.places.folder.read_dir().unwrap() {
        let path = item.unwrap().path();
        let saved = std::fs::read(&path).unwrap();
        std::fs::write(&path, saved).unwrap();
    }
    assert!(scene.doubts().await.is_some());
    let codes = scene.codes().await;
    assert!(codes.contains(&"older_copy") && !codes.contains(&"repair_unfinished"), "{codes:?}");
    scene.mended(order(Extent::Damaged, false)).await.unwrap();
    assert!(!scene.note().exists());
    assert!(scene.doubts().await.is_some(), "the only trace of it was erased");
}

#[tokio::test]
async fn a_log_that_grew_is_a_change() {
    let scene = Scene::new().await;
    let log = scene.places.folder.join(wakeeper_engine_store::SIDE_FILES[0]);
    std::fs::write(&log, [0; 4096]).unwrap();
    let repaired = scene
        .interfered(Extent::Ratchets, move |_| {
            let mut file = std::fs::File::options().append(true).open(&log).unwrap();
            assert_eq!(file.metadata().unwrap().len(), 4096, "nobody touched it before");
            std::io::Write::write_all(&mut file, &[0; 4096]).unwrap();
        })
        .await;
    assert!(is_changed(&repaired), "{repaired:?}");
}

#[tokio::test]
async fn what_changed_since_it_was_looked_at_is_neither_moved_nor_removed() {
    let scene = Scene::new().await;
    scene.clean(&mut || Ok(())).await.unwrap();
    let database = scene.database();
    let put = |database: &Path| std::fs::write(database, "somebody's").unwrap();
    for extent in [Extent::Damaged, Extent::Everything] {
        std::fs::write(&database, "damaged").unwrap();
        let repaired = scene.interfered(extent, put).await;
        assert!(is_changed(&repaired), "{extent:?} of a damaged one: {repaired:?}");
        assert_eq!(std::fs::read(&database).unwrap(), b"somebody's");
        std::fs::remove_file(&database).unwrap();
        let repaired = scene.interfered(extent, put).await;
        assert!(is_changed(&repaired), "{extent:?} of a missing one: {repaired:?}");
        assert_eq!(std::fs::read(&database).unwrap(), b"somebody's");
    }
}

#[tokio::test]
async fn a_note_is_settled_or_forgotten_only_under_the_claim() {
    let scene = Scene::new().await;
    scene.begin_and_stop().await;
    let gateway = wakeeper_engine::Lock::on_folder(&scene.paths.auth_info).unwrap();
    let refused = scene.mended(order(Extent::Damaged, false)).await;
    assert!(matches!(refused, Err(OfflineError::InUse(_))), "{refused:?}");
    assert!(scene.is_told().await);
    scene.run_once().await;
    scene.mended(order(Extent::Damaged, false)).await.unwrap();
    assert!(scene.note().exists(), "the gateway's, as long as it runs");
    drop(gateway);
    scene.mended(order(Extent::Damaged, false)).await.unwrap();
    assert!(!scene.note().exists());
}

#[tokio::test]
async fn a_database_that_tells_nothing_keeps_its_note() {
    let scene = Scene::new().await;
    scene.begin_and_stop().await;
    std::fs::remove_dir_all(&scene.paths.backups.shelf).unwrap();
    std::fs::write(scene.database(), "damaged").unwrap();
    assert!(!scene.mended(order(Extent::Damaged, false)).await.unwrap().applied);
    assert!(scene.note().exists());
}

#[tokio::test]
async fn a_dry_run_plans_what_settles_the_note() {
    let scene = Scene::new().await;
    scene.begin_and_stop().await;
    let planned = scene.mended(order(Extent::Damaged, true)).await.unwrap();
    assert!(planned.healthy && planned.remaining.is_empty(), "{:?}", planned.remaining);
    assert_eq!(planned.plan.iter().map(|step| step.repair).collect::<Vec<_>>(), ["finish_repair"]);
    assert!(scene.note().exists());
    let by_caller = RepairOrder { hold: Hold::ByCaller, ..order(Extent::Damaged, false) };
    let done = scene.mended(by_caller).await.unwrap();
    assert!(done.healthy && done.notes.iter().any(|note| note.contains("was settled")), "{:?}", done.notes);
    assert!(!scene.note().exists());
}

#[tokio::test]
async fn an_older_schema_is_brought_to_the_newest_before_rows_are_taken_out() {
    use sqlx::Connection;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

    let scene = Scene::new().await;
    let at = SqliteConnectOptions::new().filename(scene.database());
    let mut connection = SqliteConnection::connect_with(&at).await.unwrap();
    for back in [
        "ALTER TABLE device DROP COLUMN read_receipts_disabled",
        "DELETE FROM __diesel_schema_migrations WHERE version = '20260703000001'",
    ] {
        let changed = sqlx::query(back).execute(&mut connection).await.unwrap();
        assert!(back.starts_with("ALTER") || changed.rows_affected() == 1, "the newest one has another name");
    }
    connection.close().await.unwrap();
    assert!(scene.clean(&mut || Ok(())).await.unwrap().applied);
    assert!(scene.ratchets().await.is_empty());
    let mut connection = SqliteConnection::connect_with(&at).await.unwrap();
    let column = sqlx::query("SELECT read_receipts_disabled FROM device").fetch_all(&mut connection).await;
    assert_eq!(column.unwrap().len(), 1);
    connection.close().await.unwrap();
}
