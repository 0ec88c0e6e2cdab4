//! The project's own measuring place: wakeeper beside others that do the same work, in one run and as ratios, because seconds
//! alone say more about the machine than about the program. Writes `RESULTS.md`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark speaks on the terminal")]

mod contenders;
mod entrants;
mod figures;
mod load;
mod machine;
mod measure;
mod meter;
mod parts;
mod plan;
mod receiver;
mod results;
mod rounds;
mod session_folder;
mod strace;
mod wait;
mod world;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use contenders::bare;
use plan::Plan;

/// Measure wakeeper against others, and write down what came out
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    plan: Plan,
    #[command(subcommand)]
    inner: Option<Inner>,
}

/// What the benchmark starts itself for.
#[derive(Subcommand)]
enum Inner {
    /// Run a command and print what it took
    #[command(hide = true)]
    Measure {
        /// The command
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Keep sessions with whatsapp-rust alone
    #[command(hide = true)]
    Bare(bare::Child),
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.inner {
        Some(Inner::Measure { command }) => measure::here(&command)?,
        Some(Inner::Bare(child)) => runtime()?.block_on(child.run())?,
        None => return runtime()?.block_on(parts::run(arguments.plan.settled()?)),
    }
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("cannot start")
}
