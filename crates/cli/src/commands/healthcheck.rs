//! `wakeeper healthcheck`: for `HEALTHCHECK` in images that hold no curl.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use wakeeper_gateway::serving::reachable;
use wakeeper_offline::keys::ask;

use crate::settings::Listen;

use super::serve::SettingFlags;

/// Ask a running gateway whether it is healthy (exit code 0 or 1), for container health checks
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper healthcheck\n  wakeeper healthcheck --url http://127.0.0.1:8192/ready"
)]
pub struct Healthcheck {
    /// Address to ask instead of /health at HOST and PORT
    #[arg(long)]
    url: Option<String>,
    /// Seconds to wait for the answer
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
    #[command(flatten)]
    settings: SettingFlags,
}

impl Healthcheck {
    /// Asks, prints the answer, fails unless it is a success.
    pub async fn run(self) -> anyhow::Result<()> {
        let url = match self.url {
            Some(url) => url,
            None => format!("http://{}/health", reachable(self.settings.resolve::<Listen>()?.address)),
        };
        let (status, body) = ask(&url, Duration::from_secs(self.timeout))
            .await
            .with_context(|| format!("no answer from {url}"))?;
        std::io::Write::write_all(&mut std::io::stdout(), format!("{}\n", body.trim_end()).as_bytes())?;
        if !status.is_success() {
            bail!("{url} answered {status}");
        }
        Ok(())
    }
}
