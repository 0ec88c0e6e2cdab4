//! Which folder a command is about: the wrong one is told from the right one, and folders of many are worked on one by one.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use support::plant;

mod support;

/// `bot/sessions` with three sessions, of which one has torn credentials.
fn many() -> TempDir {
    let bot = tempfile::tempdir().unwrap();
    for (name, fixture) in
        [("shop", "baileys6"), ("admin", "baileys7"), ("5511900000003", "baileys7-unlinked")]
    {
        plant(&bot.path().join("sessions").join(name), fixture);
    }
    fs::write(bot.path().join("sessions/admin/creds.json"), "").unwrap();
    bot
}

/// Typed in `bot`, whose path is not told otherwise.
fn typed(bot: &Path, line: &str) -> Output {
    let shell = format!("exec {} {line}", env!("CARGO_BIN_EXE_wakeeper"));
    Command::new("sh").args(["-c", &shell]).env_clear().current_dir(bot).output().unwrap()
}

fn run(bot: &Path, line: &str, code: i32) -> String {
    let output = typed(bot, line);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}: {out}{err}");
    format!("{out}{err}")
}

fn json(bot: &Path, line: &str, code: i32) -> Value {
    let output = typed(bot, line);
    assert_eq!(output.status.code(), Some(code), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn archives(bot: &Path) -> Vec<String> {
    let listed = fs::read_dir(bot.join("session_backups")).into_iter().flatten();
    let mut names: Vec<_> = listed.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The next step that a page prints and that holds a text, without the program's name.
fn step(page: &str, holding: &str) -> String {
    let line = page.lines().find(|line| line.contains("wakeeper ") && line.contains(holding));
    let line = line.unwrap_or_else(|| panic!("{holding} is not printed: {page}"));
    let command = line.split_once("wakeeper ").unwrap().1;
    command.split("  ").next().unwrap().split('`').next().unwrap().trim().to_owned()
}

#[test]
fn a_folder_of_many_is_told_and_worked_on_one_by_one() {
    let bot = many();
    let page = run(bot.path(), "health --auth-info-dir sessions", 1);
    assert!(page.contains("sessions_inside") && page.contains("it holds 3 sessions"), "{page}");
    let one = run(bot.path(), &step(&page, "shop"), 0);
    assert!(one.contains("healthy"), "{one}");
    let all = json(bot.path(), &format!("{} --json", step(&page, "--all-sessions")), 1);
    let verdicts: Vec<_> = all["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["session"], &one["result"]["healthy"]))
        .collect();
    let expected = [("5511900000003", true), ("admin", false), ("shop", true)]
        .map(|(name, well)| (Value::from(name), Value::from(well)));
    assert_eq!(verdicts, expected.iter().map(|(name, well)| (name, well)).collect::<Vec<_>>());
    let examined = json(bot.path(), "examine sessions --all-sessions --json", 1);
    assert_eq!(examined["sessions"].as_array().unwrap().len(), 3);
}

#[test]
fn a_folder_of_many_is_backed_up_and_cleaned_only_session_by_session() {
    let bot = many();
    let refusal = run(bot.path(), "backup create --auth-info-dir sessions", 1);
    assert!(refusal.contains("nothing was backed up") && refusal.contains("3 sessions"), "{refusal}");
    let refusal = run(bot.path(), "clean --auth-info-dir sessions --all --yes", 1);
    assert!(refusal.contains("--all-sessions"), "{refusal}");
    assert_eq!(archives(bot.path()), Vec::<String>::new());

    let torn = bot.path().join("sessions/shop/session-6281100000002.0.json");
    fs::write(&torn, "{").unwrap();
    let made = json(bot.path(), "backup create --auth-info-dir sessions --all-sessions --json", 0);
    assert!(
        made["sessions"].as_array().unwrap().iter().all(|one| one["result"]["path"].is_string()),
        "{made}"
    );
    let labels: Vec<_> =
        archives(bot.path()).iter().map(|name| name.split('_').next().unwrap().to_owned()).collect();
    assert_eq!(labels, ["5511900000003", "admin", "shop"]);

    // What cannot be repaired in one session keeps no other from its turn.
    let page = run(bot.path(), "clean --auth-info-dir sessions --all-sessions --backup-dir others", 1);
    assert!(page.contains("session admin") && !torn.exists(), "{page}");
    run(bot.path(), "health --auth-info-dir sessions/shop", 0);
    run(bot.path(), "health --auth-info-dir sessions/admin", 1);
}

#[test]
fn the_folder_above_and_the_folder_below_are_told_from_the_right_one() {
    let bot = tempfile::tempdir().unwrap();
    plant(&bot.path().join("bot/auth_info"), "baileys7");
    let page = run(bot.path(), "examine bot", 1);
    run(bot.path(), &step(&page, "bot/auth_info"), 0);
    let page = run(bot.path(), "health --auth-info-dir bot", 1);
    run(bot.path(), &step(&page, "bot/auth_info"), 0);
    let refusal = run(bot.path(), "health --data-dir bot/auth_info", 1);
    assert!(
        refusal.contains("is a session's own folder itself: name it with --auth-info-dir bot/auth_info"),
        "{refusal}"
    );
}

#[test]
fn what_is_no_session_is_never_healthy() {
    let bot = tempfile::tempdir().unwrap();
    fs::create_dir(bot.path().join("tokens")).unwrap();
    let token = r#"{"WABrowserId":"\"x\"","WASecretBundle":"{}","WAToken1":"\"a\""}"#;
    fs::write(bot.path().join("tokens/mysession.data.json"), token).unwrap();
    for line in ["health --auth-info-dir tokens", "examine tokens"] {
        let page = run(bot.path(), line, 1);
        assert!(page.contains("not_a_session") && page.contains("wppconnect"), "{page}");
    }
    run(bot.path(), "backup create --auth-info-dir tokens", 1);
    run(bot.path(), "examine tokens --all-sessions", 1);
    fs::create_dir(bot.path().join("auth_info")).unwrap();
    let page = run(bot.path(), "health", 0);
    assert!(page.contains("a QR code must be scanned"), "{page}");
    run(bot.path(), "backup create", 1);
}

#[test]
fn the_names_that_gateways_use_are_known_and_typing_errors_make_nothing() {
    let bot = tempfile::tempdir().unwrap();
    plant(&bot.path().join("bot/baileys_auth_info"), "baileys6");
    assert!(run(bot.path(), "health --data-dir bot", 0).contains("baileys_auth_info"));
    run(bot.path(), "backup create --data-dir bot", 0);
    for line in ["health", "clean", "backup create", "backup list", "backup verify"] {
        let refusal = run(bot.path(), &format!("{line} --data-dir bto"), 2);
        assert!(refusal.contains("DATA_DIR") && refusal.contains("bto"), "{refusal}");
    }
    let refusal = run(bot.path(), "health --path /app/.sessions", 2);
    assert!(refusal.contains("--path") && refusal.contains("--container"), "{refusal}");
    assert!(!bot.path().join("bto").exists());
}

#[test]
fn of_several_known_folders_in_one_data_folder_all_are_named() {
    let bot = tempfile::tempdir().unwrap();
    plant(&bot.path().join("auth_info_baileys"), "baileys6");
    plant(&bot.path().join("session"), "baileys7");
    let page = run(bot.path(), "health", 1);
    assert!(page.contains("it holds 2 sessions"), "{page}");
    for name in ["auth_info_baileys", "session"] {
        run(bot.path(), &step(&page, &format!("/{name}")), 0);
    }
    let all = json(bot.path(), &format!("{} --json", step(&page, "--all-sessions")), 0);
    assert_eq!(all["sessions"].as_array().unwrap().len(), 2);
    let refusal = run(bot.path(), "clean", 1);
    assert!(refusal.contains("--all-sessions"), "{refusal}");

    // The usual one is there: it is meant, and the others are told.
    plant(&bot.path().join("auth_info"), "baileys7");
    let page = run(bot.path(), "health", 0);
    assert!(
        page.contains("auth_info_baileys") && page.contains("--auth-info-dir ./auth_info_baileys"),
        "{page}"
    );
    let all = json(bot.path(), "health --all-sessions --json", 0);
    assert_eq!(all["sessions"].as_array().unwrap().len(), 3);
}
