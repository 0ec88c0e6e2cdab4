//! What the care commands say and do of a gateway's own sessions, without the gateway.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use support::plant;

mod support;

/// A data folder whose `auth_info` a gateway took over from Baileys, and one backup of it.
fn taken_over() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    plant(&data.path().join("auth_info"), "baileys7");
    run(data.path(), &["import", &inside(data.path(), "auth_info")], 0);
    assert!(database(data.path(), "default").exists());
    data
}

fn inside(data: &Path, name: &str) -> String {
    data.join(name).display().to_string()
}

fn database(data: &Path, session: &str) -> PathBuf {
    data.join("auth_info/sessions").join(session).join("engine.db")
}

fn run(data: &Path, arguments: &[&str], code: i32) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wakeeper"));
    command.env_clear().current_dir("/").env("DATA_DIR", data).stdin(Stdio::null());
    let output = command.args(arguments).output().expect("run wakeeper");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    output
}

fn json(data: &Path, arguments: &[&str], code: i32) -> Value {
    let output = run(data, &[arguments, &["--json"]].concat(), code);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn codes(findings: &Value) -> Vec<&str> {
    findings.as_array().expect("findings").iter().filter_map(|finding| finding["code"].as_str()).collect()
}

#[test]
fn a_sound_session_is_not_restored_beside_itself() {
    let data = taken_over();
    for arguments in
        [&["restore"][..], &["restore", "--dry-run"], &["restore", "--what", "all", "--force", "x"]]
    {
        let restored = json(data.path(), arguments, 0);
        assert_eq!(restored["applied"], false);
        let note = restored["notes"][0].as_str().expect("a note");
        assert!(note.contains("nothing to restore") && note.contains("sessions/default"), "{note}");
        assert!(!data.path().join("auth_info/creds.json").exists());
    }
    // Nor is a copy of it imported under another name.
    let copy = data.path().join("copy");
    plant(&copy, "baileys7");
    let refused = run(data.path(), &["import", &inside(data.path(), "copy"), "--session", "shop"], 1);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("session default of this gateway has the login")
    );
    assert!(copy.join("creds.json").exists());
}

#[test]
fn a_damaged_session_makes_room_for_the_archive() {
    let data = taken_over();
    std::fs::write(database(data.path(), "default"), "x".repeat(5000)).unwrap();
    assert_eq!(codes(&json(data.path(), &["health"], 1)["findings"]), ["native_database_damaged"]);
    json(data.path(), &["restore", "--dry-run"], 0);
    assert!(database(data.path(), "default").exists(), "a rehearsal");
    let restored = json(data.path(), &["restore"], 0);
    assert_eq!((&restored["applied"], &restored["login_kept"]), (&Value::Bool(true), &Value::Bool(true)));
    assert!(!database(data.path(), "default").exists());
    // As the gateway does it when it starts.
    run(data.path(), &["import", &inside(data.path(), "auth_info")], 0);
    assert_eq!(json(data.path(), &["health"], 0)["credentials"], "sound");
}

#[test]
fn a_lost_login_is_found_and_given_back() {
    let data = taken_over();
    let folder = data.path().join("auth_info/sessions/default");
    let losses: [&dyn Fn(); 2] = [&|| std::fs::write(folder.join("engine.db"), "").unwrap(), &|| {
        std::fs::remove_dir_all(&folder).unwrap();
    }];
    for lose in losses {
        for side in ["engine.db-wal", "engine.db-shm"] {
            let _ = std::fs::remove_file(folder.join(side));
        }
        lose();
        let health = json(data.path(), &["health"], 1);
        assert_eq!(codes(&health["findings"]), ["native_login_lost"], "{health:#}");
        assert_eq!(health["credentials"], "damaged");
        let outcome = json(data.path(), &["clean"], 0);
        assert_eq!((&outcome["applied"], &outcome["login_kept"]), (&Value::Bool(true), &Value::Bool(true)));
        run(data.path(), &["import", &inside(data.path(), "auth_info")], 0);
        json(data.path(), &["health"], 0);
    }
}

#[test]
fn every_session_of_the_folder_is_named() {
    let data = taken_over();
    let shop = database(data.path(), "shop");
    std::fs::create_dir_all(shop.parent().unwrap()).unwrap();
    std::fs::write(&shop, "x".repeat(5000)).unwrap();
    let health = json(data.path(), &["health"], 1);
    assert_eq!((&health["healthy"], &health["sessions"][0]["session"]), (&false.into(), &"shop".into()));
    let page = run(data.path(), &["health"], 1);
    assert!(String::from_utf8_lossy(&page.stdout).contains("sessions/shop/engine.db"));
    let outcome = json(data.path(), &["clean"], 1);
    assert_eq!(outcome["remaining"][0]["path"], "sessions/shop/engine.db");
}

#[test]
fn a_planted_archive_is_passed_over() {
    let data = taken_over();
    std::fs::remove_dir_all(data.path().join("auth_info/sessions")).unwrap();
    let shelf = data.path().join("session_backups");
    let genuine = std::fs::read_dir(&shelf).unwrap().map(|item| item.unwrap().path());
    let genuine = genuine.into_iter().find(|path| path.is_file()).expect("a backup");
    let whole = std::fs::read(&genuine).unwrap();
    // Its manifest, which comes first, still says that its login is sound.
    let planted = shelf.join("auth_info_20990101T000000000Z.tar.zst");
    std::fs::write(&planted, &whole[..whole.len() - 100]).unwrap();
    let restored = json(data.path(), &["restore"], 0);
    assert_eq!(restored["from"], genuine.display().to_string());
    let note = restored["notes"][0].as_str().expect("a note");
    assert!(note.contains("20990101T000000000Z") && note.contains("was passed over"), "{note}");
}

#[test]
fn what_lies_in_a_gateways_place_keeps_no_command_waiting() {
    let data = tempfile::tempdir().unwrap();
    plant(&data.path().join("auth_info"), "baileys7");
    for name in ["auth_info/sessions", "auth_info/wakeeper.lock"] {
        assert!(Command::new("mkfifo").arg(data.path().join(name)).status().unwrap().success());
    }
    for arguments in [&["health"][..], &["backup", "create"], &["clean", "--dry-run"], &["restore"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wakeeper"));
        command.env_clear().current_dir("/").env("DATA_DIR", data.path()).args(arguments);
        assert!(command.stdin(Stdio::null()).output().unwrap().status.code().is_some());
    }
    let nowhere = data.path().join("nope");
    let refused =
        run(&nowhere, &["monitor", "--log", "/dev/null", "--data-dir", &inside(data.path(), "nope")], 1);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no folder"));
    assert!(!nowhere.exists(), "nothing is made there");
}
