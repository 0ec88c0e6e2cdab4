//! `wakeeper healthcheck`: for `HEALTHCHECK` in images that hold no curl.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use wakeeper_gateway::serving::reachable;

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
        let url = if let Some(url) = self.url {
            url
        } else {
            let listen: Listen = self.settings.resolve()?;
            format!("http://{}/health", reachable(listen.address))
        };
        let client =
            reqwest::Client::builder().timeout(Duration::from_secs(self.timeout)).no_proxy().build()?;
        let response = client.get(&url).send().await.with_context(|| format!("no answer from {url}"))?;
        let status = response.status();
        let body = response.text().await.with_context(|| format!("no complete answer from {url}"))?;
        std::io::Write::write_all(&mut std::io::stdout(), format!("{}\n", body.trim_end()).as_bytes())?;
        if !status.is_success() {
            bail!("{url} answered {status}");
        }
        Ok(())
    }
}
