//! Chores of the project: `cargo xtask ci` installs what the tests need and runs every check and test.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line chore speaks on the terminal")]

mod checks;
mod docker;
mod fuzz;
mod run;
mod system;
mod told_again;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <command>

  ci        install what the tests need, then run every check and test (prints `N passed, N failed`)
  setup     only install what the tests need
  docker-tests
            run the session guide and the monitor on a Docker engine that is installed and started for it (as root)
  docker COMMAND...
            run a command with the tests' Docker engine started, for example cargo nextest run -E 'test(guide)'
  fuzz [S]  fuzz the session doctor's parsers and its archive reader, S seconds each (600 unless said otherwise)
  openapi   write openapi.json anew from the code
  findings  write docs/findings.md anew from the findings' doc comments
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ci"] => return checks::ci(),
        ["setup"] => system::setup().map(drop),
        ["docker-tests"] => checks::docker_tests(),
        ["docker", name, rest @ ..] => checks::with_engine(name, rest),
        ["fuzz"] => fuzz::fuzz(600),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::fuzz(seconds),
            Err(_) => Err(format!("{seconds} is no number of seconds")),
        },
        ["openapi"] => checks::write_openapi(),
        ["findings"] => checks::write_findings(),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}
