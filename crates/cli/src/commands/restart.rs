//! `wakeeper restart`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use wakeeper_containers::docker::Patience;

use crate::care::Console;
use crate::containers::{ContainerFlag, connect, lifecycle};

/// Stop the container, or its compose project, start it again, and wait until it is healthy
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper restart\n  wakeeper restart --container my-whatsapp-api\n\nExit code 1, with the reason, when it does not become healthy."
)]
pub struct Restart {
    #[command(flatten)]
    container: ContainerFlag,
    /// Seconds that a stop may take before it becomes a kill
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    stop_timeout: u64,
    /// Seconds to wait for a healthy container
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

impl Restart {
    /// Does it, and says how it went.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = connect().await?;
        let patience = Patience {
            stop: Duration::from_secs(self.stop_timeout),
            healthy: Duration::from_secs(self.timeout),
        };
        lifecycle::restart(&engine, &self.container.name(), patience, Console::new(false)).await?;
        Ok(ExitCode::SUCCESS)
    }
}
