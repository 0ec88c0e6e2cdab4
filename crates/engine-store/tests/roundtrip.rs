//! What real Baileys wrote goes into the client's store and comes back.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::model::{Leftovers, Session};
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::transfer;
use wakeeper_doctor::{Report, Subject};
use wakeeper_engine_store::repair::remove;
use wakeeper_engine_store::{Copies, Copying, DATABASE, NativeError};

const NOW_MS: i64 = 1_893_456_000_000;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures").join(name)
}

async fn examine(database: &Path, options: &Options<'_>) -> Report {
    wakeeper_engine_store::examine(database, options, &Copies::default()).await.unwrap().report
}

/// The rows that a plan takes out.
async fn unwanted(database: &Path) -> BTreeSet<Subject> {
    let options = Options::at(NOW_MS);
    let examined = wakeeper_engine_store::examine(database, &options, &Copies::default()).await.unwrap();
    examined.plan(Extent::Damaged, NOW_MS).rows
}

fn baileys(name: &str) -> Session {
    transfer::read(&fixture(name), &Options::at(NOW_MS)).unwrap().session
}

async fn through_the_store(session: &Session) -> Session {
    let folder = tempfile::tempdir().unwrap();
    let written = wakeeper_engine_store::write(session, folder.path(), NOW_MS).await.unwrap();
    assert!(written.left_out.is_empty(), "{:?}", written.left_out);
    let reading = wakeeper_engine_store::read(&folder.path().join(DATABASE), NOW_MS).await.unwrap();
    assert!(reading.left_out.is_empty(), "{:?}", reading.left_out);
    reading.session
}

/// What a store does not keep: when Signal sessions were made, used and closed, and who began an answered one. What it
/// fills in: identities, from the open sessions.
fn comparable(session: &Session) -> Session {
    let mut session = session.clone();
    session.unite_addresses();
    for record in session.signal_sessions.values_mut() {
        record.sessions.sort_by_key(|session| session.used);
        for (rank, session) in record.sessions.iter_mut().enumerate() {
            (session.used, session.created) = (0, 0);
            session.closed = session.closed.map(|_| i64::try_from(rank).unwrap());
            if session.pending.is_none() {
                session.base_key_owner = wakeeper_doctor::model::BaseKeyOwner::Theirs;
            }
            // The sending chain comes first there; -1 and 0 mean the same.
            session.chains.sort_by_key(|chain| chain.kind != wakeeper_doctor::model::ChainKind::Sending);
            session.previous_counter = session.previous_counter.max(0);
            if session.chains.len() == 1 {
                session.last_remote = session.base_key;
            }
        }
    }
    for key in session.sender_keys.values_mut() {
        for state in key.states.iter_mut().filter(|state| state.signing_private.is_some()) {
            state.message_keys.clear();
        }
    }
    session.identities.clear();
    let me = &session.credentials.me;
    session.lid_mappings.insert(me.phone.user.clone(), me.lid.clone().unwrap().user);
    session.credentials.leftovers = Leftovers::default();
    session.credentials.pairing = None;
    session.credentials.platform = None;
    session.credentials.props_hash = None;
    session
}

#[tokio::test]
async fn nothing_is_lost_on_the_way_through_the_store() {
    for name in ["baileys6", "baileys7"] {
        let before = baileys(name);
        let after = through_the_store(&before).await;
        assert_eq!(after.counts().skipped_message_keys, before.counts().skipped_message_keys, "{name}");
        let (before, after) = (comparable(&before), comparable(&after));
        assert_eq!(after.signal_sessions, before.signal_sessions, "{name}");
        assert_eq!(after, before, "{name}");
    }
}

#[tokio::test]
async fn files_without_times_come_back_byte_for_byte() {
    for (name, version) in [("baileys6", Version::V6), ("baileys7", Version::V7)] {
        let after = transfer::write(&through_the_store(&baileys(name)).await, version);
        let mut compared: BTreeMap<String, usize> = BTreeMap::new();
        for item in std::fs::read_dir(fixture(name)).unwrap() {
            let item = item.unwrap();
            let file = item.file_name().into_string().unwrap();
            // Kept by the store in another order, without times, or not at all.
            let own_sender_key = file.ends_with("--12.json") && file.starts_with("sender-key-1");
            let lost = version == Version::V6 && file.starts_with("sender-key-1");
            if file.starts_with("session-") || file == "creds.json" || own_sender_key || lost {
                continue;
            }
            let before = std::fs::read(item.path()).unwrap();
            let written = after.get(&file).unwrap_or_else(|| panic!("{file} did not come back"));
            if file.starts_with("sender-key-memory-") {
                let order = |text: &[u8]| {
                    let mut parts: Vec<_> = text.split(|byte| *byte == b',').map(<[u8]>::len).collect();
                    parts.sort_unstable();
                    parts
                };
                assert_eq!(order(written), order(&before), "{file}");
            } else {
                assert_eq!(String::from_utf8_lossy(written), String::from_utf8_lossy(&before), "{file}");
            }
            *compared.entry(file.split('-').next().unwrap().to_owned()).or_default() += 1;
        }
        assert!(compared["pre"] == 11 && compared["app"] == 2, "{compared:?}");
    }
}

#[tokio::test]
async fn a_session_is_never_written_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let session = baileys("baileys7");
    wakeeper_engine_store::write(&session, folder.path(), NOW_MS).await.unwrap();
    let mode = std::fs::metadata(folder.path().join(DATABASE)).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    let again = wakeeper_engine_store::write(&session, folder.path(), NOW_MS).await.unwrap_err();
    assert!(matches!(again, NativeError::Exists { .. }), "{again}");
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|item| item.unwrap().file_name()).collect();
    assert_eq!(names, [DATABASE], "nothing else is left behind");
}

#[tokio::test]
async fn an_empty_store_holds_no_login() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(DATABASE);
    std::fs::write(&path, "").unwrap();
    let refused = wakeeper_engine_store::read(&path, NOW_MS).await.unwrap_err();
    assert!(matches!(refused, NativeError::NoLogin { .. }), "{refused}");
}

#[tokio::test]
async fn an_imported_session_is_healthy_and_damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE);
    let options = Options::at(NOW_MS);
    wakeeper_engine_store::write(&baileys("baileys7"), folder.path(), NOW_MS).await.unwrap();
    let before = std::fs::read(&database).unwrap();
    let report = examine(&database, &options).await;
    assert!(report.healthy, "{:#?}", report.findings);
    assert_eq!(serde_json::to_value(report.format).unwrap(), "native");
    assert_eq!(report.credentials, wakeeper_doctor::examine::CredentialsState::Sound);
    assert_eq!((report.signal_sessions, report.findings.len()), (3, 0), "{:#?}", report.findings);
    assert_eq!(std::fs::read(&database).unwrap(), before, "examining never writes");

    // The login's identity is swapped for another one: its signatures no longer fit.
    let mut session = baileys("baileys7");
    session.credentials.identity = baileys("baileys6").credentials.identity;
    let other = tempfile::tempdir().unwrap();
    wakeeper_engine_store::write(&session, other.path(), NOW_MS).await.unwrap();
    let report = examine(&other.path().join(DATABASE), &options).await;
    assert!(!report.healthy);
    assert_eq!(report.credentials, wakeeper_doctor::examine::CredentialsState::Damaged);
    let codes: Vec<_> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&"account_signature"), "{codes:?}");

    // Pages of the database are overwritten.
    let mut torn = before.clone();
    let len = torn.len();
    torn[4096..len.min(40_960)].fill(0xaa);
    std::fs::write(&database, torn).unwrap();
    let report = examine(&database, &options).await;
    assert_eq!(report.findings[0].code.as_str(), "native_database_damaged", "{:#?}", report.findings);
    std::fs::write(&database, "no database at all").unwrap();
    let report = examine(&database, &options).await;
    assert!(!report.healthy && report.credentials == wakeeper_doctor::examine::CredentialsState::Damaged);
}

#[tokio::test]
async fn a_row_that_nobody_can_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE);
    wakeeper_engine_store::write(&baileys("baileys7"), folder.path(), NOW_MS).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(&database).connect().await.unwrap();
    let changed = sqlx::query("UPDATE sessions SET record = x'ffff' WHERE address LIKE '6281100000002%'")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(changed.rows_affected(), 1);
    connection.close().await.unwrap();
    let report = examine(&database, &Options::at(NOW_MS)).await;
    assert!(report.healthy && report.signal_sessions == 2, "{:#?}", report.findings);
    let codes: Vec<_> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["native_row_unreadable"]);
}

async fn change(database: &Path, statement: &'static str) -> u64 {
    let mut connection = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
    let changed = sqlx::query(statement).execute(&mut connection).await.unwrap().rows_affected();
    connection.close().await.unwrap();
    changed
}

async fn codes(database: &Path) -> Vec<&'static str> {
    let report = examine(database, &Options::at(NOW_MS)).await;
    report.findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[tokio::test]
async fn keys_that_are_gone_or_damaged_are_found_and_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE);
    wakeeper_engine_store::write(&baileys("baileys7"), folder.path(), NOW_MS).await.unwrap();
    assert!(unwanted(&database).await.is_empty());
    assert!(change(&database, "UPDATE sender_keys SET record = x'ffff'").await >= 1);
    let before = codes(&database).await;
    assert!(before.contains(&"native_own_sender_key"), "{before:?}");
    let rows = unwanted(&database).await;
    assert!(rows.iter().any(|row| matches!(row, Subject::SenderKey(_))), "{rows:?}");
    assert!(rows.iter().any(|row| matches!(row, Subject::SenderKeyMemory(_))), "{rows:?}");
    remove(&database, &rows, &mut || Ok(())).await.unwrap();
    assert!(!codes(&database).await.contains(&"native_own_sender_key"));

    assert!(change(&database, "DELETE FROM prekeys").await >= 1);
    let found = codes(&database).await;
    assert!(found.contains(&"native_pre_keys_missing"), "{found:?}");
}

#[tokio::test]
async fn a_lost_signed_pre_key_is_made_again_and_nothing_else_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE);
    wakeeper_engine_store::write(&baileys("baileys7"), folder.path(), NOW_MS).await.unwrap();
    assert!(wakeeper_engine_store::renew_signed_pre_key(&database).await.unwrap().is_none());
    for damage in [
        "UPDATE device SET signed_pre_key = x''",
        "UPDATE device SET signed_pre_key = randomblob(64)",
        "UPDATE device SET signed_pre_key_signature = x''",
        "UPDATE device SET signed_pre_key_signature = randomblob(64)",
    ] {
        assert_eq!(change(&database, damage).await, 1);
        assert!(wakeeper_engine_store::renew_signed_pre_key(&database).await.unwrap().is_some(), "{damage}");
        assert!(wakeeper_engine_store::renew_signed_pre_key(&database).await.unwrap().is_none(), "{damage}");
        assert!(codes(&database).await.iter().all(|code| !code.starts_with("signed_pre_key")), "{damage}");
    }
    // A damaged identity is the end of the login, and not for a new key to hide.
    assert_eq!(
        change(&database, "UPDATE device SET identity_key = randomblob(64), signed_pre_key = x''").await,
        1
    );
    assert!(wakeeper_engine_store::renew_signed_pre_key(&database).await.unwrap().is_none());
}

#[tokio::test]
async fn sender_keys_of_all_devices_of_an_account_share_a_record() {
    let mut session = baileys("baileys7");
    let (name, key) = session.sender_keys.iter().find(|(_, key)| !key.is_own()).unwrap();
    let (mut name, mut key) = (name.clone(), key.clone());
    name.sender.device = 7;
    key.states[0].id += 1;
    session.sender_keys.insert(name.clone(), key.clone());
    session.device_lists.insert(name.sender.user.clone(), vec![0, 7]);
    let after = through_the_store(&session).await;
    for device in [0, 7] {
        name.sender.device = device;
        let states = &after.sender_keys[&name].states;
        assert_eq!(states.len(), 2, "which of them is the device's own is not kept");
        assert!(states.iter().any(|state| *state == key.states[0]));
    }
    let again = through_the_store(&after).await;
    assert_eq!(again.sender_keys, after.sender_keys, "copies do not multiply");
}

#[tokio::test]
async fn a_copy_for_a_backup_is_a_sound_folder_and_equal_as_long_as_nobody_writes() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE);
    wakeeper_engine_store::write(&baileys("baileys7"), folder.path(), NOW_MS).await.unwrap();
    let files = |copied: &wakeeper_engine_store::Copied| -> BTreeMap<_, _> {
        let items = std::fs::read_dir(copied.folder()).unwrap().map(|item| item.unwrap().path());
        items.map(|path| (path.file_name().unwrap().to_owned(), std::fs::read(&path).unwrap())).collect()
    };
    let first = wakeeper_engine_store::copy_as_baileys(&database, Copying::ByHandle, &Copies::default())
        .await
        .unwrap();
    let report = wakeeper_doctor::examine(&first.folder(), &Options::at(NOW_MS)).unwrap();
    assert!(report.healthy && report.signal_sessions == 3, "{:#?}", report.findings);
    let again = wakeeper_engine_store::copy_as_baileys(&database, Copying::ByHandle, &Copies::default())
        .await
        .unwrap();
    let (before, after) = (files(&first), files(&again));
    assert!(before == after, "they differ");
    let read = transfer::read(&first.folder(), &Options::at(NOW_MS)).unwrap().session;
    assert_eq!(comparable(&read).signal_sessions, comparable(&baileys("baileys7")).signal_sessions);
    let place = first.folder();
    drop(first);
    assert!(!place.exists(), "keys were left in a temporary folder");

    // Pages of the database are overwritten: what is damaged is not kept as a backup.
    let mut torn = std::fs::read(&database).unwrap();
    let len = torn.len();
    torn[4096..len.min(40_960)].fill(0xaa);
    std::fs::write(&database, torn).unwrap();
    let refused = wakeeper_engine_store::copy_as_baileys(&database, Copying::ByHandle, &Copies::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains(DATABASE), "{refused}");
}

#[tokio::test]
async fn rows_are_taken_out_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let before = baileys("baileys7");
    wakeeper_engine_store::write(&before, folder.path(), NOW_MS).await.unwrap();
    let database = folder.path().join(DATABASE);
    let whole = wakeeper_engine_store::read(&database, NOW_MS).await.unwrap().session;
    let own = whole.sender_keys.iter().find(|(_, key)| key.is_own()).map(|(name, _)| name.clone()).unwrap();
    let peer = whole.signal_sessions.keys().next().unwrap().clone();
    let pre_key = *whole.pre_keys.keys().next().unwrap();
    let rows = BTreeSet::from([
        Subject::SenderKey(own.clone()),
        Subject::SenderKeyMemory(own.group.clone()),
        Subject::PreKey(pre_key),
        Subject::SignalSession(peer.clone()),
        // The login is no row that may go.
        Subject::Credentials,
    ]);
    remove(&database, &rows, &mut || Ok(())).await.unwrap();
    let mut expected = whole.clone();
    expected.sender_keys.remove(&own);
    expected.sender_key_memory.remove(&own.group);
    expected.pre_keys.remove(&pre_key);
    expected.signal_sessions.remove(&peer);
    let after = wakeeper_engine_store::read(&database, NOW_MS).await.unwrap().session;
    assert!(after == expected, "something else went, or stayed");
    let all = whole.pre_keys.keys().map(|id| Subject::PreKey(*id)).collect();
    let page = 4096;
    remove(&database, &all, &mut || Ok(())).await.unwrap();
    let freed = remove(&database, &BTreeSet::new(), &mut || Ok(())).await.unwrap();
    assert!(freed < page, "nothing is left to give back: {freed}");
}

/// What cannot be looked at now, or by this version, is not called damaged: `clean` would replace it.
#[tokio::test]
async fn only_what_sqlite_finds_broken_is_to_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE);
    wakeeper_engine_store::write(&baileys("baileys7"), folder.path(), NOW_MS).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(&database).connect().await.unwrap();
    for sql in ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    // Whoever holds it locked holds nobody up: it is copied.
    let busy = examine(&database, &Options::at(NOW_MS)).await;
    assert!(busy.healthy, "{busy:#?}");
    for sql in ["ROLLBACK", "ALTER TABLE sessions RENAME TO sessions_of_a_newer_version"] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let report = examine(&database, &Options::at(NOW_MS)).await;
    assert_eq!(report.credentials, wakeeper_doctor::examine::CredentialsState::Damaged);
    assert!(!report.healthy && report.findings.iter().all(|f| !f.repair.is_automatic()), "{report:#?}");
}

/// Names of everything in a folder.
fn names(folder: &Path) -> Vec<String> {
    let items = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name());
    let mut names: Vec<_> = items.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// A database of a container is looked at in a folder that the container can write into.
#[tokio::test]
async fn examining_leaves_nothing_beside_the_database_and_reads_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE);
    wakeeper_engine_store::write(&baileys("baileys7"), folder.path(), NOW_MS).await.unwrap();
    let mut connection = SqliteConnectOptions::new().filename(&database).connect().await.unwrap();
    // Only the log holds the change; the process dies, so nobody moves it into the database.
    for sql in ["PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", "DELETE FROM sessions"] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    let other = tempfile::tempdir().unwrap();
    for name in [DATABASE, "engine.db-wal"] {
        std::fs::copy(folder.path().join(name), other.path().join(name)).unwrap();
    }
    let before = names(other.path());
    let report = examine(&other.path().join(DATABASE), &Options::at(NOW_MS)).await;
    assert_eq!((report.healthy, report.signal_sessions), (true, 0), "{report:#?}");
    wakeeper_engine_store::copy_as_baileys(
        &other.path().join(DATABASE),
        Copying::ByHandle,
        &Copies::default(),
    )
    .await
    .unwrap();
    assert_eq!(names(other.path()), before, "no -shm, no -journal");
}

#[tokio::test]
async fn what_is_no_regular_file_is_a_finding_and_is_not_opened() {
    let outside = tempfile::tempdir().unwrap();
    wakeeper_engine_store::write(&baileys("baileys7"), outside.path(), NOW_MS).await.unwrap();
    for kind in ["link", "pipe", "folder"] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join(DATABASE);
        match kind {
            "link" => std::os::unix::fs::symlink(outside.path().join(DATABASE), &database).unwrap(),
            "pipe" => {
                let made = std::process::Command::new("mkfifo").arg(&database).status().unwrap();
                assert!(made.success());
            }
            _ => std::fs::create_dir(&database).unwrap(),
        }
        assert_eq!(wakeeper_engine_store::database_in(folder.path()), Some(database.clone()), "{kind}");
        let report = examine(&database, &Options::at(NOW_MS)).await;
        let codes: Vec<_> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["file_not_regular"], "{kind}");
        assert_eq!(report.credentials, wakeeper_doctor::examine::CredentialsState::Damaged);
        assert!(report.findings.iter().all(|finding| !finding.repair.is_automatic()));
        let refused =
            wakeeper_engine_store::copy_as_baileys(&database, Copying::ByHandle, &Copies::default())
                .await
                .unwrap_err();
        assert!(refused.to_string().contains("instead of a file"), "{kind}: {refused}");
    }
    assert_eq!(names(outside.path()), [DATABASE], "nothing was made beside what a link leads to");
}

/// The log may be the link as well.
#[tokio::test]
async fn a_log_that_is_a_link_is_not_followed() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    wakeeper_engine_store::write(&baileys("baileys7"), folder.path(), NOW_MS).await.unwrap();
    std::fs::write(outside.path().join("secret"), "of another").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("engine.db-wal")).unwrap();
    let report = examine(&folder.path().join(DATABASE), &Options::at(NOW_MS)).await;
    assert!(report.healthy, "{report:#?}");
    assert_eq!(std::fs::read_to_string(outside.path().join("secret")).unwrap(), "of another");
}

#[tokio::test]
async fn a_schema_that_runs_something_is_a_finding() {
    for sql in [
        "CREATE TRIGGER evil AFTER DELETE ON sessions BEGIN DELETE FROM identities; END",
        "CREATE VIEW evil AS SELECT load_extension('x')",
        "CREATE VIRTUAL TABLE evil USING fts5(x)",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join(DATABASE);
        wakeeper_engine_store::write(&baileys("baileys7"), folder.path(), NOW_MS).await.unwrap();
        let mut connection = SqliteConnectOptions::new().filename(&database).connect().await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let report = examine(&database, &Options::at(NOW_MS)).await;
        assert_eq!(report.findings[0].code.as_str(), "native_database_damaged", "{sql}: {report:#?}");
        assert!(report.findings[0].evidence.contains("evil"), "{:?}", report.findings[0]);
    }
}

#[tokio::test]
async fn a_database_of_a_terabyte_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(DATABASE);
    std::fs::File::create(&database).unwrap().set_len(1 << 40).unwrap();
    let refused = wakeeper_engine_store::examine(&database, &Options::at(NOW_MS), &Copies::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("more than the limit"), "{refused}");
}
