//! `cargo xtask package`: what people can install. A static program for each processor, in an archive and a Debian package, with
//! the list of what is in it, the licences and checksums. Publishing stays with a person: docs/releasing.md.

mod archive;
mod build;
mod components;
mod deb;
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use program::Program;

use crate::run::{first_line, output, program as command, succeed, workspace};

/// How the command is used.
pub const USAGE: &str = "\
Usage: cargo xtask package [OPTIONS]

Makes archives, Debian packages, a list of components and checksums in target/package.

  --target TRIPLE   build for this target: x86_64-unknown-linux-musl or aarch64-unknown-linux-musl (both, unless one is named)
  --binary FILE     package this program instead of building one; may be given once for each processor
  --out FOLDER      where the files go; what lies there is replaced
  --for-tests       also takes a program that is not static, or a demo build: never give such a package to anybody
";

/// What was asked for.
#[derive(Debug, Default)]
struct Wanted {
    targets: Vec<String>,
    binaries: Vec<PathBuf>,
    out: Option<PathBuf>,
    for_tests: bool,
}

/// What all files of a release have in common.
struct Release {
    version: String,
    /// Seconds since 1970 of the last commit: whoever packages the same programs again gets the same bytes.
    epoch: String,
    /// Files that every archive and package holds, made once.
    shared: PathBuf,
    out: PathBuf,
}

/// Runs the command.
pub fn package(arguments: &[&str]) -> Result<(), String> {
    let wanted = read(arguments)?;
    let out = wanted.out.clone().unwrap_or_else(|| workspace().join("target/package"));
    let programs = programs(&wanted)?;
    empty(&out)?;
    let shared = out.join("shared");
    empty(&shared)?;
    let release = Release { version: version()?, epoch: epoch()?, shared, out };
    by_itself(&release, &programs)?;
    components::write(&release, &programs)?;
    for program in &programs {
        archive::make(&release, program)?;
        deb::make(&release, program)?;
    }
    fs::remove_dir_all(&release.shared).map_err(|error| failed(&release.shared, &error))?;
    checksums(&release.out)?;
    println!("Made in {}:", release.out.display());
    for name in names(&release.out)? {
        let size = fs::metadata(release.out.join(&name)).map_or(0, |metadata| metadata.len());
        println!("  {:>9} kB  {name}", size.div_ceil(1000));
    }
    Ok(())
}

fn read(arguments: &[&str]) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().copied().ok_or_else(|| format!("{argument} needs a value\n\n{USAGE}"));
        match *argument {
            "--target" => wanted.targets.push(value()?.to_owned()),
            "--binary" => wanted.binaries.push(PathBuf::from(value()?)),
            "--out" => wanted.out = Some(PathBuf::from(value()?)),
            "--for-tests" => wanted.for_tests = true,
            other => return Err(format!("unknown argument {other}\n\n{USAGE}")),
        }
    }
    if !wanted.targets.is_empty() && !wanted.binaries.is_empty() {
        return Err("--target builds and --binary does not: give one of them".to_owned());
    }
    Ok(wanted)
}

fn programs(wanted: &Wanted) -> Result<Vec<Program>, String> {
    let built =
        if wanted.binaries.is_empty() { build::all(&wanted.targets)? } else { wanted.binaries.clone() };
    let mut programs: Vec<Program> = Vec::new();
    for path in built {
        let program = Program::of(&path)?;
        if !wanted.for_tests {
            program.fit_for_people()?;
        }
        if programs.iter().any(|other| other.architecture == program.architecture) {
            return Err(format!("{}: there is one for that processor already", path.display()));
        }
        programs.push(program);
    }
    Ok(programs)
}

/// The completion scripts and manual pages, which the program itself writes.
fn by_itself(release: &Release, programs: &[Program]) -> Result<(), String> {
    let runs = |program: &&Program| first_line(&program.path.to_string_lossy(), &["--version"]).is_some();
    let program = programs.iter().find(runs).ok_or(
        "none of the programs runs on this machine, and completion scripts are made by running one: name a program for this \
         processor too, or install qemu-user-static",
    )?;
    let path = program.path.to_string_lossy();
    for (shell, name) in [("bash", "wakeeper.bash"), ("zsh", "_wakeeper"), ("fish", "wakeeper.fish")] {
        put(&release.shared.join(name), &output(&path, &["completions", shell])?)?;
    }
    let manual = release.shared.join("man");
    empty(&manual)?;
    // Programs of earlier releases have no such command.
    if output(&path, &["--help"])?.lines().any(|line| line.trim_start().starts_with("man ")) {
        output(&path, &["man", "--out", &manual.to_string_lossy()])?;
    }
    Ok(())
}

/// `SHA256SUMS`, as `sha256sum --check` reads it.
fn checksums(out: &Path) -> Result<(), String> {
    let names = names(out)?;
    let mut sums = command("sha256sum", &["--"]);
    let sums = sums.args(&names).current_dir(out).output();
    let sums = sums.map_err(|error| format!("cannot start sha256sum: {error}"))?;
    if !sums.status.success() {
        return Err(format!("sha256sum ended with {}", sums.status));
    }
    put(&out.join("SHA256SUMS"), &String::from_utf8_lossy(&sums.stdout))
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let items = fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
    let mut names: Vec<String> =
        items.flatten().map(|item| item.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn version() -> Result<String, String> {
    let id = output("cargo", &["pkgid", "--package", "wakeeper"])?;
    let version = id.trim().rsplit(['#', '@']).next().unwrap_or_default();
    if version.starts_with(|first: char| first.is_ascii_digit()) {
        Ok(version.to_owned())
    } else {
        Err(format!("cargo pkgid names no version: {id}"))
    }
}

/// `SOURCE_DATE_EPOCH`, else the time of the last commit.
fn epoch() -> Result<String, String> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    first_line("git", &["log", "-1", "--format=%ct"])
        .ok_or_else(|| "no commit tells the time of this release: set SOURCE_DATE_EPOCH".to_owned())
}

/// Copies a file and gives it these rights.
fn install(from: &Path, to: &Path, mode: u32) -> Result<(), String> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    }
    fs::copy(from, to).map_err(|error| failed(from, &error))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).map_err(|error| failed(to, &error))
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| failed(path, &error))
}

/// A folder that is there and empty.
fn empty(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| failed(folder, &error))?;
    }
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Compresses a file in place, without a name and a time in it.
fn gzip(path: &Path) -> Result<(), String> {
    succeed(command("gzip", &["-9", "--no-name", &path.to_string_lossy()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_and_contradictions_refused() {
        let wanted = read(&["--binary", "a", "--binary", "b", "--out", "o", "--for-tests"]).unwrap();
        assert_eq!(wanted.binaries, [PathBuf::from("a"), PathBuf::from("b")]);
        assert!(wanted.for_tests && wanted.out == Some(PathBuf::from("o")));
        assert!(read(&["--binary"]).unwrap_err().contains("needs a value"));
        assert!(read(&["--binary", "a", "--target", "t"]).unwrap_err().contains("one of them"));
        assert!(read(&["--all"]).unwrap_err().contains("unknown argument --all"));
    }
}
