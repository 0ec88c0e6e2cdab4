//! What is moved into a gateway's folder, and what is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::formats::baileys::name::MOVED_MARKER;
use wakeeper_engine::{EngineError, Lock, TakeOver};
use wakeeper_engine_store::recover::Backups;
use wakeeper_engine_store::{DATABASE, move_notes};
use wakeeper_model::SessionName;
use wakeeper_storage::Storage;

use super::{FirstStart, ImportOrder, Imported, MoveError, import, known, open_rows};

mod whatsmeow;
#[path = "../../../../tests/src/whatsmeow_store.rs"]
mod whatsmeow_store;

const NOW_MS: i64 = 1_893_456_000_000;

struct Scene {
    root: tempfile::TempDir,
    auth_info: PathBuf,
    lock: Lock,
    rows: Arc<dyn Storage>,
}

impl Scene {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let auth_info = root.path().join("auth_info");
        std::fs::create_dir(&auth_info).unwrap();
        let lock = Lock::on_folder(&auth_info).unwrap();
        let rows = open_rows(&auth_info).await.unwrap();
        Self { root, auth_info, lock, rows }
    }

    fn session(&self, name: &str) -> PathBuf {
        self.auth_info.join("sessions").join(name)
    }

    async fn import(&self, source: &Path, session: &str) -> Result<Imported, MoveError> {
        let order = ImportOrder {
            device: None,
            source: source.to_owned(),
            store: None,
            session: session.parse().unwrap(),
            auth_info_dir: self.auth_info.clone(),
            backup: None,
            now_ms: NOW_MS,
        };
        import(order, &self.lock, &self.rows).await
    }

    /// As the gateway does when it starts.
    async fn start(&self) -> Result<(), EngineError> {
        let shelf = self.root.path().join("session_backups");
        let backup = Backups { shelf, label: "auth_info".to_owned(), passphrase: None };
        let first_start = FirstStart { store: None, backup };
        first_start.take_over(&self.auth_info, &self.lock, &self.rows, NOW_MS).await?;
        Ok(move_notes::settle(&self.session("default"), &SessionName::default_session())?)
    }

    fn aside(&self, session: &str) -> Vec<String> {
        let items = std::fs::read_dir(self.session(session)).unwrap();
        let names = items.map(|item| item.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("damaged-")).collect()
    }
}

/// Baileys' files of one login.
fn baileys(folder: &Path) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys7");
    std::fs::create_dir_all(folder).unwrap();
    for item in std::fs::read_dir(fixture).unwrap() {
        let item = item.unwrap();
        std::fs::copy(item.path(), folder.join(item.file_name())).unwrap();
    }
}

/// A folder with the store of another wakeeper.
async fn foreign(folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys7");
    let session = wakeeper_doctor::transfer::read(&fixture, &Options::at(NOW_MS)).unwrap().session;
    wakeeper_engine_store::write(&session, folder, NOW_MS).await.unwrap().database
}

fn names(folder: &Path) -> Vec<String> {
    let items = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_foreign_store_is_read_from_a_copy_and_only_marked() {
    let scene = Scene::new().await;
    let source = scene.root.path().join("e1");
    let database = foreign(&source).await;
    let (before, was) = (std::fs::read(&database).unwrap(), names(&source));
    // A link in the place of a lock that nobody takes there.
    let victim = scene.root.path().join("victim");
    std::fs::write(&victim, "somebody's").unwrap();
    std::os::unix::fs::symlink(&victim, source.join("session.lock")).unwrap();
    scene.import(&source, "default").await.unwrap();
    std::fs::remove_file(source.join("session.lock")).unwrap();
    assert_eq!(std::fs::read(&database).unwrap(), before);
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "somebody's");
    let mut expected = was;
    expected.push(MOVED_MARKER.to_owned());
    expected.sort();
    assert_eq!(names(&source), expected);
}

#[tokio::test]
async fn a_foreign_store_that_is_none_is_refused_and_stays() {
    let scene = Scene::new().await;
    let [owner, link, planted, huge] =
        ["owner", "link", "planted", "huge"].map(|name| scene.root.path().join(name));
    let database = foreign(&owner).await;
    std::fs::create_dir(&link).unwrap();
    std::os::unix::fs::symlink(&database, link.join(DATABASE)).unwrap();
    let planted_in = foreign(&planted).await;
    let mut connection = SqliteConnectOptions::new().filename(&planted_in).connect().await.unwrap();
    sqlx::query("CREATE VIEW planted AS SELECT 1").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    std::fs::create_dir(&huge).unwrap();
    std::fs::File::create(huge.join(DATABASE)).unwrap().set_len(1 << 40).unwrap();
    for (source, why) in [(link, "symbolic link"), (planted, "view planted"), (huge, "more than the limit")] {
        let refused = scene.import(&source, "default").await.unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
        assert!(!source.join(MOVED_MARKER).exists());
        assert!(!scene.session("default").join(DATABASE).exists());
    }
}

#[tokio::test]
async fn one_login_never_becomes_two_sessions() {
    let scene = Scene::new().await;
    let (first, second) = (scene.root.path().join("first"), scene.root.path().join("second"));
    baileys(&first);
    baileys(&second);
    scene.import(&first, "shop").await.unwrap();
    let refused = scene.import(&second, "default").await.unwrap_err();
    assert!(matches!(&refused, MoveError::Twice { other, .. } if other.as_str() == "shop"), "{refused}");
    assert!(second.join("creds.json").exists(), "it is not given up");
    // A copy in the gateway's own folder is no session to take over either.
    baileys(&scene.auth_info);
    scene.start().await.unwrap();
    assert!(scene.auth_info.join("creds.json").exists());
    assert!(!scene.session("default").join(DATABASE).exists());
    // One that is damaged makes room for its own login, and for no other.
    let database = scene.session("shop").join(DATABASE);
    std::fs::write(&database, "x".repeat(5000)).unwrap();
    scene.import(&second, "shop").await.unwrap();
    assert_eq!(scene.aside("shop").len(), 1);
}

#[tokio::test]
async fn a_damaged_database_makes_room_at_the_first_start() {
    let scene = Scene::new().await;
    baileys(&scene.auth_info);
    scene.start().await.unwrap();
    assert!(known(&scene.auth_info).await.iter().any(|known| known.session.as_str() == "default"));
    let database = scene.session("default").join(DATABASE);
    std::fs::write(&database, "x".repeat(5000)).unwrap();
    // The marker of the first move lies there still.
    std::fs::rename(scene.auth_info.join("creds.json.moved"), scene.auth_info.join("creds.json")).unwrap();
    scene.start().await.unwrap();
    assert!(!scene.auth_info.join("creds.json").exists());
    assert_eq!(scene.aside("default").len(), 1);
    assert!(wakeeper_engine_store::read(&database, NOW_MS).await.is_ok());
    // The same once more: now it is a copy of what runs.
    std::fs::rename(scene.auth_info.join("creds.json.moved"), scene.auth_info.join("creds.json")).unwrap();
    scene.start().await.unwrap();
    assert!(scene.auth_info.join("creds.json").exists(), "left alone");
}

#[tokio::test]
async fn a_take_over_that_fails_is_the_sessions_matter_alone() {
    let scene = Scene::new().await;
    baileys(&scene.auth_info);
    std::fs::create_dir(scene.auth_info.join(".wakeeper-repair")).unwrap();
    for _ in 0..2 {
        let refused = scene.start().await.unwrap_err();
        assert!(matches!(refused, EngineError::FirstStart { .. }), "{refused}");
        assert!(refused.to_string().contains("interrupted"), "{refused}");
    }
    std::fs::rename(scene.auth_info.join("creds.json"), scene.root.path().join("away")).unwrap();
    move_notes::settle(&scene.session("default"), &SessionName::default_session()).unwrap();
    std::fs::rename(scene.root.path().join("away"), scene.auth_info.join("creds.json")).unwrap();
    std::fs::remove_dir(scene.auth_info.join(".wakeeper-repair")).unwrap();
    scene.start().await.unwrap();
    assert!(scene.session("default").join(DATABASE).exists());
}
