//! The care commands as their users meet them, on folders that real Baileys wrote.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use support::{data, fixtures};

mod support;

const BOB: &str = "auth_info/session-6281100000002.0.json";

fn wakeeper(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wakeeper"));
    // The working folder is another one: a test binary that works beside the session is not what runs on it.
    command.env_clear().current_dir("/").env("DATA_DIR", data).stdin(Stdio::null());
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    wakeeper(data).args(arguments).output().expect("run wakeeper")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}{}", out(output), err(output)))
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|item| item.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

fn tear(data: &Path, file: &str) {
    let path = data.join(file);
    let content = std::fs::read(&path).unwrap();
    std::fs::write(path, &content[..content.len() / 2]).unwrap();
}

#[test]
fn a_healthy_session_is_said_to_be_so_and_left_alone() {
    for fixture in ["baileys6", "baileys7"] {
        let data = data(fixture);
        let before = contents(&data.path().join("auth_info"));
        let output = run(data.path(), &["health"]);
        assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
        let page = out(&output);
        assert!(page.contains(", healthy") && page.contains("login          OK"), "{page}");
        assert!(page.contains("wakeeper backup create"), "no backup yet: {page}");
        assert!(!page.contains('\u{1b}') && output.stderr.is_empty(), "{page}{}", err(&output));
        let output = run(data.path(), &["clean"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains("Nothing to repair"), "{}", out(&output));
        assert_eq!(contents(&data.path().join("auth_info")), before);
        assert!(!data.path().join("session_backups").exists(), "nothing to do, nothing to back up");
    }
}

#[test]
fn the_report_has_the_documented_fields() {
    let data = data("baileys7");
    tear(data.path(), BOB);
    let path = data.path().join("auth_info");
    let output = run(data.path(), &["examine", "--json", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "not healthy");
    let report = json(&output);
    assert_eq!(report["path"], path.to_str().unwrap());
    assert_eq!((&report["format"], &report["healthy"]), (&"baileys".into(), &false.into()));
    assert_eq!(report["credentials"], "sound");
    assert!(report["files"].as_u64() > Some(20) && report["signal_sessions"] == 3, "{report}");
    let error = report["findings"].as_array().unwrap().iter().find(|f| f["severity"] == "error").unwrap();
    assert_eq!(error["code"], "file_truncated");
    assert_eq!(error["path"], "session-6281100000002.0.json");
    assert_eq!(error["peer"], "6281100000002@s.whatsapp.net");
    assert!(error["evidence"].is_string() && error["repair"].is_string(), "{error}");
}

#[test]
fn health_names_the_damage_and_clean_mends_only_that() {
    let data = data("baileys6");
    tear(data.path(), BOB);
    let auth_info = data.path().join("auth_info");
    let before = contents(&auth_info);
    let output = run(data.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    let page = out(&output);
    assert!(page.contains("1 error") && page.contains("file_truncated"), "{page}");
    assert!(page.contains("wakeeper clean --dry-run"), "what to run next: {page}");

    let output = run(data.path(), &["clean", "--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("nothing was changed"), "{}", out(&output));
    assert_eq!(contents(&auth_info), before);

    let output = run(data.path(), &["clean", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    let outcome = json(&output);
    assert_eq!((&outcome["applied"], &outcome["login_kept"]), (&true.into(), &true.into()));
    assert_eq!(outcome["needs_qr"], false);
    assert_eq!(outcome["plan"][0]["repair"], "remove_file");
    assert_eq!(outcome["plan"][0]["peer"], "6281100000002@s.whatsapp.net");
    let backup = outcome["backup"].as_str().unwrap();
    assert_eq!(std::fs::metadata(backup).unwrap().permissions().mode() & 0o777, 0o600);
    let mut expected = before;
    expected.remove(&data.path().join(BOB));
    assert_eq!(contents(&auth_info), expected);
    assert_eq!(run(data.path(), &["health"]).status.code(), Some(0));
}

#[test]
fn a_log_and_a_person_name_what_files_do_not_show() {
    let data = data("baileys7");
    let log = data.path().join("app.log");
    let line = |id: u32| {
        format!(
            "{{\"level\":50,\"key\":{{\"remoteJid\":\"6281100000002@s.whatsapp.net\",\"fromMe\":false,\"id\":\"M{id}\"}},\
             \"err\":{{\"type\":\"SessionError\",\"message\":\"No matching sessions found for message\"}},\
             \"messageType\":\"msg\",\"msg\":\"failed to decrypt message\"}}\n"
        )
    };
    std::fs::write(&log, (1..=4).map(line).collect::<String>()).unwrap();
    // It is found beside the folder, too, and which one was read is told.
    for arguments in [&["health"][..], &["health", "--log", log.to_str().unwrap()]] {
        let output = run(data.path(), arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(out(&output).contains("signal_session_failing"), "{}", out(&output));
        assert!(out(&output).contains("app.log: 4 lines, 4 understood"), "{}", out(&output));
    }
    std::fs::remove_file(&log).unwrap();
    let mut command = wakeeper(data.path());
    let mut child = command
        .args(["clean", "--json", "--log", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all((1..=4).map(line).collect::<String>().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(json(&output)["plan"][0]["path"], "session-6281100000002.0.json");

    let output = run(data.path(), &["clean", "--json", "--peer", "6281100000004"]);
    assert_eq!(json(&output)["plan"][0]["path"], "session-6281100000004.0.json");
    assert!(!data.path().join("auth_info/session-6281100000004.0.json").exists());
    let output = run(data.path(), &["clean", "--peer", "nobody"]);
    assert_eq!(output.status.code(), Some(2), "wrong usage: {}", err(&output));
    let output = run(data.path(), &["clean", "--log", "/no/such.log"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("/no/such.log"), "{}", err(&output));
}

#[test]
fn a_lost_login_comes_back_from_a_backup() {
    let data = data("baileys6");
    assert_eq!(run(data.path(), &["backup", "create"]).status.code(), Some(0));
    std::fs::write(data.path().join("auth_info/creds.json"), "").unwrap();
    let output = run(data.path(), &["clean", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert_eq!(json(&output)["login_kept"], true);

    std::fs::write(data.path().join("auth_info/creds.json"), "").unwrap();
    let output = run(data.path(), &["restore"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("no new QR code is needed"), "{}", out(&output));
    assert_eq!(run(data.path(), &["health"]).status.code(), Some(0));
}

#[test]
fn a_lost_login_without_backup_loses_nothing_more() {
    let data = data("baileys6");
    tear(data.path(), "auth_info/creds.json");
    let before = contents(&data.path().join("auth_info"));
    let output = run(data.path(), &["clean", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let outcome = json(&output);
    assert_eq!((&outcome["needs_qr"], &outcome["applied"]), (&true.into(), &false.into()));
    assert!(outcome["notes"].to_string().contains("Nothing is removed"), "{outcome}");
    assert_eq!(contents(&data.path().join("auth_info")), before);
}

#[test]
fn a_complete_reset_asks_first() {
    let data = data("baileys7");
    std::fs::write(data.path().join("baileys_store.json"), "{\"chats\":[]}").unwrap();
    let before = contents(&data.path().join("auth_info"));
    let output = run(data.path(), &["clean", "--all"]);
    assert_eq!(output.status.code(), Some(1), "nobody was there to ask");
    assert!(err(&output).contains("--yes"), "{}", err(&output));
    assert_eq!(contents(&data.path().join("auth_info")), before);
    let output = run(data.path(), &["clean", "--all", "--yes", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let outcome = json(&output);
    assert_eq!((&outcome["needs_qr"], &outcome["login_kept"]), (&true.into(), &false.into()));
    assert!(contents(&data.path().join("auth_info")).is_empty());
    assert_eq!(std::fs::read_to_string(data.path().join("baileys_store.json")).unwrap().trim(), "{}");

    let output = run(data.path(), &["restore", "--what", "all", outcome["backup"].as_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert_eq!(contents(&data.path().join("auth_info")), before, "all of it came back");
}

#[test]
fn ratchets_go_back_only_with_a_reason() {
    let data = data("baileys7");
    let created = json(&run(data.path(), &["backup", "create", "--json"]));
    let archive = created["path"].as_str().unwrap();
    let path = data.path().join(BOB);
    let later = std::fs::read_to_string(&path).unwrap().replacen("\"counter\":", "\"counter\":1", 1);
    std::fs::write(&path, later).unwrap();
    let output = run(data.path(), &["restore", archive, "--what", "all"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("used twice"), "{}", err(&output));
    let output = run(data.path(), &["restore", archive, "--force", "because"]);
    assert_eq!(output.status.code(), Some(2), "a reason for what?");
    let forced = ["restore", archive, "--what", "all", "--force", "the disk was swapped"];
    let output = run(data.path(), &forced);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("the disk was swapped"), "{}", out(&output));
}

#[test]
fn backups_are_made_listed_verified_and_pruned() {
    let data = data("baileys6");
    let made = |data: &Path| json(&run(data, &["backup", "create", "--json", "--always"]));
    let first = made(data.path());
    let again = json(&run(data.path(), &["backup", "create", "--json"]));
    assert_eq!((&again["unchanged"], &again["path"]), (&true.into(), &first["path"]));
    made(data.path());
    made(data.path());
    let listed = json(&run(data.path(), &["backup", "list", "--json"]));
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert!(listed.as_array().unwrap().iter().all(|backup| backup["credentials"] == "sound"), "{listed}");
    let output = run(data.path(), &["backup", "verify", "--all"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output).matches(": verified").count(), 3, "{}", out(&output));
    let prune = ["backup", "prune", "--keep-last", "1", "--keep-daily", "0", "--keep-weekly", "0", "--json"];
    let pruned = json(&run(data.path(), &prune));
    assert_eq!(pruned["removed"].as_array().unwrap().len(), 2);
    let newest = listed[0]["path"].as_str().unwrap();
    assert_eq!(pruned["kept"][0], newest);

    let mut archive = std::fs::read(newest).unwrap();
    let middle = archive.len() / 2;
    archive[middle] ^= 0x40;
    std::fs::write(newest, archive).unwrap();
    let output = run(data.path(), &["backup", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("cannot be used"), "{}", err(&output));
}

#[test]
fn encrypted_backups_need_their_passphrase() {
    let data = data("baileys6");
    let secret = data.path().join("secret");
    std::fs::write(&secret, "correct horse\n").unwrap();
    let with = |arguments: &[&str]| {
        wakeeper(data.path()).env("BACKUP_PASSPHRASE_FILE", &secret).args(arguments).output().unwrap()
    };
    let created = json(&with(&["backup", "create", "--json"]));
    assert!(created["path"].as_str().unwrap().ends_with(".tar.zst.age"), "{created}");
    let output = run(data.path(), &["backup", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("passphrase is needed"), "{}", err(&output));
    assert!(out(&run(data.path(), &["backup", "list"])).contains("encrypted"));
    assert_eq!(with(&["backup", "verify"]).status.code(), Some(0));
}

#[test]
fn a_running_owner_is_not_overwritten() {
    let data = data("baileys7");
    tear(data.path(), BOB);
    let auth_info = data.path().join("auth_info");
    let before = contents(&auth_info);
    let file = std::fs::File::open(auth_info.join("creds.json")).unwrap();
    let mut owner =
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(file).spawn().unwrap();
    let output = run(data.path(), &["clean"]);
    assert_eq!(output.status.code(), Some(1));
    let refusal = err(&output);
    assert!(
        refusal.contains(&format!("process {}", owner.id())) && refusal.contains("stop it first"),
        "{refusal}"
    );
    let health = out(&run(data.path(), &["health"]));
    assert!(health.contains(&format!("process {}", owner.id())), "{health}");
    assert_eq!(contents(&auth_info), before);
    let output = run(data.path(), &["clean", "--assume-stopped"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    owner.kill().unwrap();
    owner.wait().unwrap();
}

/// What a command shows on a terminal.
fn on_a_terminal(mut command: Command) -> String {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(OsStr::from_bytes(name.to_bytes())).unwrap();
    command.stdout(terminal.try_clone().unwrap()).stderr(terminal);
    let mut child = command.spawn().unwrap();
    // The last writer's end is the child's; when it is gone, reading fails.
    drop(command);
    let mut shown = Vec::new();
    let _ = File::from(screen).read_to_end(&mut shown);
    child.wait().unwrap();
    String::from_utf8(shown).unwrap()
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let data = data("baileys7");
    let health = || {
        let mut command = wakeeper(data.path());
        command.arg("health");
        command
    };
    let shown = on_a_terminal(health());
    assert!(shown.contains("\u{1b}[32mhealthy\u{1b}[0m"), "{shown:?}");
    let mut plain = health();
    plain.env("NO_COLOR", "1");
    let shown = on_a_terminal(plain);
    assert!(shown.contains("healthy") && !shown.contains('\u{1b}'), "{shown:?}");
    assert!(!out(&run(data.path(), &["health"])).contains('\u{1b}'));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let data = tempfile::tempdir().unwrap();
    for arguments in [&["health"][..], &["clean"], &["backup", "create"]] {
        let output = run(data.path(), arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            err(&output).contains("auth_info") && err(&output).contains("--data-dir"),
            "{}",
            err(&output)
        );
        assert_eq!(err(&output).lines().count(), 1);
    }
    assert!(std::fs::read_dir(data.path()).unwrap().next().is_none(), "nothing was made");
}

#[test]
fn every_command_explains_itself() {
    let data = tempfile::tempdir().unwrap();
    for command in ["examine", "health", "clean", "backup", "restore"] {
        let output = run(data.path(), &[command, "--help"]);
        assert!(out(&output).contains("Examples:"), "{command}");
    }
}

#[test]
fn an_old_copy_that_was_put_back_is_told_by_a_younger_backup() {
    let data = data("baileys6");
    let path = data.path().join(BOB);
    let old = std::fs::read_to_string(&path).unwrap();
    // The last chain of the file is the sending one; it goes on, is backed up, and the old file comes back.
    let at = old.rfind("\"counter\":0").unwrap();
    std::fs::write(&path, format!("{}\"counter\":5{}", &old[..at], &old[at + 11..])).unwrap();
    assert_eq!(run(data.path(), &["backup", "create"]).status.code(), Some(0));
    assert_eq!(run(data.path(), &["health"]).status.code(), Some(0));
    std::fs::write(&path, &old).unwrap();
    let output = run(data.path(), &["health"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("ratchet_rolled_back"), "{}", out(&output));
    let outcome = json(&run(data.path(), &["clean", "--json"]));
    assert_eq!(outcome["plan"][0]["code"], "ratchet_rolled_back");
    assert!(!path.exists());

    let output = run(data.path(), &["clean", "--ratchets", "--json"]);
    let outcome = json(&output);
    assert_eq!((output.status.code(), &outcome["login_kept"]), (Some(0), &true.into()));
    let left = contents(&data.path().join("auth_info"));
    assert!(left.keys().all(|file| !file.to_string_lossy().contains("/session-")), "{:?}", left.keys());
}

/// The gateway's own store is judged as the files that Baileys would keep.
#[test]
fn devices_that_an_account_no_longer_has_go_from_the_gateways_own_session_too() {
    const NOW_MS: i64 = 1_893_456_000_000;
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("auth_info/sessions/default");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(data.path().join("auth_info"), PermissionsExt::from_mode(0o700)).unwrap();
    let fixture = fixtures().join("baileys7");
    let mut session =
        wakeeper_doctor::transfer::read(&fixture, &wakeeper_doctor::Options::at(NOW_MS)).unwrap().session;
    session.unite_addresses();
    let (kept, record) = session.signal_sessions.iter().find(|(peer, _)| !session.is_own(peer)).unwrap();
    let (kept, record) = (kept.clone(), record.clone());
    let gone = wakeeper_doctor::address::Address { device: kept.device + 7, ..kept.clone() };
    session.signal_sessions.insert(gone.clone(), record);
    session.device_lists.insert(kept.user.clone(), vec![kept.device]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(wakeeper_engine_store::write(&session, &folder, NOW_MS)).unwrap();

    let output = run(data.path(), &["clean", "--stale", "--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("the account no longer has this device"), "{}", out(&output));
    let output = run(data.path(), &["clean", "--stale", "--json"]);
    let outcome = json(&output);
    assert_eq!((output.status.code(), &outcome["applied"]), (Some(0), &true.into()), "{outcome:#}");
    let steps = outcome["plan"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{outcome:#}");
    assert_eq!(steps[0]["peer"], gone.to_string());
    assert!(outcome["freed"].is_u64() && outcome["backup"].is_string(), "{outcome:#}");
    let database = folder.join("engine.db");
    let after = runtime.block_on(wakeeper_engine_store::read(&database, NOW_MS)).unwrap().session;
    assert!(after.signal_sessions.contains_key(&kept) && !after.signal_sessions.contains_key(&gone));
    assert_eq!(after.signal_sessions.len() + 1, session.signal_sessions.len());
}

#[test]
fn a_group_that_the_session_does_not_know_is_told_with_those_that_it_knows() {
    let data = data("baileys7");
    let known = "120363000000000001@g.us";
    let unknown = ["--group", "120363999999999999"];
    for arguments in [&["clean", "--dry-run"][..], &["clean"]] {
        let output = run(data.path(), &[arguments, &unknown].concat());
        let page = out(&output);
        assert_eq!(output.status.code(), Some(0), "{page}");
        assert!(
            page.contains("knows no group 120363999999999999@g.us; it knows") && page.contains(known),
            "{page}"
        );
    }
    // The gateway's own session says it, too, and beside one that it knows.
    run(data.path(), &["import", data.path().join("auth_info").to_str().unwrap()]);
    let output = run(data.path(), &[&["clean", "--group", known, "--dry-run"][..], &unknown].concat());
    let page = out(&output);
    assert!(
        page.contains("knows no group 120363999999999999@g.us; it knows")
            && page.contains("our own sender key"),
        "{page}"
    );
}

#[test]
fn what_is_moved_aside_is_not_said_to_be_removed() {
    let data = data("baileys6");
    std::fs::create_dir(data.path().join("auth_info/pre-key-7777.json")).unwrap();
    let planned = out(&run(data.path(), &["clean", "--dry-run"]));
    assert!(planned.contains("pre-key-7777.json: move aside") && !planned.contains("remove"), "{planned}");
    assert_eq!(run(data.path(), &["clean"]).status.code(), Some(0));
    assert!(data.path().join("auth_info/pre-key-7777.json.moved-aside.old").is_dir());
    // Among the first, which are shown.
    std::fs::create_dir(data.path().join("auth_info/app-state-sync-key-AAAA.json")).unwrap();
    let all = out(&run(data.path(), &["clean", "--all", "--dry-run"]));
    assert!(all.contains("AAAA.json: move it aside") && all.contains("creds.json: remove it"), "{all}");
}
