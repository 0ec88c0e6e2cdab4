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

mod hostile;
mod moved;
mod shelf;

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
    assert_eq!(codes(&report, Severity::Info), ["credentials_not_linked"]);
    assert!(report.healthy && report.findings.len() == 1);
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
