//! Schemathesis against the gateway of `wakeeper demo`: every operation of `openapi.json` is asked in many ways, and each answer
//! must be one that the document describes.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::checks::FEATURES;
use crate::run::{first_line, program, succeed, workspace};
use crate::system::pip;

/// The version that is known to work.
const PACKAGE: &str = "schemathesis==4.32.5";
/// Always the same questions, so that a failure can be looked at again.
const SEED: &str = "1";
/// Streams have no end, and a gateway that stops answers nothing more.
const NEVER: &str = "^/ws$|^/api/events$|^/api/server/stop$";
/// What ends a session comes when everything else was asked.
const ENDS: &str =
    "/logout$|/stop$|/restart$|^/api/sessions/\\{session\\}$|^/api/sessions/(start|stop|logout)$|/profile/";
/// What is judged otherwise, in `xtask/schemathesis/hooks.py`, and what the schemas do not say: formats of ids.
const OTHERWISE: &str =
    "not_a_server_error,negative_data_rejection,allow_header_conformance,positive_data_acceptance";

/// What asks for the limits ends after so many seconds: four times what it takes.
const LONGEST: &str = "180";

/// With a test, so that dependencies have the features that they have in tests: nothing is compiled twice.
const BUILD: [&str; 8] =
    ["build", "--workspace", FEATURES[0], FEATURES[1], "--bin", "wakeeper", "--test", "documents"];

/// How much is asked.
#[derive(Clone, Copy)]
pub enum Questions {
    /// Each parameter and field at its limits, once.
    Limits,
    /// These, and chosen ones for so many seconds.
    For(u64),
}

/// Asks everything.
pub fn run(questions: Questions) -> Result<(), String> {
    let tester = install()?;
    succeed(program("cargo", &BUILD))?;
    let gateway = Gateway::start()?;
    println!("schemathesis asks with seed {SEED}");
    let limits = ["--phases", "examples,coverage", "--max-time", LONGEST];
    let never = ["--exclude-path-regex", NEVER];
    let ends = format!("{NEVER}|{ENDS}");
    let all_but_ends = ["--exclude-path-regex", &ends];
    match questions {
        Questions::Limits => ask(&tester, &gateway, &[&limits[..], &all_but_ends].concat())?,
        Questions::For(seconds) => {
            let seconds = seconds.to_string();
            let chosen = ["--phases", "examples,coverage,fuzzing", "--max-time", &seconds];
            ask(&tester, &gateway, &[&chosen[..], &all_but_ends].concat())?;
        }
    }
    ask(&tester, &gateway, &[&limits[..], &never, &["--include-path-regex", ENDS]].concat())
}

/// Installs schemathesis, when it is missing; answers its program.
fn install() -> Result<String, String> {
    let environment = workspace().join("target/tools/schemathesis");
    let tester = environment.join("bin/st").to_string_lossy().into_owned();
    let version = PACKAGE.rsplit('=').next().unwrap_or_default();
    if first_line(&tester, &["--version"]).is_none_or(|line| !line.ends_with(version)) {
        succeed(program(&pip(&environment)?, &["install", "--quiet", PACKAGE]))?;
    }
    Ok(tester)
}

fn ask(tester: &str, gateway: &Gateway, chosen: &[&str]) -> Result<(), String> {
    let document = format!("{}/openapi.json", gateway.url);
    let key = format!("X-Api-Key: {}", gateway.key);
    let usual = [
        "run",
        &document,
        "--header",
        &key,
        "--seed",
        SEED,
        "--no-shrink",
        "--continue-on-failure",
        "--request-timeout",
        "20",
        "--checks",
        "all",
        "--exclude-checks",
        OTHERWISE,
        "--warnings",
        "off",
    ];
    let mut command = program(tester, &[&usual[..], chosen].concat());
    command
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", workspace().join("xtask/schemathesis"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("WAKEEPER_URL", &gateway.url)
        .env("WAKEEPER_KEY", &gateway.key)
        .current_dir(workspace().join("target/tools/schemathesis"));
    // Not shown as it is: the key stands in it.
    let status = command.status().map_err(|error| format!("cannot start schemathesis: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("schemathesis ended with {status}")) }
}

/// A gateway whose session is linked to the simulator, until it is dropped.
struct Gateway {
    child: Child,
    /// Read to its end, so that the gateway can go on printing.
    _output: BufReader<ChildStdout>,
    url: String,
    key: String,
}

impl Gateway {
    fn start() -> Result<Self, String> {
        let mut command = Command::new(workspace().join("target/debug/wakeeper"));
        command
            .args(["demo", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let failed = |error: std::io::Error| format!("`wakeeper demo` did not start: {error}");
        let mut child = command.spawn().map_err(failed)?;
        let output = child.stdout.take().map(BufReader::new);
        let mut output = output.ok_or("`wakeeper demo` has no output")?;
        let (mut url, mut key) = (String::new(), String::new());
        let mut line = String::new();
        // Its conversation is over then: chats, messages and a group are there.
        while !line.starts_with("Your turn") {
            line.clear();
            if output.read_line(&mut line).map_err(failed)? == 0 {
                let _ = child.kill();
                let _ = child.wait();
                return Err("`wakeeper demo` ended before its conversation did".to_owned());
            }
            let told = |what| line.trim().strip_prefix(what).map(|rest: &str| rest.trim().to_owned());
            url = told("Start page").unwrap_or(url);
            key = told("API key").unwrap_or(key);
        }
        Ok(Self { child, _output: output, url: url.trim_end_matches('/').to_owned(), key })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
