//! `wakeeper logs`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use wakeeper_containers::docker::follow::Followed;
use wakeeper_containers::docker::{LogFollower, LogLine, LogRequest};
use wakeeper_model::time;
use wakeeper_settings::parse_duration;
use wakeeper_terminal::say;
use wakeeper_terminal::write_out;

use crate::chosen::{ContainerFlag, now_ms};
use crate::environment::connect;

/// Lines of the past that a terminal gets; a pipe gets all.
const TERMINAL_TAIL: u32 = 200;

/// Follow the container's log, over restarts too; the QR code is shown there
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper logs\n  wakeeper logs | grep \"Bad MAC\"\n  \
    wakeeper logs --since 1h --no-follow\n  wakeeper logs --tail 50 --container my-whatsapp-api\n\n\
    A terminal shows the last 200 lines first; a pipe gets all there are, without colour codes, each line at once.")]
pub struct Logs {
    #[command(flatten)]
    container: ContainerFlag,
    /// Begin with the last N lines
    #[arg(long, short = 'n', value_name = "N")]
    tail: Option<u32>,
    /// Begin with lines of this time: `10m`, `2h`, or a time such as 2026-11-25T03:10:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// End with the last line there is
    #[arg(long)]
    no_follow: bool,
    /// Show the time of each line
    #[arg(long, short = 't')]
    timestamps: bool,
}

fn since(text: &str) -> Result<i64, String> {
    let ago = |duration: std::time::Duration| {
        let now_ns = now_ms().saturating_mul(1_000_000);
        now_ns.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    };
    time::parse_rfc3339(text)
        .or_else(|| parse_duration(text).map(ago))
        .ok_or_else(|| "a span such as 10m or a time such as 2026-11-25T03:10:00Z is expected".to_owned())
}

impl Logs {
    /// Prints lines until there are no more, or for ever.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let engine = connect().await?;
        let container = engine.find(&self.container.name()).await?;
        let name = container.name.clone();
        let usual =
            if io::stdout().is_terminal() && self.since.is_none() { Some(TERMINAL_TAIL) } else { None };
        let request = LogRequest { since_ns: self.since, tail: self.tail.or(usual), follow: false };
        // False when nobody reads any more.
        let print = |line: &LogLine| {
            let printed = line.printed(self.timestamps, io::stdout().is_terminal());
            write_out(io::stdout(), &printed).context("cannot write to standard output")
        };
        if self.no_follow || !container.is_up() {
            let lines = engine.logs(&container.id, &request);
            let mut lines = std::pin::pin!(lines);
            while let Some(line) = futures::StreamExt::next(&mut lines).await {
                if !print(&line?)? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            if !self.no_follow {
                say(&format!(
                    "container {name} is not running, so there is nothing to follow; `wakeeper start` starts it"
                ));
            }
            return Ok(ExitCode::SUCCESS);
        }
        let mut follower = LogFollower::new(engine, &name, &request);
        let mut interrupted = false;
        loop {
            match follower.next().await? {
                Followed::Line(line) => {
                    if !print(&line)? {
                        return Ok(ExitCode::SUCCESS);
                    }
                }
                Followed::Unreadable { why } => anyhow::bail!(why),
                Followed::Detached { trouble } => {
                    let why = trouble.unwrap_or_else(|| format!("container {name} stopped"));
                    say(&format!("{why}; waiting for more (Ctrl-C ends this)"));
                    interrupted = true;
                }
                Followed::Attached { replaced } if interrupted => {
                    say(if replaced { "the container was made anew" } else { "the container runs again" });
                }
                Followed::Attached { .. } => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_spans_and_times_and_nothing_else() {
        assert_eq!(since("1970-01-01T00:00:01Z"), Ok(1_000_000_000));
        assert!(since("10m").unwrap() < now_ms() * 1_000_000);
        assert!(since("yesterday").is_err());
    }
}
