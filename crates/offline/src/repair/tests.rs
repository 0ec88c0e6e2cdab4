//! Repairs of a gateway's own session: how often its database is copied, and what a killed one leaves.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use wakeeper_doctor::Subject;
use wakeeper_doctor::address::Address;
use wakeeper_doctor::restore::What;
use wakeeper_doctor::transfer;
use wakeeper_engine_store::recover::Backups;
use wakeeper_engine_store::{Copies, DATABASE};
use wakeeper_model::{Clock, SessionName};
use wakeeper_storage::{ROWS_DATABASE, open_sqlite};

use super::*;

mod left;
mod unknown;

use crate::under_way::NOTE;
use crate::{health, repair, session_folder};
use wakeeper_engine::folder::generation;

const NOW_MS: i64 = 1_893_456_000_000;

/// A stopped gateway's folder with one linked session.
struct Scene {
    _data: tempfile::TempDir,
    paths: SessionPaths,
    places: generation::Places,
}

impl Scene {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let auth_info = data.path().join("auth_info");
        let session = SessionName::default_session();
        let folder = session_folder(&auth_info, &session);
        std::fs::create_dir_all(&folder).unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys7");
        let linked = transfer::read(&fixture, &Options::at(NOW_MS)).unwrap().session;
        wakeeper_engine_store::write(&linked, &folder, NOW_MS).await.unwrap();
        let rows = auth_info.join(ROWS_DATABASE);
        let places = generation::Places { session, folder, rows, witnesses: None };
        let paths = SessionPaths {
            home: auth_info.clone(),
            auth_info,
            store: data.path().join("baileys_store.json"),
            backups: Backups {
                shelf: data.path().join("backups"),
                label: "web".to_owned(),
                passphrase: None,
            },
            witnesses: None,
            is_copy: false,
            command: Arc::new(str::to_owned),
            clock: Clock::from_fn(|| NOW_MS),
            copies: Copies::default(),
        };
        let scene = Self { _data: data, paths, places };
        scene.run_once().await;
        scene
    }

    /// A gateway starts and stops.
    async fn run_once(&self) {
        let storage = open_sqlite(&self.places.rows).await.unwrap();
        let ownership = storage.acquire("default").await.unwrap();
        let (reader, rows) = (storage.as_ref(), &ownership.rows());
        let begun = generation::begin_linked(&self.places, reader, rows, NOW_MS).await.unwrap();
        begun.run.unwrap().end(reader, rows).await.unwrap();
        storage.close().await;
    }

    fn database(&self) -> PathBuf {
        self.places.folder.join(DATABASE)
    }

    /// The devices on the list of those who have our sender key of a group.
    async fn told(&self, group: &str) -> Vec<String> {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database()).read_only(true);
        let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
        let listed = "SELECT device_jid FROM sender_key_devices WHERE group_jid = ? ORDER BY device_jid";
        sqlx::query_scalar(listed).bind(group).fetch_all(&mut connection).await.unwrap()
    }

    /// One more device is on it.
    async fn tell(&self, group: &str, device: &str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database());
        let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
        let put = "INSERT INTO sender_key_devices (group_jid, device_jid, has_key, device_id, updated_at) \
                   SELECT group_jid, ?, has_key, device_id, updated_at FROM sender_key_devices WHERE group_jid = ? LIMIT 1";
        sqlx::query(put).bind(device).bind(group).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
    }

    /// The ratchets that could still be given up.
    async fn ratchets(&self) -> BTreeSet<Subject> {
        let options = Options::at(NOW_MS);
        let examined =
            wakeeper_engine_store::examine(&self.database(), &options, &Copies::default()).await.unwrap();
        examined.plan(Extent::Ratchets, NOW_MS).rows
    }

    async fn clean(&self, hook: Hook<'_>) -> Result<Outcome, OfflineError> {
        let order = order(Extent::Ratchets, false);
        repair_own(&self.database(), &self.paths, &KnownFacts::default(), order, hook).await
    }

    fn note(&self) -> PathBuf {
        self.places.folder.join(NOTE)
    }

    /// A repair is killed when its note is written.
    async fn begin_and_stop(&self) {
        self.clean(&mut stopping_after(2)).await.unwrap_err();
        assert!(self.note().exists());
    }

    async fn doubts(&self) -> Option<String> {
        older(&self.paths.auth_info, &self.places.session, None).await.doubts
    }

    async fn codes(&self) -> Vec<&'static str> {
        let looked = look(&self.database(), &self.paths, &KnownFacts::default()).await.unwrap();
        looked.report.findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    /// How many copies of databases some work makes.
    async fn copies<T>(&self, work: impl Future<Output = Result<T, OfflineError>>) -> usize {
        let before = self.paths.copies.made();
        work.await.unwrap();
        self.paths.copies.made() - before
    }
}

fn order(extent: Extent, dry_run: bool) -> RepairOrder {
    RepairOrder {
        extent,
        dry_run,
        hold: Hold::ByRepair { assume_stopped: true },
        approve: Arc::new(|_| true),
    }
}

/// Lets so many changes on disk pass; then the machine stops.
fn stopping_after(mut left: usize) -> impl FnMut() -> std::io::Result<()> + Send {
    move || {
        left = left.checked_sub(1).ok_or_else(|| std::io::Error::other("the machine stops"))?;
        Ok(())
    }
}

#[tokio::test]
async fn a_repair_that_is_killed_anywhere_is_settled_by_the_next_one() {
    let (mut kept, mut gone, mut told) = (0, 0, 0);
    for stop in 0.. {
        let scene = Scene::new().await;
        let before = scene.ratchets().await;
        assert!(before.len() > 3, "{before:?}");
        if scene.clean(&mut stopping_after(stop)).await.is_ok() {
            assert!(stop > 8, "the hook is called at every change");
            break;
        }
        let after = scene.ratchets().await;
        assert!(after == before || after.is_empty(), "stopped at {stop}: {after:?}");
        kept += usize::from(after == before);
        gone += usize::from(after.is_empty());
        let codes = scene.codes().await;
        // Once the session's own note tells of the change, all is done but the removal of this one.
        let is_told = codes.contains(&"repair_unfinished");
        assert!(scene.note().exists() || !is_told, "stopped at {stop}");
        told += usize::from(is_told);
        assert!(!codes.contains(&"older_copy"), "stopped at {stop}: the repair itself changed it");
        // The next run may be stopped as well.
        let _ = scene.clean(&mut stopping_after(stop % 3)).await;
        let outcome = scene.clean(&mut || Ok(())).await.unwrap();
        assert!(outcome.login_kept && outcome.healthy, "stopped at {stop}: {:#?}", outcome.remaining);
        assert!(scene.ratchets().await.is_empty(), "stopped at {stop}");
        assert!(!scene.note().exists(), "stopped at {stop}");
        assert_eq!(
            scene.doubts().await,
            None,
            "stopped at {stop}: the next start takes it for an older copy"
        );
    }
    assert!(kept > 3 && gone > 2 && told > 5, "{kept} {gone} {told}");
}

#[tokio::test]
async fn what_a_gateway_left_since_is_not_settled() {
    let scene = Scene::new().await;
    scene.begin_and_stop().await;
    assert!(scene.codes().await.contains(&"repair_unfinished"));
    scene.run_once().await;
    assert!(!scene.codes().await.contains(&"repair_unfinished"));
    let outcome = scene.clean(&mut || Ok(())).await.unwrap();
    assert!(outcome.notes.is_empty(), "{:?}", outcome.notes);
    assert!(!scene.note().exists());
}

#[tokio::test]
async fn a_database_that_changed_since_it_was_backed_up_is_left_alone() {
    let scene = Scene::new().await;
    let before = scene.ratchets().await;
    let database = scene.database();
    let touched = Arc::new(AtomicBool::new(false));
    let seen = touched.clone();
    let approve = move |_: &Outcome| {
        let file = std::fs::File::options().append(true).open(&database).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        seen.store(true, Ordering::Relaxed);
        true
    };
    let order = RepairOrder { approve: Arc::new(approve), ..order(Extent::Ratchets, false) };
    let facts = KnownFacts::default();
    let refused = repair_own(&scene.database(), &scene.paths, &facts, order, &mut || Ok(())).await;
    assert!(matches!(refused, Err(OfflineError::Store(NativeError::Changed { .. }))), "{refused:?}");
    assert!(touched.load(Ordering::Relaxed));
    assert_eq!(scene.ratchets().await, before);
}

#[tokio::test]
async fn health_copies_a_database_once_and_clean_twice() {
    let scene = Scene::new().await;
    let progress: crate::Progress = Arc::new(|_, _| {});
    let (paths, plain) = (&scene.paths, KnownFacts::default());
    let told = KnownFacts {
        peers: vec![Address::from_jid("6281100000002@s.whatsapp.net").unwrap()],
        ..KnownFacts::default()
    };
    assert_eq!(scene.copies(health(paths, &plain, progress.clone())).await, 1);
    for extent in [Extent::Damaged, Extent::Stale, Extent::Ratchets] {
        assert_eq!(scene.copies(repair(paths, &told, order(extent, true), progress.clone())).await, 1);
    }
    assert_eq!(scene.copies(repair(paths, &told, order(Extent::Damaged, false), progress.clone())).await, 2);
    // With a backup there is more to be told.
    let told = told.with_backups(&paths.backups.shelf, &paths.backups.label, None);
    assert!(told.reached.is_some());
    assert_eq!(scene.copies(health(paths, &told, progress.clone())).await, 1);
    let ratchets = order(Extent::Ratchets, false);
    assert_eq!(scene.copies(repair(paths, &told, ratchets, progress.clone())).await, 2);
    assert!(scene.ratchets().await.is_empty());
    assert_eq!(scene.copies(repair(paths, &plain, order(Extent::Damaged, false), progress)).await, 1);
}

/// Our own sender key of the fixture's group and who was told it, and nothing else.
#[tokio::test]
async fn one_group_is_reset_by_itself_and_a_contact_is_told_its_sender_key_again() {
    const GROUP: &str = "120363000000000001@g.us";
    let progress: crate::Progress = Arc::new(|_, _| {});
    let is_key = |subject: &Subject| matches!(subject, Subject::SenderKey(name) if name.group == GROUP);
    let is_list = |subject: &Subject| *subject == Subject::SenderKeyMemory(GROUP.to_owned());
    let group = KnownFacts { groups: vec![GROUP.to_owned()], ..KnownFacts::default() };
    let peer = Address::from_jid("6281100000002@s.whatsapp.net").unwrap();
    let contact = KnownFacts { peers: vec![peer.clone()], ..KnownFacts::default() };
    for (facts, keys_left) in [(group, 0), (contact, 1)] {
        let scene = Scene::new().await;
        scene.tell(GROUP, "6281100000009:3@s.whatsapp.net").await;
        let before = scene.ratchets().await;
        let told = scene.told(GROUP).await;
        let is_the_contacts = |jid: &String| jid.starts_with("6281100000002");
        assert!(before.iter().any(is_key) && told.iter().any(is_the_contacts));
        let done =
            repair(&scene.paths, &facts, order(Extent::Damaged, false), progress.clone()).await.unwrap();
        assert!(done.applied && done.healthy && done.login_kept, "{done:?}");
        let after = scene.ratchets().await;
        assert_eq!(after.iter().filter(|s| is_key(s)).count(), keys_left);
        // A key that is gone is told to all members anew; one that stays only to the contact.
        let others = told.into_iter().filter(|jid| keys_left > 0 && !is_the_contacts(jid));
        assert_eq!(scene.told(GROUP).await, others.collect::<Vec<_>>(), "{done:?}");
        let others = |all: &BTreeSet<Subject>| {
            let kept = all.iter().filter(|s| !is_key(s) && !is_list(s) && s.peer() != Some(&peer));
            kept.cloned().collect::<Vec<_>>()
        };
        assert_eq!(others(&after), others(&before));
    }
}

#[tokio::test]
async fn a_running_gateway_is_in_the_way_only_of_what_must_be_changed() {
    let scene = Scene::new().await;
    let gateway = wakeeper_engine::Lock::on_folder(&scene.paths.auth_info).unwrap();
    let progress: crate::Progress = Arc::new(|_, _| {});
    let (paths, facts) = (&scene.paths, KnownFacts::default());
    let nothing = repair(paths, &facts, order(Extent::Damaged, false), progress.clone()).await.unwrap();
    assert!(nothing.plan.is_empty() && nothing.healthy);
    let planned = repair(paths, &facts, order(Extent::Ratchets, true), progress.clone()).await.unwrap();
    assert!(!planned.plan.is_empty());
    let before = scene.ratchets().await;
    let refused = repair(paths, &facts, order(Extent::Ratchets, false), progress.clone()).await;
    assert!(matches!(refused, Err(OfflineError::InUse(_))), "{refused:?}");
    assert_eq!(scene.ratchets().await, before);
    drop(gateway);
    let done = repair(paths, &facts, order(Extent::Ratchets, false), progress).await.unwrap();
    assert!(done.applied);
}
