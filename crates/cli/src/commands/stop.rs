//! `wakeeper stop`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use wakeeper_containers::docker::Patience;

use crate::care::Console;
use crate::containers::{ContainerFlag, connect, lifecycle};

/// Stop the container, or its compose project, gracefully
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper stop\n  wakeeper stop --container my-whatsapp-api\n\nThe gateway gets time to write everything to disk; nothing is torn."
)]
pub struct Stop {
    #[command(flatten)]
    container: ContainerFlag,
    /// Seconds that a stop may take before it becomes a kill
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    stop_timeout: u64,
}

impl Stop {
    /// Does it, and says how it went.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = connect().await?;
        let patience = Patience { stop: Duration::from_secs(self.stop_timeout), ..Patience::default() };
        lifecycle::stop(&engine, &self.container.name(), patience, Console::new(false)).await?;
        Ok(ExitCode::SUCCESS)
    }
}
