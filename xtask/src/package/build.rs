//! Building static programs: Rust's musl targets, with Zig as the C compiler and linker for either processor.
//!
//! Zig and cargo-zigbuild come from PyPI, whose packages carry the programs; Rust's targets come from rustup. Nothing else is
//! needed, and no cross compiler of the system is used.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::run::{first_line, output, program, succeed, workspace};
use crate::system;

/// What is built when no target is named.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];
/// The Python packages, in the versions known to work.
const ZIG: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.1"];

/// Builds the program for each target and returns where they are.
pub fn all(wanted: &[String]) -> Result<Vec<PathBuf>, String> {
    let targets: Vec<&str> =
        if wanted.is_empty() { TARGETS.to_vec() } else { wanted.iter().map(String::as_str).collect() };
    if let Some(unknown) = targets.iter().find(|target| !TARGETS.contains(target)) {
        return Err(format!("no static program is made for {unknown}; known are {}", TARGETS.join(", ")));
    }
    let zig = zig()?;
    for target in &targets {
        standard_library(target)?;
    }
    targets.iter().map(|target| build(&zig, target)).collect()
}

fn build(zig: &Path, target: &str) -> Result<PathBuf, String> {
    let mut cargo =
        program("cargo", &["zigbuild", "--release", "--locked", "--package", "wakeeper", "--target", target]);
    cargo.env("PATH", with(zig)?);
    succeed(cargo)?;
    Ok(target_folder()?.join(target).join("release/wakeeper"))
}

/// The folder with `cargo-zigbuild`, which finds its Zig through the Python beside it.
fn zig() -> Result<PathBuf, String> {
    let environment = workspace().join("target/tools/zig");
    let pip = system::pip(&environment)?;
    succeed(program(&pip, &[&["install", "--quiet"], &ZIG[..]].concat()))?;
    Ok(environment.join("bin"))
}

/// Makes sure of Rust's standard library for a target.
fn standard_library(target: &str) -> Result<(), String> {
    let installed = || -> Option<bool> {
        let folder = first_line("rustc", &["--print", "target-libdir", "--target", target])?;
        let found = std::fs::read_dir(folder).ok()?.flatten();
        Some(found.into_iter().any(|item| item.file_name().to_string_lossy().starts_with("libstd-")))
    };
    if installed() == Some(true) {
        return Ok(());
    }
    succeed(program("rustup", &["target", "add", target])).map_err(|reason| {
        format!(
            "Rust's standard library for {target} is missing: {reason}. Where rustup reaches its server, `rustup target add {target}` \
             installs it; or package a program that was built elsewhere: cargo xtask package --binary FILE"
        )
    })
}

fn with(folder: &Path) -> Result<OsString, String> {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&inherited));
    std::env::join_paths(all).map_err(|error| error.to_string())
}

fn target_folder() -> Result<PathBuf, String> {
    let metadata = output("cargo", &["metadata", "--locked", "--no-deps", "--format-version", "1"])?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .ok_or_else(|| "cargo names no target folder".to_owned())
}
