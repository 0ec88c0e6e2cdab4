//! Chores of the project: `cargo xtask ci` installs what the tests need and runs every check and test.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line chore speaks on the terminal")]

mod area;
mod bench;
mod checks;
mod docker;
mod fuzz;
mod package;
mod run;
mod schemathesis;
mod system;
mod tally;
mod tier;
mod told_again;

use std::process::ExitCode;

use checks::Extent;
use schemathesis::Questions;

const USAGE: &str = "\
Usage: cargo xtask <command>

Checks and tests, from small to large; the last line reads `N passed, N failed`:
  quick     format, clippy, and the tests that start no other program
  test AREA [NAME...]
            the tests of a crate or of a module of the end-to-end tests, or some of them by a part of their name
  e2e       the end-to-end tests: the built program, the simulator and real Baileys
  docker    the session guide and the monitor on a Docker engine that is installed and started for it (as root)
  ci        every check and test, with a small part of what has no end
  long      the same, with ten rounds of the tests that choose by seed, and 600 s of fuzzing for each target

Chores:
  areas     what `test` can be given
  setup     only install what the tests need
  docker COMMAND...
            run a command with the tests' Docker engine started, for example cargo nextest run -E 'test(guide)'
  fuzz [S]  fuzz the session doctor's parsers and its archive reader, S seconds each (600 unless said otherwise)
  schemathesis [S]
            ask every operation of openapi.json of a demo gateway at its limits, and for S seconds in chosen ways; each answer must
            be one that is described
  openapi   write openapi.json anew from the code
  findings  write docs/findings.md anew from the findings' doc comments
  bench [PART...]
            measure wakeeper against bare whatsapp-rust, Baileys, tar, jq and grep, and write bench/RESULTS.md; builds what is
            published unless `--wakeeper FILE` names a demo build or `--profile dev` another profile (`bench --help`)
  package   make what people install: static programs, archives, Debian packages, checksums (`package --help`)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["quick"] => return checks::quick(),
        ["test", area, rest @ ..] => return checks::test(area, rest),
        ["test"] => checks::areas().and_then(|areas| Err(format!("`test` takes an area. {areas}"))),
        ["areas"] => checks::areas().map(|areas| println!("{areas}")),
        ["e2e"] => return checks::e2e(),
        // The second one is its older name.
        ["docker" | "docker-tests"] => return checks::docker(),
        ["ci"] => return checks::everything("ci", Extent::Part),
        ["long"] => return checks::everything("long", Extent::Full),
        ["setup"] => system::all().map(drop),
        ["docker", name, rest @ ..] => checks::with_engine(name, rest),
        ["fuzz"] => fuzz::fuzz(600),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::fuzz(seconds),
            Err(_) => Err(format!("{seconds} is no number of seconds")),
        },
        ["schemathesis"] => schemathesis::run(Questions::Limits),
        ["schemathesis", seconds] => match seconds.parse() {
            Ok(seconds) => schemathesis::run(Questions::For(seconds)),
            Err(_) => Err(format!("{seconds} is no number of seconds")),
        },
        ["openapi"] => checks::write_openapi(),
        ["findings"] => checks::write_findings(),
        ["bench", rest @ ..] => bench::bench(rest),
        ["package", "--help" | "-h"] => {
            print!("{}", package::USAGE);
            return ExitCode::SUCCESS;
        }
        ["package", rest @ ..] => package::package(rest),
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
