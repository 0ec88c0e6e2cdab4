//! One file per command.

mod backup;
mod clean;
mod completions;
#[cfg(feature = "demo")]
mod demo;
mod examine;
mod export;
mod health;
mod healthcheck;
mod import;
mod restore;
mod serve;
#[cfg(feature = "demo")]
mod simulator;

use std::process::ExitCode;

use clap::{CommandFactory, Subcommand};

/// What wakeeper can be told to do.
#[derive(Subcommand)]
pub enum Command {
    /// Run the gateway
    Serve(serve::Serve),
    /// Run the gateway against a simulated WhatsApp, with simulated contacts: no phone needed
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    /// Run the simulated WhatsApp alone, with its control API
    #[cfg(feature = "demo")]
    Simulator(simulator::SimulatorCommand),
    /// Examine a session folder or a backup, and say what is wrong with it
    Examine(examine::Examine),
    /// Check a session, its store and its backups, and say what to do
    #[command(visible_alias = "check")]
    Health(health::Health),
    /// Mend what is damaged in a session, after a verified backup; the login is kept
    Clean(clean::Clean),
    /// Make, list, verify and prune backups of a session
    Backup(backup::Backup),
    /// Restore a session from a backup; ratchets never go backwards unless a reason is given
    Restore(restore::Restore),
    /// Take a session over from Baileys or another wakeeper, without a new QR code
    Import(import::Import),
    /// Hand a session over to Baileys or another wakeeper, without a new QR code
    Export(export::Export),
    /// Ask a running gateway whether it is healthy (exit code 0 or 1), for container health checks
    Healthcheck(healthcheck::Healthcheck),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Command {
    /// Runs the command to its end.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Examine(command) => return command.run().await,
            Self::Health(command) => return command.run(),
            Self::Clean(command) => return command.run(),
            Self::Backup(command) => return command.run(),
            Self::Restore(command) => return command.run(),
            Self::Import(command) => command.run().await,
            Self::Export(command) => command.run().await,
            Self::Serve(command) => command.run().await,
            #[cfg(feature = "demo")]
            Self::Demo(command) => command.run().await,
            #[cfg(feature = "demo")]
            Self::Simulator(command) => command.run().await,
            Self::Healthcheck(command) => command.run().await,
            Self::Completions(command) => command.run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Exit code 0 for what is as it should be, 1 for what is not and was said so on the page.
fn verdict(fine: bool) -> ExitCode {
    if fine { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Ends the program over flags that contradict each other.
fn wrong_usage(reason: &str) -> ! {
    crate::Cli::command().error(clap::error::ErrorKind::ArgumentConflict, reason).exit()
}

/// Resolves when the process is asked to stop: SIGTERM (Docker), SIGINT (Ctrl-C).
async fn asked_to_stop() -> anyhow::Result<&'static str> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        })
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await?;
        Ok("Ctrl-C")
    }
}
