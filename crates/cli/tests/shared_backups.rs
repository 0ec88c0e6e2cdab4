//! Two bots whose folders have one name, with one backup folder; and backups that `restore` does not put back.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn plant(folder: &Path, fixture: &str) {
    fs::create_dir_all(folder).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures");
    for item in fs::read_dir(fixtures.join(fixture)).unwrap() {
        let item = item.unwrap();
        fs::copy(item.path(), folder.join(item.file_name())).unwrap();
    }
}

fn typed(at: &Path, line: &str) -> Output {
    let shell = format!("exec {} {line}", env!("CARGO_BIN_EXE_wakeeper"));
    Command::new("sh").args(["-c", &shell]).env_clear().current_dir(at).output().unwrap()
}

fn run(at: &Path, line: &str, code: i32) -> String {
    let output = typed(at, line);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}: {out}{err}");
    format!("{out}{err}")
}

fn json(at: &Path, line: &str) -> Value {
    let output = typed(at, line);
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The command that is printed between backquotes or as a step and holds a text, without the program's name.
fn command(page: &str, holding: &str) -> String {
    let found = page.split("wakeeper ").skip(1).find(|rest| rest.lines().next().unwrap().contains(holding));
    let found = found.unwrap_or_else(|| panic!("{holding} is not printed: {page}"));
    let line = found.split(['\n', '`']).next().unwrap();
    line.split("  ").next().unwrap().trim().to_owned()
}

/// `a/auth_info` and `b/auth_info`, and `all backups` for both.
fn two() -> TempDir {
    let top = tempfile::tempdir().unwrap();
    plant(&top.path().join("a/auth_info"), "baileys6");
    plant(&top.path().join("b/auth_info"), "baileys7");
    for bot in ["a", "b"] {
        run(top.path(), &format!("backup create --data-dir {bot} --backup-dir 'all backups'"), 0);
    }
    top
}

#[test]
fn each_bot_is_told_of_its_own_backups() {
    let top = two();
    let page = run(top.path(), "backup list --data-dir a --backup-dir 'all backups'", 0);
    assert_eq!(page.matches("  account ").count(), 2, "{page}");
    assert_eq!(page.matches("(this session)").count(), 1, "{page}");
    // The newest one is the other's: what is offered is its own.
    let step = command(&page, "--dry-run");
    let restored = run(top.path(), &step, 0);
    assert!(restored.contains("Nothing that the backup could give back"), "{restored}");
    for bot in ["a", "b"] {
        let health = json(top.path(), &format!("health --json --data-dir {bot} --backup-dir 'all backups'"));
        assert_eq!(health["backups"], 1, "{health}");
        let verified = json(
            top.path(),
            &format!("backup verify --all --json --data-dir {bot} --backup-dir 'all backups'"),
        );
        assert_eq!(verified.as_array().unwrap().len(), 1);
        run(
            top.path(),
            &format!(
                "backup prune --keep-last 0 --keep-daily 0 --keep-weekly 0 --data-dir {bot} --backup-dir 'all backups'"
            ),
            0,
        );
    }
    assert_eq!(fs::read_dir(top.path().join("all backups")).unwrap().count(), 2);

    // The folder is lost: nothing tells whose it was, and each can be named as it is printed.
    fs::remove_dir_all(top.path().join("a/auth_info")).unwrap();
    let refused = run(top.path(), "restore --data-dir a --backup-dir 'all backups'", 1);
    assert!(refused.contains("2 accounts"), "{refused}");
    let name = refused.split(&[' ', ','][..]).find(|word| word.starts_with("auth_info_")).unwrap();
    run(top.path(), &format!("restore --data-dir a --backup-dir 'all backups' {}", name.trim()), 0);
}

#[test]
fn a_backup_that_is_not_there_is_answered_with_the_command_that_lists_them() {
    let top = two();
    for verb in ["restore", "backup verify"] {
        let refused =
            run(top.path(), &format!("{verb} 2001-01-01 --data-dir a --backup-dir 'all backups'"), 1);
        let list = command(&refused, "backup list");
        assert_eq!(list, "backup list --data-dir a --backup-dir 'all backups'", "{refused}");
        assert!(run(top.path(), &list, 0).contains("login OK"));
    }
}

#[test]
fn a_torn_session_counts_its_own_backups_alone() {
    let top = two();
    let creds = top.path().join("a/auth_info/creds.json");
    let text = fs::read(&creds).unwrap();
    fs::write(creds, &text[..text.len() / 2]).unwrap();
    let output = typed(top.path(), "health --json --data-dir a --backup-dir 'all backups'");
    let health: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &health["backups"]), (Some(1), &Value::from(1)), "{health}");
}

#[test]
fn an_encrypted_backup_that_was_not_opened_is_not_called_good() {
    let top = tempfile::tempdir().unwrap();
    plant(&top.path().join("a/auth_info"), "baileys6");
    let made = Command::new(env!("CARGO_BIN_EXE_wakeeper"))
        .args(["backup", "create", "--data-dir", "a"])
        .env("BACKUP_PASSPHRASE", "correct horse")
        .current_dir(top.path())
        .status();
    assert!(made.unwrap().success());
    let page = run(top.path(), "health --data-dir a", 0);
    assert!(page.contains("that may hold a login (encrypted, not looked into)"), "{page}");
    assert!(!page.contains("a login that is OK made"), "{page}");
}

#[test]
fn a_folder_that_is_no_session_is_not_compared_with() {
    let top = two();
    let refused = run(top.path(), "restore / --data-dir a", 1);
    assert!(refused.contains("/ is no session's own folder"), "{refused}");
    let compared = run(top.path(), "restore b/auth_info --data-dir a", 0);
    assert!(compared.contains("Nothing that the backup could give back"), "{compared}");
}
