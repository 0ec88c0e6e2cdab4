//! What is moved out of a store of whatsmeow, at whichever point it is cut short.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::whatsmeow::{Store, StoreError, hand_over};
use wakeeper_engine_store::move_notes::{Pending, settle};
use wakeeper_engine_store::recover::Backups;
use wakeeper_engine_store::{Condition, DATABASE, condition};
use wakeeper_model::SessionName;

use super::{NOW_MS, Scene, names, whatsmeow_store as fill};
use crate::transfer::{ImportOrder, Imported, MoveError, SourceFormat, import};

impl Scene {
    async fn import_store(&self, store: &Path, device: Option<&str>) -> Result<Imported, MoveError> {
        let shelf = self.root.path().join("session_backups");
        let order = ImportOrder {
            device: device.map(str::to_owned),
            source: store.to_owned(),
            store: None,
            session: SessionName::default_session(),
            auth_info_dir: self.auth_info.clone(),
            backup: Some(Backups { shelf, label: "whatsapp".to_owned(), passphrase: None }),
            now_ms: NOW_MS,
        };
        import(order, &self.lock, &self.rows).await
    }

    fn store(&self) -> PathBuf {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys7");
        let session = wakeeper_doctor::transfer::read(&fixture, &Options::at(NOW_MS)).unwrap().session;
        let folder = self.root.path().join("storages");
        std::fs::create_dir(&folder).unwrap();
        fill::store_of(&folder, &session)
    }
}

fn jids(store: &Path) -> Vec<String> {
    Store::open(store).unwrap().jids().unwrap()
}

#[tokio::test]
async fn a_device_of_a_store_becomes_a_session_and_leaves_the_store() {
    let scene = Scene::new().await;
    let store = scene.store();
    let before = hand_over(&store, None, NOW_MS).unwrap().session;
    let imported = scene.import_store(&store, None).await.unwrap();
    assert_eq!(imported.format, SourceFormat::Whatsmeow);
    assert_eq!(imported.left_out, []);
    assert!(imported.backup.is_some_and(|backup| backup.exists()));
    assert_eq!(jids(&store), [""; 0]);
    let read = wakeeper_engine_store::read(&scene.session("default").join(DATABASE), NOW_MS).await.unwrap();
    let now = read.session;
    assert_eq!(now.credentials.identity, before.credentials.identity);
    assert_eq!(now.credentials.account, before.credentials.account);
    assert_eq!(now.signal_sessions.len(), before.signal_sessions.len());
    assert_eq!(now.pre_keys, before.pre_keys);
    assert_eq!(now.sender_keys.len(), before.sender_keys.len());
    let again = scene.import_store(&store, None).await.unwrap_err();
    assert!(matches!(again, MoveError::Whatsmeow(StoreError::Moved { .. })), "{again}");
}

#[tokio::test]
async fn a_store_that_is_not_given_up_leaves_nothing_behind() {
    let scene = Scene::new().await;
    let store = scene.store();
    let refused = scene.import(&store, "default").await.unwrap_err();
    assert!(matches!(refused, MoveError::NoBackup), "{refused}");
    let user = Connection::open(&store).unwrap();
    user.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = scene.import_store(&store, None).await.unwrap_err();
    assert!(refused.to_string().contains("locked"), "{refused}");
    user.execute_batch("ROLLBACK").unwrap();
    assert_eq!(jids(&store).len(), 1);
    assert!(!names(&scene.session("default")).contains(&DATABASE.to_owned()));
    scene.import_store(&store, None).await.unwrap();
}

#[tokio::test]
async fn an_import_that_was_cut_short_is_finished_or_taken_back_by_what_the_store_says() {
    let scene = Scene::new().await;
    let store = scene.store();
    let (session, name) = (scene.session("default"), SessionName::default_session());
    let account = hand_over(&store, None, NOW_MS).unwrap().account();
    let note = Pending { source: store.clone(), account };
    // Killed before the store gave it up.
    std::fs::create_dir_all(&session).unwrap();
    std::fs::write(session.join(DATABASE), "half").unwrap();
    note.leave(&session).unwrap();
    settle(&session, &name).unwrap();
    assert!(matches!(condition(&session.join(DATABASE)).await.unwrap(), Condition::Missing));
    // Killed after it, before the note was gone.
    scene.import_store(&store, None).await.unwrap();
    note.leave(&session).unwrap();
    settle(&session, &name).unwrap();
    assert!(matches!(condition(&session.join(DATABASE)).await.unwrap(), Condition::Sound));
    // Nobody can tell any more: nothing is thrown away.
    note.leave(&session).unwrap();
    std::fs::write(&store, "no store").unwrap();
    settle(&session, &name).unwrap_err();
    assert!(session.join(DATABASE).exists());
}
