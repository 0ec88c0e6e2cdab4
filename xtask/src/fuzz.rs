//! Coverage-guided fuzzing on stable Rust: the compiler's own coverage pass is switched on by codegen options, and
//! libFuzzer, which the `libfuzzer-sys` crate brings along, does the rest.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{program, succeed, watched, workspace};
use crate::system;

/// What `cargo-fuzz` uses too, without a sanitizer, which would need a nightly compiler.
const INSTRUMENTATION: &str = "-C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";
/// The target with a bug on purpose, and how long it may take to find it.
const PLANTED: (&str, u64) = ("planted", 120);
/// The targets.
const TARGETS: [&str; 5] = ["file", "log", "store", "archive", "walker"];
/// The longest input; a session file is seldom longer.
const MAX_LENGTH: usize = 16 * 1024;

/// Builds all targets and runs each for so many seconds.
pub fn fuzz(seconds: u64) -> Result<(), String> {
    system::compiler()?;
    let programs = build()?;
    find_the_planted_bug(&programs)?;
    for target in TARGETS {
        let coverage = run(&programs, target, seconds)?;
        println!("fuzzed `{target}` for {seconds} s: {coverage}");
    }
    Ok(())
}

/// Where the built targets are.
fn build() -> Result<PathBuf, String> {
    let version =
        program("rustc", &["-vV"]).output().map_err(|error| format!("cannot run rustc: {error}"))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?;
    let folder = workspace().join("target/fuzz");
    let shown = folder.to_string_lossy().into_owned();
    // With a target named, build scripts and macros are not instrumented.
    let mut command = program(
        "cargo",
        &[
            "build",
            "--release",
            "--locked",
            "--manifest-path",
            "fuzz/Cargo.toml",
            "--target-dir",
            &shown,
            "--target",
            host,
        ],
    );
    command.env("RUSTFLAGS", INSTRUMENTATION);
    succeed(command)?;
    Ok(folder.join(host).join("release"))
}

fn command(programs: &Path, target: &str, arguments: &[String]) -> Command {
    let mut command = program(&programs.join(target).to_string_lossy(), &[]);
    command.args(arguments);
    command
}

/// A fuzzer that sees which branches are taken finds it in seconds; one that does not, never.
fn find_the_planted_bug(programs: &Path) -> Result<(), String> {
    let (target, seconds) = PLANTED;
    let found = folder(&format!("found/{target}"))?;
    let arguments = [
        format!("-artifact_prefix={}/", found.display()),
        format!("-max_total_time={seconds}"),
        "-verbosity=0".to_owned(),
    ];
    let mut seen = false;
    let ended_well = watched(command(programs, target, &arguments), |line| {
        seen |= line.contains("found the planted bug");
        true
    })?;
    if seen && !ended_well {
        Ok(())
    } else {
        Err("the fuzzer is blind: it did not find the planted bug".to_owned())
    }
}

/// Runs a target and says what it covered.
fn run(programs: &Path, target: &str, seconds: u64) -> Result<String, String> {
    // What is found stays for the next run.
    let corpus = folder(&format!("corpus/{target}"))?;
    let found = folder(&format!("found/{target}"))?;
    plant_seeds(target, &corpus)?;
    let arguments = [
        corpus.display().to_string(),
        format!("-artifact_prefix={}/", found.display()),
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_LENGTH}"),
        "-timeout=20".to_owned(),
        "-rss_limit_mb=1024".to_owned(),
        "-print_final_stats=1".to_owned(),
    ];
    let mut coverage = Coverage::default();
    let ended_well = watched(command(programs, target, &arguments), |line| {
        coverage.read(line);
        !is_progress(line)
    })?;
    if ended_well {
        return coverage.told();
    }
    let program = programs.join(target);
    Err(format!(
        "`{target}` found something: run `{} <file>` with the file in {}",
        program.display(),
        found.display()
    ))
}

/// A folder below `target/fuzz`, made when it is missing.
fn folder(name: &str) -> Result<PathBuf, String> {
    let folder = workspace().join("target/fuzz").join(name);
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    Ok(folder)
}

/// Genuine inputs to begin with.
fn plant_seeds(target: &str, corpus: &Path) -> Result<(), String> {
    let session = workspace().join("crates/doctor");
    match target {
        "file" => {
            for fixture in items(&session.join("fixtures"))?.into_iter().filter(|path| path.is_dir()) {
                for file in files(&fixture)? {
                    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let folder = fixture.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    let seed = [name.as_bytes(), b"\n", &read(&file)?].concat();
                    write(&corpus.join(format!("seed-{folder}-{name}")), &seed)?;
                }
            }
            Ok(())
        }
        // The tables hold a line for each pattern.
        "log" => {
            copy(&session.join("src/symptoms"), corpus)?;
            copy(&session.join("fixtures/logs"), corpus)
        }
        other => copy(&workspace().join("fuzz/seeds").join(other), corpus),
    }
}

fn copy(from: &Path, corpus: &Path) -> Result<(), String> {
    for file in files(from)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        write(&corpus.join(format!("seed-{name}")), &read(&file)?)?;
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    Ok(items(folder)?.into_iter().filter(|path| path.is_file()).collect())
}

fn items(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("cannot list {}: {error}", folder.display());
    let items = std::fs::read_dir(folder).map_err(failed)?;
    items.map(|item| item.map(|item| item.path()).map_err(failed)).collect()
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

fn write(file: &Path, content: &[u8]) -> Result<(), String> {
    std::fs::write(file, content).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Whether libFuzzer only says how it comes along: new coverage, what to put into a dictionary, statistics.
fn is_progress(line: &str) -> bool {
    ["#", "\"", "stat::", "\tNEW_FUNC"].iter().any(|start| line.starts_with(start))
}

/// What libFuzzer says of itself, line by line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Coverage {
    first: Option<u64>,
    last: Option<u64>,
    executions: Option<u64>,
}

impl Coverage {
    /// Reads lines such as `#123 NEW cov: 45 ft: 67 ...` and `stat::number_of_executed_units: 890`.
    fn read(&mut self, line: &str) {
        if let Some(count) = number_after(line, "cov: ") {
            self.first = self.first.or(Some(count));
            self.last = Some(count);
        }
        self.executions = number_after(line, "stat::number_of_executed_units: ").or(self.executions);
    }

    fn told(&self) -> Result<String, String> {
        match (self.first, self.last, self.executions) {
            (Some(first), Some(last), Some(executions)) if last > 0 => {
                Ok(format!("{executions} inputs, {first} edges covered at first and {last} at last"))
            }
            _ => Err("the fuzzer says nothing of its coverage".to_owned()),
        }
    }
}

fn number_after(line: &str, label: &str) -> Option<u64> {
    let rest = line.split_once(label)?.1.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Coverage;

    #[test]
    fn reads_what_libfuzzer_says() {
        let mut coverage = Coverage::default();
        for line in [
            "INFO: Seed: 1",
            "#4\tINITED cov: 120 ft: 121 corp: 3/2b exec/s: 0 rss: 30Mb",
            "#99\tNEW    cov: 125 ft: 130 corp: 4/9b lim: 4 exec/s: 0 rss: 31Mb L: 4/4 MS: 1 ChangeBit-",
            "stat::number_of_executed_units: 4711",
        ] {
            coverage.read(line);
        }
        assert_eq!(coverage, Coverage { first: Some(120), last: Some(125), executions: Some(4711) });
        assert!(coverage.told().is_ok());
        assert!(Coverage::default().told().is_err(), "a silent fuzzer is a failure");
    }
}
