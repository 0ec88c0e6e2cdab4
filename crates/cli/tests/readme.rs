//! README's commands for a gateway that says "Bad MAC", run as they stand on the classic case: the files are fine, and only
//! the log shows the damage.
// Helpers of tests are not marked as tests themselves.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

mod support;

/// The folder in README.
const THERE: &str = "/srv/bot";

/// The first block under the heading, line by line.
fn commands() -> Vec<String> {
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).expect("README.md");
    let part = readme.split("says \"Bad MAC\"\n").nth(1).expect("the heading");
    let block = part.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    block.lines().filter(|line| line.starts_with("wakeeper ")).map(str::to_owned).collect()
}

/// A Baileys folder without damage, and the log of a gateway that cannot read three messages of one contact.
fn bot() -> tempfile::TempDir {
    let bot = tempfile::tempdir().expect("a folder");
    support::plant(&bot.path().join("auth_info"), "baileys7");
    let failure = |id: u32| {
        format!(
            "Failed to decrypt message with any known session...\nSession error:Error: Bad MAC Error: Bad MAC\n\
             {{\"level\":50,\"key\":{{\"remoteJid\":\"6281100000002@s.whatsapp.net\",\"fromMe\":false,\"id\":\"M{id}\"}},\
             \"err\":{{\"type\":\"SessionError\",\"message\":\"No matching sessions found for message\"}},\
             \"messageType\":\"msg\",\"msg\":\"failed to decrypt message\"}}\n"
        )
    };
    fs::write(bot.path().join("bot.log"), (1..=4).map(failure).collect::<String>()).unwrap();
    bot
}

fn shell(line: &str, bot: &Path) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_wakeeper")).parent().unwrap();
    let line = line.replace(THERE, bot.to_str().unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", &line]).env_clear().current_dir("/").stdin(Stdio::null());
    command.env("PATH", format!("{}:/usr/bin:/bin", program.display())).env("HOME", bot);
    command.output().expect("a shell")
}

#[test]
fn the_classic_case_is_found_and_repaired_as_readme_says() {
    let bot = bot();
    let commands = commands();
    let [health, clean] = commands.as_slice() else { panic!("two commands, not {commands:?}") };
    let found = shell(health, bot.path());
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    assert_eq!(found.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&found.stderr));
    assert!(said.contains("signal_session_failing"), "{said}");

    let credentials = fs::read(bot.path().join("auth_info/creds.json")).unwrap();
    let damaged = bot.path().join("auth_info/session-6281100000002.0.json");
    assert!(damaged.exists(), "the fixture has a Signal session of that contact");
    let repaired = shell(clean, bot.path());
    let said = String::from_utf8_lossy(&repaired.stdout).into_owned();
    assert_eq!(repaired.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&repaired.stderr));
    assert!(!damaged.exists(), "{said}");
    assert_eq!(fs::read(bot.path().join("auth_info/creds.json")).unwrap(), credentials, "the login is kept");
    assert!(fs::read_dir(bot.path().join("session_backups")).unwrap().count() > 0, "a backup was made");
}
