//! What is printed is pasted: every command that the program names is run by a shell, as a person would.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use support::{fixtures, plant};

mod support;

const BOB: &str = "my bot/auth_info/session-6281100000002.0.json";

/// A person's folder with a session in `my bot`, and the program on the path.
struct Desk(TempDir);

impl Desk {
    fn new(fixture: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        plant(&desk.at("my bot/auth_info"), fixture);
        std::fs::create_dir(desk.at("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_wakeeper"), desk.at("bin/wakeeper")).unwrap();
        desk
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn shell(&self, line: &str) -> Output {
        let path = format!("{}:/usr/bin:/bin", self.at("bin").display());
        let mut command = Command::new("sh");
        command.args(["-c", line]).env_clear().env("PATH", path).env("HOME", self.0.path());
        command.current_dir(self.0.path()).stdin(Stdio::null()).output().expect("run a shell")
    }

    /// What a command prints, and its exit code.
    fn page(&self, line: &str) -> (String, Option<i32>) {
        let output = self.shell(line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("unexpected argument"), "{line}: {said}");
        (String::from_utf8(output.stdout).unwrap() + &said, output.status.code())
    }

    /// A log in which a contact's messages fail.
    fn failing_log(&self) {
        let line = |id: u32| {
            format!(
                "{{\"level\":50,\"key\":{{\"remoteJid\":\"6281100000002@s.whatsapp.net\",\"fromMe\":false,\"id\":\"M{id}\"}},\
                 \"err\":{{\"type\":\"SessionError\",\"message\":\"No matching sessions found for message\"}},\
                 \"messageType\":\"msg\",\"msg\":\"failed to decrypt message\"}}\n"
            )
        };
        std::fs::write(self.at("bot's log"), (1..=4).map(line).collect::<String>()).unwrap();
    }
}

/// The commands that a page names: those to do now, and those in the text.
fn commands(page: &str) -> Vec<String> {
    let in_text = page.split('`').skip(1).step_by(2).map(str::to_owned);
    let to_do = page.lines().filter_map(|line| Some(line.strip_prefix("  ")?.split("  ").next()?.to_owned()));
    in_text.chain(to_do).filter(|text| text.starts_with("wakeeper ")).collect()
}

/// The one command of a page that begins so.
fn command(page: &str, verb: &str) -> String {
    let named = commands(page)
        .into_iter()
        .find(|command| command.starts_with(verb) && !command.contains("--dry-run"));
    named.unwrap_or_else(|| panic!("no `{verb}` in: {page}"))
}

#[test]
fn the_next_step_carries_the_log_and_does_something() {
    let desk = Desk::new("baileys7");
    desk.failing_log();
    let (page, code) = desk.page("wakeeper health --data-dir 'my bot' --log \"bot's log\"");
    assert_eq!(code, Some(1), "{page}");
    for verb in ["wakeeper clean", "wakeeper clean --dry-run"] {
        assert!(page.contains("--log 'bot'\\''s log'"), "{page}");
        let rehearsed = commands(&page).into_iter().find(|command| command.contains("--dry-run")).unwrap();
        let (planned, _) = desk.page(&rehearsed);
        assert!(planned.contains("This would be done") && desk.at(BOB).exists(), "{verb}: {planned}");
        assert_eq!(command(&planned, "wakeeper clean"), command(&page, "wakeeper clean"));
    }
    let (done, code) = desk.page(&command(&page, "wakeeper clean"));
    assert_eq!(code, Some(0), "{done}");
    assert!(done.contains("Done: 1 step") && !desk.at(BOB).exists(), "{done}");
}

#[test]
fn the_next_step_carries_the_contact_and_the_version() {
    let desk = Desk::new("baileys7");
    let line =
        "wakeeper clean --data-dir 'my bot' --peer 6281100000002 --peer 6281100000004 --baileys 7 --dry-run";
    let (page, code) = desk.page(line);
    assert_eq!(code, Some(0), "{page}");
    let next = command(&page, "wakeeper clean");
    for part in ["--peer 6281100000002", "--peer 6281100000004", "--baileys 7", "--data-dir 'my bot'"] {
        assert!(next.contains(part), "{next}");
    }
    let (done, _) = desk.page(&next);
    assert!(done.contains("Done: 3 steps") && !desk.at(BOB).exists(), "{done}");
}

#[test]
fn a_restore_that_was_tried_is_carried_out_by_what_it_prints() {
    let desk = Desk::new("baileys6");
    let (made, _) = desk.page("wakeeper backup create --data-dir 'my bot'");
    assert!(made.contains("Backed up to"), "{made}");
    std::fs::remove_file(desk.at("my bot/auth_info/creds.json")).unwrap();
    let (listed, _) = desk.page("wakeeper backup list --data-dir 'my bot'");
    let rehearsed = commands(&listed).into_iter().find(|command| command.contains("restore")).unwrap();
    let (page, code) = desk.page(&rehearsed);
    assert!(
        page.contains("nothing was changed") && !desk.at("my bot/auth_info/creds.json").exists(),
        "{page}"
    );
    assert_eq!(code, Some(0), "{page}");
    let (done, code) = desk.page(&command(&page, "wakeeper restore"));
    assert_eq!(code, Some(0), "{done}");
    assert!(desk.at("my bot/auth_info/creds.json").exists(), "{done}");
}

#[test]
fn the_monitors_folder_is_carried_along() {
    let desk = Desk::new("baileys7");
    desk.failing_log();
    let watch = "wakeeper monitor --data-dir 'my bot' --log \"bot's log\" --state 'the state'";
    let mut monitor = Command::new("sh");
    let path = format!("{}:/usr/bin:/bin", desk.at("bin").display());
    monitor.args(["-c", &format!("exec {watch}")]).env_clear().env("PATH", path).env("MONITOR_LISTEN", "off");
    monitor.current_dir(desk.0.path()).stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null());
    let mut monitor = monitor.spawn().unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.find(|line| line.contains("incident: ") || line.contains("alert: "));
    // What it has begun to write down is there once it has come to its end.
    desk.shell(&format!("kill -TERM {}", monitor.id()));
    lines.for_each(drop);
    assert!(told.is_some() && monitor.wait().unwrap().success());
    let (page, _) = desk.page("wakeeper incidents --state 'the state'");
    let next = command(&page, "wakeeper incidents");
    assert!(next.contains("--state 'the state'"), "{next}");
    let (one, code) = desk.page(&next);
    assert!(code == Some(0) && one.contains("Incident #"), "{one}");
}

#[test]
fn every_command_that_is_printed_is_one() {
    let desk = Desk::new("baileys6");
    desk.failing_log();
    let content = std::fs::read(desk.at(BOB)).unwrap();
    std::fs::write(desk.at(BOB), &content[..content.len() / 2]).unwrap();
    let at = "--data-dir 'my bot'";
    let mut seen = 0;
    for line in [
        format!("wakeeper health {at}"),
        format!("wakeeper health {at} --log \"bot's log\" --backup-dir 'else where'"),
        "wakeeper examine 'my bot/auth_info'".to_owned(),
        format!("wakeeper clean {at} --dry-run"),
        format!("wakeeper clean {at} --stale --dry-run --log \"bot's log\""),
        format!("wakeeper backup list {at}"),
        format!("wakeeper clean {at}"),
        format!("wakeeper backup create {at}"),
        format!("wakeeper backup list {at}"),
        format!("wakeeper backup verify --all {at}"),
        format!("wakeeper restore nothing {at}"),
        format!("wakeeper restore --dry-run {at}"),
        format!("wakeeper export --format baileys out {at}"),
        "wakeeper import 'my bot' --data-dir gateway".to_owned(),
        "mkdir gateway && wakeeper import 'my bot/auth_info' --data-dir gateway --backup-dir 'else where'"
            .to_owned(),
        "wakeeper export --format native out --data-dir gateway".to_owned(),
        "wakeeper incidents --state nowhere".to_owned(),
        "wakeeper serve --data-dir nowhere".to_owned(),
    ] {
        let (page, _) = desk.page(&line);
        for command in commands(&page) {
            // Some run for ever; help is given for a command line only whose flags all exist.
            let output = desk.shell(&format!("{command} --help"));
            assert!(
                output.status.success(),
                "{line} prints `{command}`: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen} commands were seen");
}

#[test]
fn backups_are_one_line_each_and_green_when_they_are_what_they_say() {
    let desk = Desk::new("baileys6");
    assert_eq!(desk.page("wakeeper backup create --data-dir 'my bot'").1, Some(0));
    let content = std::fs::read(desk.at(BOB)).unwrap();
    std::fs::write(desk.at(BOB), &content[..content.len() / 2]).unwrap();
    assert_eq!(desk.page("wakeeper clean --data-dir 'my bot'").1, Some(0));
    let (page, _) = desk.page("wakeeper backup list --data-dir 'my bot'");
    let rows: Vec<_> =
        page.lines().filter(|line| line.contains("verified") && !line.contains("wakeeper")).collect();
    assert_eq!(rows.len(), 2, "{page}");
    assert!(rows[0].contains("before clean") && rows[1].contains("by hand"), "{page}");
    assert!(rows.iter().all(|row| row.len() <= 80 && row.contains("login OK")), "{page}");
    let (page, code) = desk.page("wakeeper backup verify --all --data-dir 'my bot'");
    assert_eq!(code, Some(0), "the backup before a repair holds the damage, and says so: {page}");
    assert!(page.contains("before clean") && page.contains("as it was then"), "{page}");

    let folder = desk.at("my bot/session_backups");
    let newest = std::fs::read_dir(&folder).unwrap().map(|item| item.unwrap().path()).max().unwrap();
    let mut archive = std::fs::read(&newest).unwrap();
    let middle = archive.len() / 2;
    archive[middle] ^= 0x40;
    std::fs::write(&newest, archive).unwrap();
    let (page, code) = desk.page("wakeeper backup verify --all --data-dir 'my bot' --json");
    assert_eq!(code, Some(1));
    let checked: Value = serde_json::from_str(&page).unwrap();
    let checked = checked.as_array().unwrap();
    let broken: Vec<_> = checked.iter().filter(|one| one["problem"].is_string()).collect();
    assert_eq!((checked.len(), broken.len()), (2, 1), "the other one is told all the same");
    let (page, _) = desk.page("wakeeper backup list --data-dir 'my bot'");
    assert!(page.contains("DAMAGED"), "{page}");
}

/// The credentials of another account.
fn stranger(desk: &Desk, to: &str) {
    std::fs::copy(fixtures().join("baileys6-contaminated-ours-peer/creds.json"), desk.at(to)).unwrap();
}

/// Nothing but the beginning of a login, which does not tell whose it is.
fn only_a_beginning(desk: &Desk) {
    let folder = desk.at("my bot/auth_info");
    for item in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        if item.file_name() != "creds.json" {
            std::fs::remove_file(item.path()).unwrap();
        }
    }
    let login = folder.join("creds.json");
    std::fs::File::options().write(true).open(login).unwrap().set_len(20).unwrap();
}

#[test]
fn health_knows_of_the_copy_that_clean_takes_and_what_to_do_afterwards() {
    let desk = Desk::new("baileys6");
    let login = "my bot/auth_info/creds.json";
    std::fs::rename(desk.at(login), desk.at("my bot/auth_info/creds.json.bak")).unwrap();
    std::fs::write(desk.at(login), "").unwrap();
    let (page, _) = desk.page("wakeeper health --data-dir 'my bot'");
    assert!(page.contains("login found in") && page.contains("creds.json.bak"), "{page}");
    let (done, code) = desk.page(&command(&page, "wakeeper clean"));
    assert_eq!(code, Some(0), "{done}");
    assert_eq!(desk.page("wakeeper backup verify --all --data-dir 'my bot'").1, Some(1), "holds the damage");
    let (page, _) = desk.page("wakeeper health --data-dir 'my bot'");
    let (made, code) = desk.page(&command(&page, "wakeeper backup create"));
    assert_eq!(code, Some(0), "{made}");
    let (page, code) = desk.page("wakeeper health --data-dir 'my bot'");
    assert!(code == Some(0) && !page.contains("backup create"), "{page}");
}

#[test]
fn a_clean_that_cannot_work_is_not_printed_and_what_can_is() {
    let desk = Desk::new("baileys6");
    only_a_beginning(&desk);
    stranger(&desk, "my bot/auth_info/creds-other account.json");
    let (page, _) = desk.page("wakeeper health --data-dir 'my bot'");
    assert!(!commands(&page).iter().any(|command| command.starts_with("wakeeper clean")), "{page}");
    let of_health = command(&page, "wakeeper restore --data-dir");
    let (page, code) = desk.page("wakeeper clean --data-dir 'my bot'");
    assert!(code == Some(1) && !page.contains("Nothing to repair"), "{page}");
    assert_eq!(command(&page, "wakeeper restore --data-dir"), of_health);
    let (done, code) = desk.page(&of_health);
    assert_eq!(code, Some(0), "{done}");
}

#[test]
fn a_mix_of_two_accounts_ends_with_the_command_that_is_printed() {
    let desk = Desk::new("baileys6");
    assert_eq!(desk.page("wakeeper backup create --data-dir 'my bot'").1, Some(0));
    stranger(&desk, "my bot/auth_info/creds.json");
    assert_eq!(desk.page("wakeeper backup create --data-dir 'my bot'").1, Some(0), "a newer one, of the mix");
    let (page, _) = desk.page("wakeeper health --data-dir 'my bot'");
    let of_health = command(&page, "wakeeper restore --data-dir");
    let (page, code) = desk.page("wakeeper clean --data-dir 'my bot'");
    assert!(code == Some(1) && !page.contains("the login is OK"), "{page}");
    assert_eq!(command(&page, "wakeeper restore --data-dir"), of_health);
    let (done, code) = desk.page(&of_health);
    assert_eq!(code, Some(0), "{done}");
    assert_eq!(desk.page("wakeeper health --data-dir 'my bot'").1, Some(0));
}

#[test]
fn an_encrypted_backup_that_was_not_opened_is_not_called_none() {
    let desk = Desk::new("baileys6");
    let made = "BACKUP_PASSPHRASE=right wakeeper backup create --data-dir 'my bot'";
    assert_eq!(desk.page(made).1, Some(0));
    std::fs::write(desk.at("my bot/auth_info/creds.json"), "").unwrap();
    for passphrase in ["", "BACKUP_PASSPHRASE=wrong "] {
        for verb in ["health", "clean"] {
            let (page, code) = desk.page(&format!("{passphrase}wakeeper {verb} --data-dir 'my bot'"));
            let told = "1 encrypted backup was not opened: set BACKUP_PASSPHRASE";
            assert!(code == Some(1) && page.contains(told), "{page}");
        }
    }
    assert_eq!(desk.page("BACKUP_PASSPHRASE=right wakeeper clean --data-dir 'my bot'").1, Some(0));
}
