//! `wakeeper start`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use wakeeper_containers::docker::Patience;

use crate::care::Console;
use crate::containers::{ContainerFlag, connect, lifecycle};

/// Start the container, or its compose project, and wait until it is healthy
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper start\n  wakeeper start --container my-whatsapp-api\n\nMade from the compose files of this folder when it does not exist yet."
)]
pub struct Start {
    #[command(flatten)]
    container: ContainerFlag,
    /// Seconds to wait for a healthy container
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

impl Start {
    /// Does it, and says how it went.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = connect().await?;
        let patience = Patience { healthy: Duration::from_secs(self.timeout), ..Patience::default() };
        lifecycle::start(&engine, &self.container.name(), patience, Console::new(false)).await?;
        Ok(ExitCode::SUCCESS)
    }
}
