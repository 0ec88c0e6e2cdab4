//! `cargo xtask bench`: builds what is measured, installs what it is measured with, and runs `bench/`.

use std::path::PathBuf;

use crate::run::{program, succeed, workspace};
use crate::system;

/// The profile of what is published.
const PROFILE: &str = "release";
/// The profile that tests are built with.
const TESTS: &str = "dev";

/// What was asked for on the command line, beside what `wakeeper-bench` itself is given.
struct Asked<'a> {
    profile: &'a str,
    /// A program that is built already.
    is_built: bool,
    rest: Vec<&'a str>,
}

impl<'a> Asked<'a> {
    fn read(arguments: &[&'a str]) -> Result<Self, String> {
        let mut asked = Self { profile: PROFILE, is_built: false, rest: Vec::new() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if *word == "--profile" {
                asked.profile = words.next().ok_or("`--profile` takes a profile of Cargo")?;
                continue;
            }
            asked.is_built |= *word == "--wakeeper" || word.starts_with("--wakeeper=");
            asked.rest.push(word);
        }
        Ok(asked)
    }

    /// Whichever programs are built, the features are those of the demo build, which talks to the simulator. The profile of the
    /// tests is built as they build it, so that nothing is compiled twice.
    fn build(&self) -> Vec<&str> {
        let packages = ["--package", "wakeeper", "--package", "wakeeper-bench"];
        let packages = if self.profile == TESTS { &["--workspace"][..] } else { &packages[..] };
        let programs = ["--bin", "wakeeper-bench", "--bin", "wakeeper"];
        let programs = if self.is_built { &programs[..2] } else { &programs[..] };
        [&["build", "--profile", self.profile, "--features", "wakeeper/demo"], packages, programs].concat()
    }

    fn folder(&self) -> PathBuf {
        workspace().join("target").join(if self.profile == TESTS { "debug" } else { self.profile })
    }
}

/// Measures the parts that are named, or all.
pub fn bench(arguments: &[&str]) -> Result<(), String> {
    let asked = Asked::read(arguments)?;
    let environment = system::setup()?;
    succeed(program("cargo", &asked.build()))?;
    let path = |name: &str| asked.folder().join(name).to_string_lossy().into_owned();
    let mut command = program(&path("wakeeper-bench"), &asked.rest);
    if !asked.is_built {
        command.args(["--wakeeper", &path("wakeeper")]);
    }
    environment.apply(&mut command);
    succeed(command)
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn the_published_profile_is_measured_unless_said_otherwise() {
        let asked = Asked::read(&["send", "--rounds", "3"]).unwrap();
        assert_eq!((asked.profile, asked.rest.as_slice()), ("release", &["send", "--rounds", "3"][..]));
        assert!(asked.folder().ends_with("target/release"));
        assert!(asked.build().ends_with(&["--bin", "wakeeper"]));
    }

    #[test]
    fn a_program_that_is_there_is_not_built_again() {
        let asked = Asked::read(&["--profile", "dev", "--wakeeper", "else/where"]).unwrap();
        assert_eq!((asked.profile, asked.rest.as_slice()), ("dev", &["--wakeeper", "else/where"][..]));
        assert!(asked.folder().ends_with("target/debug"));
        assert!(asked.build().ends_with(&["--bin", "wakeeper-bench"]));
        assert!(Asked::read(&["--profile"]).is_err());
    }
}
