//! Stores of whatsmeow. The empty store is genuine; its rows are filled in by what whatsmeow's source says, from sessions of real
//! Baileys.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;
use wakeeper_doctor::backup::{self, CreateOptions, Created};
use wakeeper_doctor::examine::{CredentialsState, Format, Options};
use wakeeper_doctor::formats::whatsmeow::is_store;
use wakeeper_doctor::model::{Chain, ChainKind, Session};
use wakeeper_doctor::restore::{RestoreOptions, What, restore};
use wakeeper_doctor::whatsmeow::{self, Handover, Store, StoreError, store_at, was_given_up};
use wakeeper_doctor::{Severity, examine, transfer};

use crate::support::{NOW_MS, codes, contents, fixture_path};
use crate::whatsmeow_store as fill;

fn options() -> Options<'static> {
    Options::at(NOW_MS)
}

fn session(fixture: &str) -> Session {
    transfer::read(&fixture_path(fixture), &options()).unwrap().session
}

/// A store with the session of a fixture.
fn store(fixture: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = fill::store_of(dir.path(), &session(fixture));
    (dir, path)
}

fn change(store: &Path, sql: &str) {
    let connection = Connection::open(store).unwrap();
    connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
}

fn back_up(handover: &Handover, shelf: &Path) -> Created {
    let how = CreateOptions { shelf, label: "bot", passphrase: None, always: false };
    handover.back_up(&options(), &how).unwrap()
}

/// A session as it comes out of a store: seeds of late keys are derived, some order and times are not kept.
fn comparable(session: &Session) -> Vec<String> {
    let mut lines = vec![format!("{:?}", (&session.credentials.identity, &session.credentials.account))];
    for (address, record) in &session.signal_sessions {
        for one in &record.sessions {
            let chains = one.chains.iter().map(|chain: &Chain| {
                let mut late: Vec<u32> = chain.message_keys.iter().map(|(index, _)| *index).collect();
                late.extend(chain.derived_keys.iter().map(|keys| keys.index));
                late.sort_unstable();
                let key = chain.key.as_ref().map(|key| *key.expose()).filter(|key| *key != [0; 32]);
                format!("{:?} {:?} {} {key:?} {late:?}", chain.ratchet_key, chain.kind, chain.counter)
            });
            let mut chains: Vec<String> = chains.collect();
            chains.sort();
            let open = one.closed.is_none();
            let private = one.ratchet.private.expose();
            lines.push(format!("{address} {open} {:?} {private:?} {chains:?}", one.base_key));
            lines.push(format!("{:?} {:?} {}", one.root_key.expose(), one.pending, one.previous_counter));
        }
    }
    lines.push(format!("{:?}", session.sender_keys));
    lines.push(format!("{:?} {:?}", session.lid_mappings, session.app_state_keys));
    lines
}

#[test]
fn an_empty_store_waits_for_a_qr_code() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("whatsapp.db");
    fill::empty(&path);
    assert!(is_store(&path));
    assert_eq!(store_at(dir.path()).unwrap(), Some(path.clone()));
    let report = examine(&path, &options()).unwrap();
    assert_eq!((report.format, report.credentials), (Format::Whatsmeow, CredentialsState::Missing));
    assert!(report.healthy && report.findings.is_empty());
    let error = whatsmeow::hand_over(&path, None, NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::NoDevice { .. }), "{error}");
}

#[test]
fn a_store_is_judged_like_any_session_and_nothing_in_it_changes() {
    for fixture in ["baileys6", "baileys7"] {
        let (dir, path) = store(fixture);
        let before = contents(dir.path());
        let report = examine(&path, &options()).unwrap();
        assert_eq!(codes(&report, Severity::Error), [""; 0], "{:?}", report.findings);
        assert_eq!(codes(&report, Severity::Warning), [""; 0], "{:?}", report.findings);
        assert_eq!((report.credentials, report.signal_sessions), (CredentialsState::Sound, 3));
        assert_eq!(contents(dir.path()), before, "an examination wrote something");
    }
}

#[test]
fn what_was_filled_in_comes_out_again() {
    for fixture in ["baileys6", "baileys7"] {
        let (_dir, path) = store(fixture);
        let handover = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
        assert_eq!(handover.left_out, []);
        let (mut before, now) = (session(fixture), handover.session);
        before.device_lists.clear();
        assert_eq!(comparable(&now), comparable(&before), "{fixture}");
        assert_eq!(now.counts().skipped_message_keys, before.counts().skipped_message_keys);
        assert_eq!(now.credentials.next_pre_key_id, now.pre_keys.keys().max().unwrap() + 1);
        assert_eq!(now.app_state_versions.len(), before.app_state_versions.len());
    }
}

/// Go's libsignal tries the open session first on a late message, keeps what the attempt did to it, and opens the archived one
/// that could read it: the spoilt one is archived then.
#[test]
fn a_spoilt_archived_session_is_told_and_stays_behind() {
    let mut whole = session("baileys7");
    let record = whole.signal_sessions.values_mut().find(|record| record.sessions.len() > 1).unwrap();
    let open = record.sessions.iter().position(|session| session.closed.is_none()).unwrap();
    let late = record.sessions[open].chains.iter().find(|chain| chain.kind == ChainKind::Receiving).unwrap();
    let late = late.clone();
    let spoilt = (0..record.sessions.len()).find(|at| *at != open).unwrap();
    record.sessions[spoilt].chains.push(late);
    let sound = record.sessions[open].base_key;
    let dir = tempfile::tempdir().unwrap();
    let path = fill::store_of(dir.path(), &whole);

    let report = examine(&path, &options()).unwrap();
    assert_eq!(codes(&report, Severity::Warning), ["signal_session_contaminated"], "{:?}", report.findings);
    let handover = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    assert_eq!(handover.left_out.len(), 1, "{:?}", handover.left_out);
    assert!(handover.left_out[0].reason.contains("signal_session_contaminated"));
    let before: usize = whole.signal_sessions.values().map(|record| record.sessions.len()).sum();
    let now: Vec<_> = handover.session.signal_sessions.values().flat_map(|record| &record.sessions).collect();
    assert_eq!(now.len(), before - 1);
    assert!(now.iter().any(|session| session.base_key == sound && session.closed.is_none()));
}

#[test]
fn rows_that_cannot_be_read_cost_only_themselves() {
    let (_dir, path) = store("baileys7");
    change(&path, "UPDATE whatsmeow_sessions SET session = substr(session, 1, 90) WHERE their_id LIKE '62%'");
    change(&path, "UPDATE whatsmeow_sender_keys SET sender_key = x'0a0b'");
    change(
        &path,
        "UPDATE whatsmeow_pre_keys SET key = x'01' WHERE key_id = (SELECT min(key_id) FROM whatsmeow_pre_keys)",
    );
    let report = examine(&path, &options()).unwrap();
    assert_eq!(report.credentials, CredentialsState::Sound);
    assert!(!report.healthy);
    let unread = report.findings.iter().filter(|found| found.code.as_str() == "whatsmeow_row_unreadable");
    let unread: Vec<_> = unread.collect();
    assert!(unread.iter().any(|found| found.evidence.contains("cut off")), "{unread:?}");
    assert!(unread.iter().any(|found| found.evidence.contains("no JSON")), "{unread:?}");
    let handover = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    assert_eq!(handover.left_out.len(), unread.len());
    assert!(handover.session.sender_keys.is_empty() && !handover.session.signal_sessions.is_empty());
}

#[test]
fn keys_never_stand_in_what_is_said() {
    let (_dir, path) = store("baileys7");
    change(
        &path,
        "UPDATE whatsmeow_sessions SET session = replace(session, '\"RootKey\":\"', '\"RootKey\":\"%%')",
    );
    let report = examine(&path, &options()).unwrap();
    let said = serde_json::to_string(&report).unwrap();
    assert!(said.contains("whatsmeow_row_unreadable") && !said.contains("%%"), "{said}");
}

#[test]
fn a_session_of_another_login_is_none() {
    let (_dir, path) = store("baileys7");
    let login = session("baileys7").credentials;
    let mut other = login.clone();
    other.identity.public[0] ^= 1;
    let record = session("baileys7").signal_sessions.into_values().next().unwrap();
    let text = fill::session_record(&record, &other).to_string();
    let connection = Connection::open(&path).unwrap();
    let sql = "UPDATE whatsmeow_sessions SET session = ?1 WHERE their_id = (SELECT min(their_id) FROM whatsmeow_sessions)";
    connection.execute(sql, [text.as_bytes()]).unwrap();
    let report = examine(&path, &options()).unwrap();
    assert!(report.findings.iter().any(|found| found.evidence.contains("another identity key")));
}

#[test]
fn a_login_whose_keys_do_not_fit_is_damaged() {
    for (sql, code) in [
        ("UPDATE whatsmeow_device SET identity_key = x'0102'", "whatsmeow_login_damaged"),
        ("UPDATE whatsmeow_device SET signed_pre_key_sig = zeroblob(64)", "signed_pre_key_signature"),
        ("UPDATE whatsmeow_device SET adv_device_sig = zeroblob(64)", "device_signature"),
    ] {
        let (_dir, path) = store("baileys7");
        change(&path, sql);
        let report = examine(&path, &options()).unwrap();
        assert!(codes(&report, Severity::Error).contains(&code), "{sql}: {:?}", report.findings);
        assert_eq!(report.credentials, CredentialsState::Damaged, "{sql}");
        let error = whatsmeow::hand_over(&path, None, NOW_MS).unwrap_err();
        assert!(matches!(error, StoreError::Login { .. }), "{sql}: {error}");
    }
}

#[test]
fn a_damaged_database_is_a_finding_and_anything_else_no_store() {
    let (dir, path) = store("baileys7");
    let mut content = std::fs::read(&path).unwrap();
    let len = content.len();
    content[8192..len - 4096].fill(0xaa);
    std::fs::write(&path, &content).unwrap();
    let report = examine(&path, &options()).unwrap();
    assert_eq!(codes(&report, Severity::Error), ["whatsmeow_database_damaged"]);
    std::fs::write(&path, &content[..5000]).unwrap();
    assert!(!examine(&path, &options()).is_ok_and(|report| report.healthy));
    let (huge, log) = (dir.path().join("huge.db"), dir.path().join("huge.db-wal"));
    fill::empty(&huge);
    std::fs::File::options().write(true).open(&huge).unwrap().set_len(1 << 40).unwrap();
    let error = examine(&huge, &options()).unwrap_err().to_string();
    assert!(error.contains("more than the limit"), "{error}");
    fill::empty(&huge);
    std::os::unix::fs::symlink("/etc/hostname", &log).unwrap();
    assert!(examine(&huge, &options()).is_err(), "a link beside it is not followed");
}

#[test]
fn a_schema_that_runs_code_runs_none() {
    let (_dir, path) = store("baileys7");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "ALTER TABLE whatsmeow_device RENAME TO real_device;
             CREATE VIEW whatsmeow_device AS SELECT * FROM real_device;",
        )
        .unwrap();
    drop(connection);
    let report = examine(&path, &options()).unwrap();
    assert_eq!(codes(&report, Severity::Error), ["whatsmeow_database_damaged"], "{:?}", report.findings);
}

#[test]
fn a_newer_schema_is_refused_with_its_number() {
    let (_dir, path) = store("baileys7");
    change(&path, "UPDATE whatsmeow_version SET version = 99, compat = 90");
    let error = examine(&path, &options()).unwrap_err().to_string();
    assert!(error.contains("schema 99") && error.contains("schema 90 on"), "{error}");
    change(&path, "UPDATE whatsmeow_version SET version = 99, compat = 8");
    assert!(examine(&path, &options()).unwrap().healthy, "readable by older ones, it says");
}

/// Two devices in one store.
fn two() -> (TempDir, PathBuf, [String; 2]) {
    let (dir, path) = store("baileys7");
    let mut second = session("baileys6");
    "6281199999999".clone_into(&mut second.credentials.me.phone.user);
    second.credentials.me.lid = None;
    let second = fill::add(&path, &second);
    (dir, path, [session("baileys7").credentials.me.phone.to_string(), second])
}

#[test]
fn several_devices_are_several_sessions() {
    let (_dir, path, [first, second]) = two();
    let report = whatsmeow::examine(&path, None, &options()).unwrap();
    let mut named: Vec<_> = report.all().map(|device| device.session.clone().unwrap()).collect();
    named.sort();
    let mut expected = vec![first.clone(), second.clone()];
    expected.sort();
    assert_eq!(named, expected);
    let error = whatsmeow::hand_over(&path, None, NOW_MS).unwrap_err().to_string();
    assert!(error.contains(&first) && error.contains(&second) && error.contains("--device"), "{error}");
    for name in [second.as_str(), "+6281199999999", "6281199999999"] {
        assert_eq!(whatsmeow::hand_over(&path, Some(name), NOW_MS).unwrap().device, second);
        let one = whatsmeow::examine(&path, Some(name), &options()).unwrap();
        assert_eq!((one.first.session.as_ref(), one.sessions.len()), (Some(&second), 0));
    }
    let error = whatsmeow::hand_over(&path, Some("1@s.whatsapp.net"), NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::Unknown { .. }), "{error}");
}

#[test]
fn a_device_that_moved_is_gone_and_the_others_stay() {
    let (dir, path, [first, second]) = two();
    let shelf = dir.path().join("backups");
    let handover = whatsmeow::hand_over(&path, Some(&first), NOW_MS).unwrap();
    let backup = back_up(&handover, &shelf).path;
    handover.give_up("/data/sessions/default", &backup, NOW_MS).unwrap();

    let store = Store::open(&path).unwrap();
    assert_eq!(store.jids().unwrap(), std::slice::from_ref(&second));
    let left: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM whatsmeow_sessions WHERE our_jid = ?1", [&first], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0, "nothing of it is left");
    assert!(was_given_up(&path, &handover.account()).unwrap());
    assert!(!was_given_up(&path, "another").unwrap());
    let error = whatsmeow::hand_over(&path, Some(&first), NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::Moved { .. }), "{error}");
    assert_eq!(whatsmeow::hand_over(&path, None, NOW_MS).unwrap().device, second);

    // The last one leaves a store that whatsmeow starts anew on, and that says where they went.
    let handover = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    handover.give_up("/data/sessions/other", &backup, NOW_MS).unwrap();
    let report = examine(&path, &options()).unwrap();
    assert_eq!(codes(&report, Severity::Warning), ["session_moved", "session_moved"]);
    assert_eq!(report.credentials, CredentialsState::Missing);
    let error = whatsmeow::hand_over(&path, None, NOW_MS).unwrap_err().to_string();
    assert!(error.contains("was moved to /data/sessions/other"), "{error}");
}

#[test]
fn a_store_that_changed_or_is_in_use_is_not_given_up() {
    let (_dir, path) = store("baileys7");
    let before = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    change(&path, "UPDATE whatsmeow_device SET push_name = 'somebody wrote'");
    let error = before.give_up("/elsewhere", Path::new("backup"), NOW_MS).unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error}");
    let now = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    let user = Connection::open(&path).unwrap();
    user.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = now.give_up("/elsewhere", Path::new("backup"), NOW_MS).unwrap_err().to_string();
    assert!(error.contains("locked"), "{error}");
    user.execute_batch("ROLLBACK").unwrap();
    assert_eq!(Store::open(&path).unwrap().jids().unwrap().len(), 1);
    assert!(Store::open(&path).unwrap().moved().unwrap().is_empty());
}

#[test]
fn what_waits_in_the_log_counts_and_what_was_not_finished_does_not() {
    let (_dir, path) = store("baileys7");
    // A write-ahead log that nobody has moved into the database.
    let writer = Connection::open(&path).unwrap();
    writer.pragma_update(None, "journal_mode", "WAL").unwrap();
    writer.execute("UPDATE whatsmeow_device SET push_name = 'in the log'", []).unwrap();
    let name = |path: &Path| whatsmeow::hand_over(path, None, NOW_MS).unwrap().session.credentials.me.name;
    assert_eq!(name(&path).as_deref(), Some("in the log"));
    assert_eq!(name(&path).as_deref(), Some("in the log"), "and stays where it is");
    writer.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(writer);

    // A transaction that was cut short: its pages are in the database, what was there before is in the journal.
    let writer = Connection::open(&path).unwrap();
    writer.pragma_update(None, "cache_size", 1).unwrap();
    writer.execute_batch("BEGIN; UPDATE whatsmeow_device SET push_name = 'never committed'").unwrap();
    for _ in 0..200 {
        let sql = "INSERT INTO whatsmeow_message_secrets SELECT jid, 'c', 's', lower(hex(randomblob(16))), randomblob(900) \
                   FROM whatsmeow_device";
        writer.execute(sql, []).unwrap();
    }
    let journal = path.with_file_name("whatsapp.db-journal");
    assert!(journal.metadata().unwrap().len() > 0);
    let killed = tempfile::tempdir().unwrap();
    for file in ["whatsapp.db", "whatsapp.db-journal"] {
        std::fs::copy(path.with_file_name(file), killed.path().join(file)).unwrap();
    }
    let torn = killed.path().join("whatsapp.db");
    let before = contents(killed.path());
    assert_eq!(name(&torn).as_deref(), Some("in the log"));
    assert_eq!(contents(killed.path()), before);

    // A journal that names another file is one that a stranger wrote.
    let mut text = std::fs::read(killed.path().join("whatsapp.db-journal")).unwrap();
    text.extend([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    std::fs::write(killed.path().join("whatsapp.db-journal"), text).unwrap();
    let error = examine(&torn, &options()).unwrap_err().to_string();
    assert!(error.contains("names another file"), "{error}");
}

#[test]
fn a_backup_is_listed_verified_and_the_same_for_the_same_store() {
    let (dir, path) = store("baileys7");
    let shelf = dir.path().join("backups");
    let handover = whatsmeow::hand_over(&path, None, NOW_MS).unwrap();
    let made = back_up(&handover, &shelf);
    assert!(!made.unchanged);
    assert_eq!((made.manifest.format.as_str(), made.manifest.files.len()), ("whatsmeow", 1));
    assert_eq!(made.manifest.credentials, CredentialsState::Sound);
    assert_eq!(made.manifest.account, Some(handover.account()));
    let again = back_up(&whatsmeow::hand_over(&path, None, NOW_MS).unwrap(), &shelf);
    assert!(again.unchanged && again.path == made.path);

    let verified = backup::verify(&made.path, &options()).unwrap();
    assert!(verified.report.healthy && verified.report.format == Format::Whatsmeow);
    assert_eq!(examine(&made.path, &options()).unwrap().credentials, CredentialsState::Sound);
    let list = backup::Shelf::at(&shelf).list(Some("bot"), None, &options().limits).unwrap();
    assert_eq!((list.len(), list[0].credentials), (1, Some(CredentialsState::Sound)));

    // Nothing of it goes into a session's folder.
    let target = dir.path().join("auth_info");
    for what in [What::Credentials, What::All { force: Some("a test") }] {
        let how = RestoreOptions { what, dry_run: true, shelf: &shelf, label: "bot", makes_room: false };
        let refused = restore(&made.path, &target, &options(), &how).unwrap_err().to_string();
        assert!(refused.contains("whatsmeow store"), "{refused}");
    }

    // What it holds is a store that SQLite opens.
    let unpacked = zstd::decode_all(std::fs::File::open(&made.path).unwrap()).unwrap();
    let mut archive = tar::Archive::new(unpacked.as_slice());
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut member = entries.find(|entry| entry.path().unwrap().ends_with("whatsapp.db")).unwrap();
    let copy = dir.path().join("copy.db");
    member.unpack(&copy).unwrap();
    let restored = whatsmeow::hand_over(&copy, None, NOW_MS).unwrap();
    assert_eq!(comparable(&restored.session), comparable(&handover.session));
}

#[test]
fn a_large_store_is_backed_up_without_the_tables_of_others() {
    let (dir, path) = store("baileys7");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE \"the gateway's chats\" (body BLOB)").unwrap();
    for _ in 0..5 {
        connection.execute("INSERT INTO \"the gateway's chats\" VALUES (zeroblob(15000000))", []).unwrap();
    }
    drop(connection);
    let made = back_up(&whatsmeow::hand_over(&path, None, NOW_MS).unwrap(), &dir.path().join("backups"));
    assert_eq!(made.manifest.left_out.len(), 1, "{:?}", made.manifest.left_out);
    assert!(made.manifest.files[0].len < 1 << 20);
    assert!(backup::verify(&made.path, &options()).unwrap().report.healthy);
}

#[test]
fn a_folder_means_its_only_store() {
    let (dir, path) = store("baileys7");
    assert_eq!(store_at(dir.path()).unwrap(), Some(path.clone()));
    fill::empty(&dir.path().join("second.db"));
    let error = store_at(dir.path()).unwrap_err().to_string();
    assert!(error.contains("second.db") && error.contains("whatsapp.db"), "{error}");
    std::fs::remove_file(dir.path().join("second.db")).unwrap();
    std::fs::write(dir.path().join("creds.json"), "{}").unwrap();
    assert_eq!(store_at(dir.path()).unwrap(), None, "a session of Baileys lies there");
    assert_eq!(store_at(&dir.path().join("creds.json")).unwrap(), None);
}

/// Every chain that is written has its own side; a writer that mixed them up would make the tests above worthless.
#[test]
fn records_are_what_go_writes() {
    let whole = session("baileys7");
    let record = whole.signal_sessions.values().next().unwrap();
    let text: Value = fill::session_record(record, &whole.credentials);
    let state = &text["SessionState"];
    assert!(state["SenderChain"]["SenderRatchetKeyPrivate"].is_string());
    let receiving =
        record.current().unwrap().chains.iter().filter(|chain| chain.kind == ChainKind::Receiving);
    assert_eq!(state["ReceiverChains"].as_array().unwrap().len(), receiving.count());
}
