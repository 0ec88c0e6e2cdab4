//! `wakeeper start`, `stop` and `restart`: the container, or its compose project.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use wakeeper_containers::docker::{Container, NamedContainer, StopOutcome, Timeouts};
use wakeeper_terminal::Tone;

use crate::chosen::ContainerFlag;
use crate::environment::{connect, container_flag};
use crate::output::console;

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

/// Stop the container, or its compose project, start it again, and wait until it is healthy
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper restart\n  wakeeper restart --container my-whatsapp-api\n\nExit code 1, with the reason, when it does not become healthy."
)]
pub struct Restart {
    #[command(flatten)]
    stop: Stop,
    /// Seconds to wait for a healthy container
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

async fn find(
    flag: &ContainerFlag,
    stop: Option<u64>,
    healthy: Option<u64>,
) -> anyhow::Result<NamedContainer> {
    let usual = Timeouts::default();
    let timeouts = Timeouts {
        stop: stop.map_or(usual.stop, Duration::from_secs),
        healthy: healthy.map_or(usual.healthy, Duration::from_secs),
    };
    let here = std::env::current_dir().ok();
    Ok(NamedContainer::find(connect().await?, flag.name(), here.as_deref(), timeouts).await?)
}

impl Start {
    /// Does it, and says how it went.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let named = find(&self.container, None, Some(self.timeout)).await?;
        let began = Instant::now();
        report_up(&named.start().await?, "Started", began)
    }
}

impl Restart {
    /// Does it, and says how it went.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let Stop { container, stop_timeout } = self.stop;
        let named = find(&container, Some(stop_timeout), Some(self.timeout)).await?;
        let began = Instant::now();
        report_up(&named.restart().await?, "Restarted", began)
    }
}

impl Stop {
    /// Does it, and says how it went.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.container.name();
        let outcome = find(&self.container, Some(self.stop_timeout), None).await?.stop().await?;
        let line = match outcome {
            StopOutcome::RunsAgain => bail!("container {name} runs again; something restarts it"),
            StopOutcome::WasNotUp => format!("Container {name} does not run; there was nothing to stop."),
            StopOutcome::Removed => {
                format!("Stopped: container {name}, which was removed with that (--rm).")
            }
            StopOutcome::Stopped(Some(0 | 143) | None) => format!("Stopped: container {name}."),
            StopOutcome::Stopped(Some(137)) => {
                format!("Stopped: container {name} (it did not stop in time and was killed).")
            }
            StopOutcome::Stopped(Some(code)) => format!("Stopped: container {name} (exit code {code})."),
        };
        let good = matches!(outcome, StopOutcome::Stopped(_));
        console(false).page(|page| page.line(if good { page.tone(Tone::Good, &line) } else { line }))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn report_up(container: &Container, verb: &str, began: Instant) -> anyhow::Result<ExitCode> {
    let health =
        container.health.as_ref().map_or_else(|| "running".to_owned(), |health| health.state.to_string());
    let seconds = began.elapsed().as_secs_f64();
    let line = format!("{verb}: container {} is {health} after {seconds:.1} s.", container.name);
    let flag = container_flag(&container.name);
    console(false).page(|page| {
        page.line(page.tone(Tone::Good, &line));
        container.ports.iter().for_each(|port| page.fact("port", port));
        page.next(&[
            (format!("wakeeper logs{flag}"), "shows the QR code, if a phone must be linked"),
            (format!("wakeeper status{flag}"), "says how it is doing"),
        ]);
    })?;
    Ok(ExitCode::SUCCESS)
}
