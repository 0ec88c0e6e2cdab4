//! The binary as its users meet it: what it says, and how it exits.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn wakeeper(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wakeeper"));
    command.env_clear().current_dir(folder).env("HOST", "127.0.0.1").env("PORT", "0");
    // Demo builds talk to a server of this machine only; nobody listens on port 1.
    if cfg!(feature = "demo") {
        command.env("WHATSAPP_WS_URL", "ws://127.0.0.1:1/ws/chat");
    }
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("run wakeeper")
}

/// The only line on standard error.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "one clear line: {text}");
    text.trim_end().to_owned()
}

/// A gateway that runs until it is dropped.
struct Running {
    child: Child,
    lines: Vec<String>,
    rest: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut child = wakeeper(folder).arg("serve").stdout(Stdio::piped()).spawn().expect("start wakeeper");
        let rest = BufReader::new(child.stdout.take().unwrap());
        let mut running = Self { child, lines: Vec::new(), rest };
        running.read_until("listens on");
        running
    }

    fn read_until(&mut self, text: &str) {
        loop {
            let mut line = String::new();
            assert!(self.rest.read_line(&mut line).unwrap() > 0, "it ended: {:?}", self.lines);
            let found = line.contains(text);
            self.lines.push(line);
            if found {
                return;
            }
        }
    }

    fn address(&self) -> String {
        let line = self.lines.iter().find(|line| line.contains("listens on")).unwrap();
        line.split("http://").nth(1).unwrap().split(' ').next().unwrap().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_bad_setting_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, says) in [
        ("PORT", "99999", "setting PORT (environment): \"99999\" is not allowed"),
        ("WAKEEPER_PORT", "1", "unknown setting WAKEEPER_PORT"),
        ("LOG_FORMAT", "xml", "allowed: text, json"),
        ("API_KEY_FILE", "/no/such/file", "setting API_KEY_FILE: cannot read /no/such/file"),
    ] {
        let output = run(wakeeper(folder.path()).arg("serve").env(name, value));
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(complaint(&output).contains(says), "{}", complaint(&output));
    }
    assert!(!folder.path().join("auth_info").exists(), "nothing was started");
    let output = run(wakeeper(folder.path()).arg("no-such-command"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_second_gateway_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Running::start(folder.path());
    let output = run(wakeeper(folder.path()).arg("serve"));
    assert_eq!(output.status.code(), Some(1));
    let line = complaint(&output);
    assert!(line.contains("auth_info") && line.contains("another wakeeper"), "{line}");
}

#[test]
fn a_port_in_use_is_refused_and_nothing_is_left_running() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = run(wakeeper(folder.path()).arg("serve").env("PORT", &port));
    assert_eq!(output.status.code(), Some(1));
    let line = complaint(&output);
    assert!(line.contains(&format!("port {port}")) && line.contains("PORT"), "{line}");
}

#[test]
fn a_file_where_the_folder_should_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("auth_info"), "").unwrap();
    let output = run(wakeeper(folder.path()).arg("serve"));
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("AUTH_INFO_DIR ./auth_info is a file"));
}

#[test]
fn the_key_is_shown_once_and_the_gateway_answers_health_checks() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("baileys_store.json")).unwrap();
    let key = {
        let mut first = Running::start(folder.path());
        first.read_until("to link a phone");
        let key = std::fs::read_to_string(folder.path().join("auth_info/api_key")).unwrap();
        assert!(first.lines.iter().any(|line| line.contains(key.trim())), "{:?}", first.lines);
        assert!(first.lines.iter().any(|line| line.contains("baileys_store.json is a directory")));
        assert!(!first.lines.iter().any(|line| line.contains('\u{1b}')), "colours without a terminal");
        let url = format!("http://{}/health", first.address());
        let output = run(wakeeper(folder.path()).args(["healthcheck", "--url", &url]));
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("\"status\":\"ok\""));
        key
    };
    let mut second = Running::start(folder.path());
    second.read_until("to link a phone");
    assert!(!second.lines.iter().any(|line| line.contains(key.trim())), "{:?}", second.lines);
    let output = run(wakeeper(folder.path()).args(["healthcheck", "--url", "http://127.0.0.1:1/health"]));
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn it_stops_when_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = Running::start(folder.path());
    let pid = gateway.child.id().to_string();
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(gateway.child.wait().unwrap().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10));
    let mut rest = String::new();
    gateway.rest.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("SIGTERM") && rest.contains("everything is on disk"), "{rest}");
}

#[test]
fn json_log_lines_are_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = wakeeper(folder.path());
    command.args(["serve", "--log-format", "json"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let value: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
    assert!(value["level"].is_string() && value["message"].is_string(), "{value}");
}

#[test]
fn completions_and_help_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(wakeeper(folder.path()).args(["completions", "bash"]));
    assert!(output.status.success() && String::from_utf8(output.stdout).unwrap().contains("_wakeeper"));
    let output = run(wakeeper(folder.path()).args(["serve", "--help"]));
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("Examples:") && help.contains("WHATSAPP_HOOK_URL"), "{help}");
}
