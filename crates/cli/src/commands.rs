//! One file per command.

mod completions;
#[cfg(feature = "demo")]
mod demo;
mod healthcheck;
mod serve;
#[cfg(feature = "demo")]
mod simulator;

use clap::Subcommand;

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
    /// Ask a running gateway whether it is healthy (exit code 0 or 1), for container health checks
    Healthcheck(healthcheck::Healthcheck),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Command {
    /// Runs the command to its end.
    pub async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Serve(command) => command.run().await,
            #[cfg(feature = "demo")]
            Self::Demo(command) => command.run().await,
            #[cfg(feature = "demo")]
            Self::Simulator(command) => command.run().await,
            Self::Healthcheck(command) => command.run().await,
            Self::Completions(command) => command.run(),
        }
    }
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
