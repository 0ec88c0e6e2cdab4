//! One file per command.

mod backup;
mod clean;
mod completions;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod examine;
mod exec;
mod export;
mod health;
mod healthcheck;
mod import;
mod incidents;
mod keys;
mod lifecycle;
mod logs;
mod man;
mod monitor;
mod restore;
mod serve;
#[cfg(feature = "demo")]
mod simulator;
mod status;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Subcommand};
use wakeeper_logging::{LogError, LogFiles, LogSettings};

use crate::environment;

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
    /// Repair what is damaged in a session, after a verified backup; the login is kept
    Clean(clean::Clean),
    /// Make, list, verify and prune backups of a session
    Backup(backup::Backup),
    /// Restore a session from a backup; encryption state never goes back unless a reason is given
    Restore(restore::Restore),
    /// Take a session over from Baileys, whatsmeow or another wakeeper, without a new QR code
    Import(import::Import),
    /// Hand a session over to Baileys or another wakeeper, without a new QR code
    Export(export::Export),
    /// Start the container, or its compose project, and wait until it is healthy
    Start(lifecycle::Start),
    /// Stop the container, or its compose project, gracefully
    Stop(lifecycle::Stop),
    /// Stop the container, or its compose project, start it again, and wait until it is healthy
    Restart(lifecycle::Restart),
    /// Say how the container and its session are doing
    Status(status::Status),
    /// Follow the container's log, over restarts too; the QR code is shown there
    Logs(logs::Logs),
    /// Run a command in the container; its exit code is passed on
    Exec(exec::Exec),
    /// Watch containers' logs and events, and repair their sessions as far as the settings allow
    Monitor(monitor::Monitor),
    /// Show what went wrong, what was done about it, and how that was verified
    Incidents(incidents::Incidents),
    /// Make, list and revoke API keys, whether the gateway runs or not
    Keys(keys::Keys),
    /// Ask a running gateway whether it is healthy (exit code 0 or 1), for container health checks
    Healthcheck(healthcheck::Healthcheck),
    /// Check all settings, and say where each comes from
    Config(config::Config),
    /// Print the manual page, or write those of all commands to a folder
    Man(man::Man),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Command {
    /// Runs the command to its end.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Examine(command) => return command.run().await,
            Self::Health(command) => return command.run().await,
            Self::Clean(command) => return command.run().await,
            Self::Backup(command) => return command.run().await,
            Self::Restore(command) => return command.run().await,
            Self::Start(command) => return command.run().await,
            Self::Stop(command) => return command.run().await,
            Self::Restart(command) => return command.run().await,
            Self::Status(command) => return command.run().await,
            Self::Logs(command) => return command.run().await,
            Self::Exec(command) => return command.run().await,
            Self::Config(command) => return command.run(),
            Self::Monitor(command) => command.run().await,
            Self::Incidents(command) => command.run().await,
            Self::Keys(command) => command.run().await,
            Self::Import(command) => command.run().await,
            Self::Export(command) => command.run().await,
            Self::Serve(command) => command.run().await,
            #[cfg(feature = "demo")]
            Self::Demo(command) => command.run().await,
            #[cfg(feature = "demo")]
            Self::Simulator(command) => command.run().await,
            Self::Healthcheck(command) => command.run().await,
            Self::Man(command) => command.run(),
            Self::Completions(command) => command.run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Exit code 0 for what is as it should be, 1 for what is not and was said so on the page.
fn verdict(fine: bool) -> ExitCode {
    ExitCode::from(u8::from(!fine))
}

/// Ends the program over flags that contradict each other.
fn wrong_usage(reason: &str) -> ! {
    wakeeper_terminal::typed::wrong_usage(
        &crate::Cli::command().error(clap::error::ErrorKind::ArgumentConflict, reason),
        std::env::args(),
    )
}

/// Starts logging on standard output, and in files once they are begun.
fn begin_logging(settings: &LogSettings, program: &'static str) -> Result<LogFiles, LogError> {
    wakeeper_logging::to_stdout_and_files(settings, log_colours(), program, complain_of_files)
}

fn log_colours() -> bool {
    std::io::stdout().is_terminal() && environment::colours()
}

#[expect(clippy::print_stderr, reason = "the log itself is what failed")]
fn complain_of_files(error: &std::io::Error) {
    eprintln!(
        "log files cannot be written: {error}; the log goes on here, and files are tried again every minute"
    );
}
