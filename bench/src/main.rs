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
use tokio::signal::unix::{SignalKind, signal};

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
        None => {
            let runtime = runtime()?;
            let done = runtime.block_on(until_stopped(arguments.plan.settled()?));
            // Whoever was asked to stop does not wait for what still runs.
            runtime.shutdown_background();
            return done;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures; whoever is asked to stop ends all programs that were started.
async fn until_stopped(plan: Plan) -> anyhow::Result<ExitCode> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        done = parts::run(plan) => done,
        _ = interrupted.recv() => Ok(ExitCode::FAILURE),
        _ = terminated.recv() => Ok(ExitCode::FAILURE),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Runtime::new().context("cannot start")
}
