//! The checks and tests of `cargo xtask ci`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::docker::Engine;
use crate::fuzz;
use crate::run::{program, succeed, watched};
use crate::system;

/// Cargo features that every check and test is built with, so that nothing is compiled twice.
const FEATURES: [&str; 2] = ["--features", "wakeeper/demo"];

/// Runs tests, all of them even when one fails.
const TESTS: [&str; 6] = ["nextest", "run", "--workspace", FEATURES[0], FEATURES[1], "--no-fail-fast"];

/// The tests that need a Docker engine.
const DOCKER_TESTS: &str = "binary(guide) | binary(monitor)";

/// How long each fuzz target runs in `ci`.
const FUZZ_SECONDS: u64 = 20;

/// How many checks and tests went well and badly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Reads nextest's closing line, for example
    /// `Summary [  12.3s] 10 tests run: 8 passed (1 slow), 1 failed, 1 timed out, 0 skipped`.
    fn from_summary(line: &str) -> Option<Tally> {
        let counts = line.trim_start().strip_prefix("Summary [")?.split_once("run:")?.1;
        let count = |word: &str| {
            let before = counts.split(word).next().filter(|_| counts.contains(word))?;
            before.rsplit([' ', ',', '(']).find(|part| !part.is_empty())?.parse::<u64>().ok()
        };
        let failed = [" failed", " timed out", " exec failed"].iter().filter_map(|word| count(word)).sum();
        Some(Tally { passed: count(" passed").unwrap_or(0), failed })
    }
}

/// Which tests failed and with which words, to be said once more at the very end: where only the last lines of a run are
/// kept, they are the ones that matter.
#[derive(Debug, Default)]
struct Failures {
    lines: Vec<String>,
    /// How many more lines belong to the panic that was seen last.
    rest_of_panic: usize,
}

impl Failures {
    /// Lines that are kept of a panic: where it was, its message, and a good part of what it compared.
    const OF_PANIC: usize = 12;

    /// Reads a line of nextest, which shows the output of failed tests only.
    fn read(&mut self, line: &str) {
        let text = line.trim_start();
        let starts_panic = text.starts_with("thread '") && text.contains(" panicked at ");
        let verdict = text.split(" [").next().unwrap_or_default();
        let is_failed =
            ["FAIL", "TIMEOUT", "ABORT", "SIGABRT", "SIGKILL", "SIGSEGV", "LEAK-FAIL"].iter().any(|word| {
                verdict
                    .strip_suffix(word)
                    .is_some_and(|before| before.is_empty() || before.starts_with("TRY "))
            });
        if starts_panic {
            self.rest_of_panic = Self::OF_PANIC;
        } else if text.starts_with("note: run with") || text == "stack backtrace:" {
            self.rest_of_panic = 0;
        }
        if self.rest_of_panic > 0 || is_failed {
            self.rest_of_panic = self.rest_of_panic.saturating_sub(1);
            // nextest names a test when it fails, and all of them again at its end.
            if !(is_failed && self.lines.iter().any(|told| told == text)) {
                self.lines.push(text.to_owned());
            }
        }
    }

    fn print(&self) {
        if !self.lines.is_empty() {
            println!("\n== what failed");
        }
        for line in &self.lines {
            println!("{}", line.chars().take(400).collect::<String>());
        }
    }
}

/// Installs what is missing, runs every check and test, and prints `N passed, N failed` last.
pub fn ci() -> ExitCode {
    let mut tally = Tally::default();
    let mut failures = Failures::default();
    let started = Instant::now();
    let told_again = crate::told_again::begin();
    let environment = match system::setup() {
        Ok(environment) => environment,
        Err(reason) => {
            eprintln!("xtask: what the tests need could not be installed: {reason}");
            println!("0 passed, 1 failed");
            return ExitCode::FAILURE;
        }
    };
    // Making its images mostly waits for packages, and so does it beside the compiler.
    let node = environment.node().map(Path::to_owned);
    let engine = std::thread::spawn(move || Engine::start(node.as_deref()));
    let checks: [(&str, &[&str]); 4] = [
        ("format", &["fmt", "--all", "--check"]),
        (
            "clippy",
            &["clippy", "--workspace", "--all-targets", FEATURES[0], FEATURES[1], "--", "-D", "warnings"],
        ),
        ("dependencies", &["deny", "check", "bans", "licenses", "sources"]),
        ("build", &["build", "--workspace", "--all-targets", FEATURES[0], FEATURES[1]]),
    ];
    for (name, arguments) in checks {
        tally.add(timed(name, || {
            let mut command = program("cargo", arguments);
            environment.apply(&mut command);
            one(succeed(command), &mut failures)
        }));
    }
    tally.add(timed("tests", || {
        let others = format!("not ({DOCKER_TESTS})");
        tests(&environment, None, &[&TESTS[..], &["-E", &others]].concat(), &mut failures)
    }));
    // By themselves: the monitor's are about how soon something happens.
    tally.add(timed("tests on a Docker engine", || match engine.join() {
        Ok(Ok(engine)) => {
            let arguments = [&TESTS[..], &["-E", DOCKER_TESTS]].concat();
            tests(&environment, Some(&engine), &arguments, &mut failures)
        }
        Ok(Err(reason)) => one(Err(reason), &mut failures),
        Err(_) => one(Err("the Docker engine's start broke off".to_owned()), &mut failures),
    }));
    // Built without the demo feature, as it is shipped: it must refuse the simulator.
    tally.add(timed("tests of the production build", || {
        let arguments = ["nextest", "run", "--package", "wakeeper-engine", "--test", "production"];
        tests(&environment, None, &arguments, &mut failures)
    }));
    tally.add(timed("fuzzing, briefly", || one(fuzz::fuzz(FUZZ_SECONDS), &mut failures)));
    failures.print();
    match told_again.and_then(|()| crate::told_again::closing_lines()) {
        Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
        Err(reason) => tally.add(one(Err(reason), &mut failures)),
    }
    println!("all checks and tests took {} s", started.elapsed().as_secs());
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 && tally.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the session guide and the monitor on a real Docker engine, which is installed and started for it.
pub fn docker_tests() -> Result<(), String> {
    with_engine("cargo", &[&TESTS[..], &["-E", DOCKER_TESTS]].concat())
}

/// Runs a command with everything that the tests need, the Docker engine among it.
pub fn with_engine(name: &str, arguments: &[&str]) -> Result<(), String> {
    let environment = system::setup()?;
    let engine = Engine::start(environment.node())?;
    let mut command = program(name, arguments);
    environment.apply(&mut command);
    engine.apply(&mut command);
    succeed(command)
}

/// Writes `openapi.json` from the code's own description.
pub fn write_openapi() -> Result<(), String> {
    let mut command =
        program("cargo", &["test", "--package", "wakeeper-gateway", "--features", "demo", "openapi"]);
    command.env("WAKEEPER_WRITE_OPENAPI", "1");
    succeed(command)
}

/// Writes `docs/findings.md` from the findings' own doc comments.
pub fn write_findings() -> Result<(), String> {
    let mut command =
        program("cargo", &["test", "--package", "wakeeper-doctor", "--lib", "the_page_is_up_to_date"]);
    command.env("WAKEEPER_WRITE_FINDINGS", "1");
    succeed(command)
}

fn timed(name: &str, check: impl FnOnce() -> Tally) -> Tally {
    let started = Instant::now();
    println!("\n== {name}");
    let tally = check();
    println!(
        "== {name}: {} passed, {} failed, {} s",
        tally.passed,
        tally.failed,
        started.elapsed().as_secs()
    );
    tally
}

fn one(result: Result<(), String>, failures: &mut Failures) -> Tally {
    match result {
        Ok(()) => Tally { passed: 1, failed: 0 },
        Err(reason) => {
            eprintln!("xtask: {reason}");
            failures.lines.push(reason);
            Tally { passed: 0, failed: 1 }
        }
    }
}

/// Runs tests. A run that fails without saying which test failed (it did not build, say) counts as one failure.
fn tests(
    environment: &system::Environment,
    engine: Option<&Engine>,
    arguments: &[&str],
    failures: &mut Failures,
) -> Tally {
    let mut command = program("cargo", arguments);
    environment.apply(&mut command);
    if let Some(engine) = engine {
        engine.apply(&mut command);
    }
    let mut summary = None;
    let ended_well = watched(command, |line| {
        failures.read(line);
        summary = Tally::from_summary(line).or(summary);
        true
    });
    match (ended_well, summary) {
        (Ok(true), Some(tally)) => tally,
        (Ok(false), Some(tally)) if tally.failed > 0 => tally,
        (Err(reason), _) => one(Err(reason), failures),
        (Ok(_), tally) => {
            let broken = one(Err(format!("`cargo {}` ended badly", arguments.join(" "))), failures);
            Tally { failed: broken.failed, ..tally.unwrap_or_default() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Failures, Tally};

    #[test]
    fn says_again_what_failed() {
        let mut failures = Failures::default();
        let failed = "        FAIL [   1.234s] (3/9) wakeeper-e2e::e2e care::by_number";
        let panic = "    thread 'care::by_number' (77) panicked at tests/e2e/care.rs:5:9:";
        for line in [
            "        PASS [   0.1s] (2/9) a::b c",
            failed,
            "  stderr ───",
            panic,
            "    left: 1",
            "    note: run with",
        ] {
            failures.read(line);
        }
        for line in ["     Summary [   2.0s] 9 tests run: 8 passed, 1 failed, 0 skipped", failed] {
            failures.read(line);
        }
        assert_eq!(failures.lines[0], failed.trim_start());
        assert_eq!(failures.lines[1..3], [panic.trim_start(), "left: 1"]);
        assert!(!failures.lines.iter().any(|line| line.starts_with("PASS") || line.starts_with("Summary")));
        assert_eq!(failures.lines.iter().filter(|line| line.starts_with("FAIL")).count(), 1, "{failures:?}");
    }

    #[test]
    fn reads_the_closing_line_of_a_run() {
        let line = "     Summary [  12.345s] 10 tests run: 7 passed (1 slow, 1 flaky), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(Tally::from_summary(line), Some(Tally { passed: 7, failed: 3 }));
        let line = "     Summary [   0.012s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(Tally::from_summary(line), Some(Tally { passed: 1, failed: 0 }));
        let line = "     Summary [   0.012s] 0 tests run: 0 passed, 0 skipped";
        assert_eq!(Tally::from_summary(line), Some(Tally { passed: 0, failed: 0 }));
    }

    #[test]
    fn other_lines_are_no_summary() {
        assert_eq!(Tally::from_summary("        PASS [   0.1s] wakeeper::Summary 3 passed"), None);
        assert_eq!(Tally::from_summary("3 passed, 0 failed"), None);
    }
}
