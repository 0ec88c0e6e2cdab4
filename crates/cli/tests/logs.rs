//! What commands say of the logs that they read, and of those that they did not.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

mod support;

fn logs() -> PathBuf {
    support::fixtures().join("logs")
}

/// A data folder with a healthy session of Baileys 6.
fn data() -> TempDir {
    support::data("logs/auth_info")
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wakeeper"));
    command.env_clear().current_dir("/").env("DATA_DIR", data).args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The page of `examine` and its JSON, with the exit code of both.
/// A page without its ends of lines: long facts are broken.
fn in_one_line(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn examine(data: &Path, log: Option<&str>) -> (i32, String, Value) {
    let folder = data.join("auth_info");
    let mut arguments = vec!["examine", folder.to_str().unwrap()];
    let log = log.map(|log| logs().join(log).to_str().unwrap().to_owned());
    arguments.extend(log.iter().flat_map(|log| ["--log", log]));
    let page = run(data, &arguments);
    arguments.push("--json");
    let json = run(data, &arguments);
    assert_eq!(page.status.code(), json.status.code());
    (page.status.code().unwrap(), in_one_line(&out(&page)), serde_json::from_slice(&json.stdout).unwrap())
}

#[test]
fn every_run_says_what_was_read_of_which_log() {
    let data = data();
    for (log, says) in [
        (
            "08-docker-json-file.log",
            "28 lines, 12 understood, from 2026-11-27 10:00:00Z to 2026-11-27 10:03:00Z (Docker json-file)",
        ),
        ("23-rotated.log.gz", "28 lines, 12 understood, without times (gzip)"),
        ("22-utf16-powershell.log", "(UTF-16)"),
        ("25-stack-without-frame.log", "4 messages failed and the log does not say whose"),
    ] {
        let (code, page, json) = examine(data.path(), Some(log));
        assert_eq!(code, 1, "{page}");
        assert!(page.contains(says), "{says}: {page}");
        assert!(json["log_read"]["sources"][0].as_str().unwrap().ends_with(log), "{json}");
        assert!(json["log_read"]["understood"].as_u64().unwrap() > 0, "{json}");
    }
    let (code, page, json) = examine(data.path(), Some("19-minus3.log"));
    assert_eq!(code, 0, "{page}");
    assert_eq!(json["log_read"]["from_ms"], 1_795_179_640_123_i64, "the zone counts: {json}");
    assert_eq!(json["healthy"], true);
}

#[test]
fn what_was_read_fits_a_terminal_where_there_is_none() {
    let data = data();
    let folder = data.path().join("logs");
    std::fs::create_dir(&folder).unwrap();
    for (name, log) in
        [("bot.log", "08-docker-json-file.log"), ("bot-error.log", "25-stack-without-frame.log")]
    {
        std::fs::copy(logs().join(log), folder.join(name)).unwrap();
    }
    let code = 440;
    let line = format!(
        "{{\"level\":50,\"msg\":\"x\",\"err\":{{\"message\":\"Stream Errored (conflict)\"}},\"statusCode\":{code}}}\n"
    );
    std::fs::write(folder.join("more.log"), line).unwrap();
    let page = out(&run(data.path(), &["health"]));
    let of_log: Vec<_> = page
        .lines()
        .skip_while(|line| !line.starts_with("  in the log") && !line.starts_with("  log read"))
        .filter(|line| {
            line.starts_with("  in the log")
                || line.starts_with("  log read")
                || line.starts_with(&" ".repeat(17))
        })
        .collect();
    assert!(of_log.len() > 4 && page.contains("in the log") && page.contains("log read"), "{page}");
    // A path that is longer stays whole, to be copied.
    let breaks =
        |line: &&&str| line.chars().count() > 80 && line.trim().contains(' ') && !line.contains("/logs/");
    assert_eq!(of_log.iter().find(breaks), None, "{page}");
}

#[test]
fn no_log_is_told_and_one_beside_the_folder_is_found() {
    let data = data();
    for arguments in [&["health"][..], &["clean"], &["clean", "--dry-run"]] {
        let output = run(data.path(), arguments);
        assert!(
            in_one_line(&out(&output)).contains("log read none; if the gateway logs Bad MAC, add --log FILE"),
            "{}",
            out(&output)
        );
    }
    let (code, page, json) = examine(data.path(), None);
    assert_eq!((code, &json["log_read"]), (0, &Value::Null), "{page}");
    std::fs::create_dir(data.path().join("logs")).unwrap();
    std::fs::copy(logs().join("08-docker-json-file.log"), data.path().join("logs/bot.log")).unwrap();
    let (code, page, _) = examine(data.path(), None);
    assert!(code == 1 && page.contains("logs/bot.log: 28 lines"), "{page}");
    let health = run(data.path(), &["health", "--json"]);
    let health: Value = serde_json::from_slice(&health.stdout).unwrap();
    assert!(health["log_read"]["sources"][0].as_str().unwrap().ends_with("logs/bot.log"), "{health}");
    let cleaned = run(data.path(), &["clean", "--json"]);
    let cleaned: Value = serde_json::from_slice(&cleaned.stdout).unwrap();
    assert_eq!(cleaned["plan"][0]["path"], "session-5511900000002.3.json", "{cleaned}");
    assert_eq!(cleaned["log_read"]["lines"], 28);
}

#[test]
fn a_log_that_says_nothing_is_no_clean_bill() {
    let data = data();
    let other = data.path().join("access.txt");
    std::fs::write(&other, "GET / 200\nGET /favicon.ico 404\n").unwrap();
    let output = run(data.path(), &["health", "--log", other.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out(&output).contains("log_not_understood") && out(&output).contains("2 lines, 0 understood"),
        "{}",
        out(&output)
    );
    // An empty one, and one that a gateway's logger may have written: nothing is known of either.
    for (text, says) in
        [("", "it is empty"), ("{\"level\":30,\"time\":1,\"msg\":\"paid\"}\n", "its one line is not")]
    {
        std::fs::write(&other, text).unwrap();
        let folder = data.path().join("auth_info");
        for command in
            [&["health"][..], &["examine", folder.to_str().unwrap()], &["clean"], &["clean", "--dry-run"]]
        {
            let output = run(data.path(), &[command, &["--log", other.to_str().unwrap()]].concat());
            let page = in_one_line(&out(&output));
            assert_eq!(output.status.code(), Some(1), "{command:?}: {page}");
            assert!(page.contains("log_not_understood") && page.contains(says), "{command:?}: {page}");
        }
    }
    std::fs::write(&other, b"PK\x03\x04").unwrap();
    let output = run(data.path(), &["health", "--log", other.to_str().unwrap()]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && error.contains("a zip archive: unpack it first"), "{error}");
}

#[test]
fn what_failed_is_told_alike_by_examine_and_health() {
    let data = data();
    let log = data.path().join("bot.txt");
    let folder = data.path().join("auth_info");
    for (message, code, says) in [
        ("brand new", 1, "in the log     6 messages: a cause that is not known here"),
        ("No session record", 0, "in the log     6 messages: no session"),
    ] {
        let line = format!(
            "{{\"level\":50,\"msg\":\"failed to decrypt message\",\"err\":{{\"message\":\"{message}\"}}}}\n"
        );
        std::fs::write(&log, line.repeat(6)).unwrap();
        let named = ["--log", log.to_str().unwrap()];
        let json = |command: &[&str]| -> Value {
            let output = run(data.path(), &[command, &named, &["--json"]].concat());
            assert_eq!(output.status.code(), Some(code), "{}", out(&output));
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let (examined, health) = (json(&["examine", folder.to_str().unwrap()]), json(&["health"]));
        assert_eq!(examined["log_read"]["failures"][0]["messages"], 6, "{examined}");
        for part in ["log", "log_read"] {
            assert_eq!(examined[part], health[part], "{part}");
        }
        let page = out(&run(data.path(), &[&["health"][..], &named].concat()));
        assert!(page.contains(says) && page.contains("messages_not_decrypted"), "{page}");
    }
}
