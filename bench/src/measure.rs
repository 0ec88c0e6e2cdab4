//! Time and peak memory of a command. A process of its own runs each one, because the kernel only tells the greatest
//! memory of all children that a process ever had.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// What a command took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Measured {
    /// Wall-clock time.
    pub seconds: f64,
    /// Greatest resident memory of the command or one of its children.
    pub peak_kb: i64,
}

/// Measures a command in a process of its own.
pub fn in_process_of_its_own(command: &[String]) -> anyhow::Result<Measured> {
    let itself = std::env::current_exe().context("this program's own path")?;
    let output =
        Command::new(itself).arg("measure").arg("--").args(command).output().context("start again")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {errors}");
    serde_json::from_slice(&output.stdout).context("a measurement")
}

/// Runs a command and prints what it took.
pub fn here(command: &[String]) -> anyhow::Result<()> {
    let (program, arguments) = command.split_first().context("a command is needed")?;
    let started = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(status.success(), "{command:?} ended with {status}");
    let peak_kb = getrusage(UsageWho::RUSAGE_CHILDREN).context("ask for the memory used")?.max_rss();
    println!("{}", serde_json::to_string(&Measured { seconds, peak_kb })?);
    Ok(())
}
