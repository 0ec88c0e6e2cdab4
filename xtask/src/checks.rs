//! The tiers: `quick`, `test AREA`, `e2e`, `docker`, `ci` and `long`, each with the stages before it or a part of them.

use std::path::Path;
use std::process::ExitCode;

use crate::area::{Areas, E2E};
use crate::docker::Engine;
use crate::fuzz;
use crate::run::{program, succeed, watched};
use crate::schemathesis::{self, Questions};
use crate::system::{self, Environment};
use crate::tally::{Failures, Tally};
use crate::tier::Tier;

/// Cargo features that every check and test is built with, so that nothing is compiled twice.
pub const FEATURES: [&str; 2] = ["--features", "wakeeper/demo"];

/// Runs tests, all of them even when one fails.
const TESTS: [&str; 6] = ["nextest", "run", "--workspace", FEATURES[0], FEATURES[1], "--no-fail-fast"];

/// The tests that need a Docker engine.
const DOCKER_TESTS: &str = "binary(guide) | binary(monitor)";

const FORMAT: [&str; 3] = ["fmt", "--all", "--check"];
const CLIPPY: [&str; 8] =
    ["clippy", "--workspace", "--all-targets", FEATURES[0], FEATURES[1], "--", "-D", "warnings"];
const DEPENDENCIES: [&str; 5] = ["deny", "check", "bans", "licenses", "sources"];
const BUILD: [&str; 5] = ["build", "--workspace", "--all-targets", FEATURES[0], FEATURES[1]];

/// How much of what has no natural end is done.
#[derive(Clone, Copy)]
pub enum Extent {
    /// A small fixed part.
    Part,
    /// All of it.
    Full,
}

impl Extent {
    /// How long each fuzz target runs.
    fn fuzz_seconds(self) -> u64 {
        match self {
            Self::Part => 8,
            Self::Full => 600,
        }
    }

    /// The tests read and print it: how often those run that try other moments and failures each time.
    fn apply(self, environment: &mut Environment) {
        if matches!(self, Self::Full) {
            environment.set("WAKEEPER_TEST_ROUNDS", "10");
            // Without the time limits of a single round.
            environment.set("NEXTEST_PROFILE", "long");
        }
    }
}

/// Format, clippy, and the tests that start no other program.
pub fn quick() -> ExitCode {
    let mut tier = Tier::begin("quick");
    if let Some(environment) = prepared(&mut tier, system::tools) {
        check(&mut tier, &environment, "format", &FORMAT);
        check(&mut tier, &environment, "clippy", &CLIPPY);
        tier.stage("in-process tests", |failures| match Areas::of_the_workspace() {
            Ok(areas) => selected(&environment, &areas.in_process(), &[], failures),
            Err(reason) => one(Err(reason), failures),
        });
    }
    tier.end()
}

/// The tests of a crate, or of a module of the end-to-end tests. `rest` goes to nextest, such as a part of a test's name.
pub fn test(area: &str, rest: &[&str]) -> ExitCode {
    let selection = match Areas::of_the_workspace().and_then(|areas| areas.find(area)) {
        Ok(selection) => selection,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            return ExitCode::from(2);
        }
    };
    let mut tier = Tier::begin("test");
    let prepare = if selection.end_to_end { system::setup } else { system::tools };
    if let Some(environment) = prepared(&mut tier, prepare) {
        tier.stage(area, |failures| selected(&environment, &selection, rest, failures));
    }
    tier.end()
}

/// What `test` may be given.
pub fn areas() -> Result<String, String> {
    Areas::of_the_workspace().map(|areas| areas.told())
}

/// The end-to-end tests that need no Docker engine.
pub fn e2e() -> ExitCode {
    let mut tier = Tier::begin("e2e");
    if let Some(environment) = prepared(&mut tier, system::setup) {
        tier.stage("end-to-end tests", |failures| {
            let filter = format!("binary_id(={E2E}::e2e)");
            tests(&environment, None, &[&TESTS[..], &["--test", "e2e", "-E", &filter]].concat(), failures)
        });
        told_again(&mut tier);
    }
    tier.end()
}

/// The session guide and the monitor on a real Docker engine, which is installed and started for it.
pub fn docker() -> ExitCode {
    let mut tier = Tier::begin("docker");
    if let Some(environment) = prepared(&mut tier, system::setup) {
        let engine = Engine::start(environment.node());
        on_an_engine(&mut tier, &environment, engine);
    }
    tier.end()
}

/// Every check and test, and so much of what has no end.
pub fn everything(name: &'static str, extent: Extent) -> ExitCode {
    let mut tier = Tier::begin(name);
    let Some(mut environment) = prepared(&mut tier, system::all) else { return tier.end() };
    extent.apply(&mut environment);
    // Making its images mostly waits for packages, and so does it beside the compiler.
    let node = environment.node().map(Path::to_owned);
    let engine = std::thread::spawn(move || Engine::start(node.as_deref()));
    check(&mut tier, &environment, "format", &FORMAT);
    check(&mut tier, &environment, "clippy", &CLIPPY);
    check(&mut tier, &environment, "dependencies", &DEPENDENCIES);
    check(&mut tier, &environment, "build", &BUILD);
    tier.stage("tests", |failures| {
        let others = format!("not ({DOCKER_TESTS})");
        tests(&environment, None, &[&TESTS[..], &["-E", &others]].concat(), failures)
    });
    // By themselves: they fill the machine.
    let engine = engine.join().unwrap_or_else(|_| Err("the Docker engine's start broke off".to_owned()));
    on_an_engine(&mut tier, &environment, engine);
    // Built without the demo feature, as it is shipped: it must refuse the simulator.
    tier.stage("tests of the production build", |failures| {
        let arguments = ["nextest", "run", "--package", "wakeeper-engine", "--test", "production"];
        tests(&environment, None, &arguments, failures)
    });
    if matches!(extent, Extent::Full) {
        tier.stage("answers as openapi.json describes them", |failures| {
            one(schemathesis::run(Questions::For(600)), failures)
        });
    }
    let seconds = extent.fuzz_seconds();
    tier.stage(&format!("fuzzing, {seconds} s each"), |failures| one(fuzz::fuzz(seconds), failures));
    told_again(&mut tier);
    tier.end()
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

/// Installs what a tier needs; a failure is a stage of its own.
fn prepared(tier: &mut Tier, install: impl FnOnce() -> Result<Environment, String>) -> Option<Environment> {
    match crate::told_again::begin().and_then(|()| install()) {
        Ok(environment) => Some(environment),
        Err(reason) => {
            let reason = format!("what the tests need could not be installed: {reason}");
            tier.stage("setup", |failures| one(Err(reason), failures));
            None
        }
    }
}

fn check(tier: &mut Tier, environment: &Environment, name: &str, arguments: &[&str]) {
    tier.stage(name, |failures| {
        let mut command = program("cargo", arguments);
        environment.apply(&mut command);
        one(succeed(command), failures)
    });
}

fn on_an_engine(tier: &mut Tier, environment: &Environment, engine: Result<Engine, String>) {
    tier.stage("tests on a Docker engine", |failures| match engine {
        Ok(engine) => {
            let arguments = [&TESTS[..], &["-E", DOCKER_TESTS]].concat();
            tests(environment, Some(&engine), &arguments, failures)
        }
        Err(reason) => one(Err(reason), failures),
    });
}

/// Says how often a conversation had to be told again.
fn told_again(tier: &mut Tier) {
    match crate::told_again::closing_lines() {
        Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
        Err(reason) => tier.stage("conversations told again", |failures| one(Err(reason), failures)),
    }
}

fn one(result: Result<(), String>, failures: &mut Failures) -> Tally {
    match result {
        Ok(()) => Tally { passed: 1, failed: 0 },
        Err(reason) => {
            eprintln!("xtask: {reason}");
            failures.note(reason);
            Tally { passed: 0, failed: 1 }
        }
    }
}

fn selected(
    environment: &Environment,
    selection: &crate::area::Selection,
    rest: &[&str],
    failures: &mut Failures,
) -> Tally {
    let targets: Vec<&str> = selection.targets.iter().map(String::as_str).collect();
    tests(environment, None, &[&TESTS[..], &targets, &["-E", &selection.filter], rest].concat(), failures)
}

/// Runs tests. A run that fails without saying which test failed (it did not build, say) counts as one failure.
fn tests(
    environment: &Environment,
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
