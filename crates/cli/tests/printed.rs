//! How failures, help and settings are told.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use support::{fixtures, waha};

mod support;

fn wakeeper(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wakeeper"));
    command.args(arguments).env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    wakeeper(folder, arguments).output().expect("run wakeeper")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    })
}

#[test]
fn a_program_hears_of_failures_in_json() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, status, code) in [
        (&["examine", "nowhere", "--json"][..], 1, None),
        (&["restore", "nothing", "--json"], 1, None),
        (&["incidents", "--json"], 1, Some("failed")),
        (&["health", "--jsn", "--json"], 2, Some("wrong_usage")),
        (&["restore", "--force", "because", "--json"], 2, Some("wrong_usage")),
        (&["health", "--json", "--config", "missing.toml"], 2, Some("invalid_settings")),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        let error = &document(&output)["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{arguments:?}: {error}");
        assert!(
            error["code"].is_string() && code.is_none_or(|code| error["code"] == code),
            "{arguments:?}: {error}"
        );
        assert!(!output.stderr.is_empty(), "people hear of it, too");
    }
}

#[test]
fn help_fits_a_terminal_of_eighty_columns() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(folder.path(), &["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let begun = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<_> = begun
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.strip_prefix("  ")
                .filter(|line| !line.starts_with(' '))
                .and_then(|line| line.split(' ').next())
        })
        .collect();
    assert!(names.len() > 15 && names.contains(&"config") && names.contains(&"man"), "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        for flag in ["--help", "-h"] {
            let output = run(folder.path(), &[name, flag]);
            let text = String::from_utf8(output.stdout).unwrap();
            let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
            assert!(long.is_empty(), "{name} {flag}: {long:#?}");
        }
    }
}

#[test]
fn manual_pages_and_completions_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let page = run(folder.path(), &["man"]);
    assert!(String::from_utf8(page.stdout).unwrap().contains(".TH wakeeper"));
    assert!(run(folder.path(), &["man", "--out", "pages"]).status.success());
    let clean = std::fs::read_to_string(folder.path().join("pages/wakeeper-clean.1")).unwrap();
    assert!(clean.contains("dry\\-run"), "{clean}");
    for shell in ["bash", "zsh", "fish"] {
        let script = run(folder.path(), &["completions", shell]);
        assert!(String::from_utf8(script.stdout).unwrap().contains("wakeeper"), "{shell}");
    }
}

#[test]
fn everything_that_is_wrong_with_the_settings_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = [("PORT", "x"), ("METRICS", "maybe"), ("MONITOR_LISTEN", "8194"), ("BACKUP_KEEP_LATS", "1")];
    let output = wakeeper(folder.path(), &["config", "check", "--json"]).envs(wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = document(&output);
    assert_eq!(report["problems"].as_array().unwrap().len(), 4, "{report}");
    let output = wakeeper(folder.path(), &["serve"]).envs(wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(["PORT", "METRICS", "BACKUP_KEEP_LATS"].iter().all(|name| told.contains(name)), "{told}");

    let output = wakeeper(folder.path(), &["config", "check"]).envs(waha()).output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{page}");
    assert!(page.contains("environment, as WHATSAPP_API_KEY") && !page.contains("abc"), "{page}");
    assert!(page.contains("WAHA_DASHBOARD_USERNAME is not used"), "{page}");
}

#[test]
fn folders_that_cannot_be_used_are_told_by_the_check_and_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let run = |arguments: &[&str], setting: (&str, &str)| {
        let output = wakeeper(folder.path(), arguments).envs([setting]).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    for name in ["BACKUP_DIR", "STATE_DIR", "LOG_DIR"] {
        let (status, told) = run(&["config", "check"], (name, "file"));
        assert!(status == Some(1) && told.contains(&format!("setting {name}: file is a file")), "{told}");
    }
    for (arguments, code) in
        [(&["config", "check"][..], 1), (&["serve", "--host", "127.0.0.1", "--port", "0"], 1)]
    {
        let (status, told) = run(arguments, ("DATA_DIR", "/proc"));
        assert!(status == Some(code) && told.contains("AUTH_INFO_DIR /proc/auth_info"), "{told}");
    }
}

#[test]
fn settings_of_waha_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let auth_info = fixtures().join("baileys6");
    let examined = wakeeper(folder.path(), &["examine", auth_info.to_str().unwrap()]).envs(waha()).output();
    assert_eq!(examined.unwrap().status.code(), Some(0));
    let mut serve = wakeeper(folder.path(), &["serve", "--host", "127.0.0.1", "--port", "0"]);
    serve.envs(waha()).stdout(Stdio::piped());
    if cfg!(feature = "demo") {
        serve.env("WHATSAPP_WS_URL", "ws://127.0.0.1:1/ws/chat");
    }
    let mut child = serve.spawn().unwrap();
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .scan(false, |over, line| {
            (!std::mem::replace(over, line.contains("to link a phone"))).then_some(line)
        })
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let log = lines.join("\n");
    assert!(log.contains("listens on"), "{log}");
    assert!(log.contains("not needed here: WHATSAPP_DEFAULT_ENGINE"), "{log}");
    assert!(log.contains("WAHA_DASHBOARD_USERNAME is not used"), "{log}");
    assert!(!log.contains("API key, shown this once"), "the key is the one that was set: {log}");
    assert!(!folder.path().join("auth_info/api_key").exists());
}

#[test]
fn a_typing_error_in_the_data_folder_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = wakeeper(folder.path(), &["serve"]).env("DATA_DIR", "dta").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("mkdir -p dta") && !folder.path().join("dta").exists(), "{told}");
    // A check of the settings judges as the gateway does.
    std::fs::write(folder.path().join("file"), "").unwrap();
    for (name, value) in [("DATA_DIR", "dta"), ("DATA_DIR", "file"), ("AUTH_INFO_DIR", "file")] {
        let refusal = |arguments: &[&str]| {
            let output = wakeeper(folder.path(), arguments).env(name, value).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?} {name}={value}");
            output
        };
        let checked = document(&refusal(&["config", "check", "--json"]));
        let served =
            String::from_utf8(refusal(&["serve", "--host", "127.0.0.1", "--port", "0"]).stderr).unwrap();
        let problems = checked["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{checked}");
        assert!(served.contains(problems[0].as_str().unwrap()), "{served} {checked}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(folder.path(), &["serve", "--host", "127.0.0.1", "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.path().join("auth_info").exists(), "nothing is left of a start that failed");
}
