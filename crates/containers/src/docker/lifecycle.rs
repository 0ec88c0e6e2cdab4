//! Start, stop and restart, gracefully and to the end: a stop is over when the process is gone, a start when the
//! container says that it is well.

use std::time::Duration;

use bollard::query_parameters::{StartContainerOptions, StopContainerOptions};
use tokio::time::Instant;

use crate::docker::container::{Container, HealthState, Status};
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::docker::logs::LogRequest;

/// How often a container is looked at while it comes up.
const LOOK: Duration = Duration::from_millis(250);
/// A container without a health check counts as up when it has run this long.
const STEADY: Duration = Duration::from_secs(2);
/// A container that its restart policy started so often since a person did, and that ended again, will not come up by itself.
const CRASHES: i64 = 5;
/// How much longer than the stop itself the engine's answer may take.
const MARGIN: Duration = Duration::from_secs(20);
/// How many lines of its log a failure shows.
const LAST_LINES: u32 = 6;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// From the polite signal to the kill.
    pub stop: Duration,
    /// From the start to the first good word of the health check.
    pub healthy: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { stop: Duration::from_secs(30), healthy: Duration::from_secs(90) }
    }
}

/// Why a container that was started is not well.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It ended again.
    #[error("container {name} ended with exit code {code}{}{}", if *.out_of_memory { " (out of memory)" } else { "" }, shown(.log))]
    Ended {
        /// The container.
        name: String,
        /// Its exit code.
        code: i64,
        /// The kernel ended it.
        out_of_memory: bool,
        /// Its last log lines.
        log: Vec<String>,
    },
    /// It runs, and its health check does not pass.
    #[error("container {name} is {state} after {seconds} s; its health check says: {output}{}", shown(.log))]
    Unwell {
        /// The container.
        name: String,
        /// The word of the health check.
        state: HealthState,
        /// How long was waited.
        seconds: u64,
        /// What the last health check printed.
        output: String,
        /// Its last log lines.
        log: Vec<String>,
    },
    /// It neither runs nor ended.
    #[error("container {name} is {status} after {seconds} s{}", shown(.log))]
    Stuck {
        /// The container.
        name: String,
        /// What it does.
        status: Status,
        /// How long was waited.
        seconds: u64,
        /// Its last log lines.
        log: Vec<String>,
    },
}

fn shown(log: &[String]) -> String {
    match log {
        [] => String::new(),
        lines => format!("; its log ends with:\n  {}", lines.join("\n  ")),
    }
}

impl Engine {
    /// Stops a container: its process gets its stop signal and time to finish. Stopping a stopped one is fine.
    pub async fn stop(&self, name: &str, timeouts: Timeouts) -> Result<Container, EngineError> {
        let before = self.find(name).await?;
        // A person who gave the container more time keeps it.
        let seconds = before.stop_seconds.unwrap_or(0).max(timeouts.stop.as_secs() as i64);
        let options = StopContainerOptions { t: Some(seconds as i32), ..Default::default() };
        let limit = Duration::from_secs(seconds as u64) + MARGIN;
        let action = format!("stop container {name}");
        match self.with_timeout(limit).stop_container(&before.id, Some(options)).await {
            Ok(()) => {}
            Err(error) => match EngineError::of(action.clone(), name, error) {
                // It goes on stopping; whether it did is looked at below.
                EngineError::Timeout { .. } => {}
                error => return Err(error),
            },
        }
        match self.find(&before.id).await {
            Ok(after) if after.is_up() => Err(EngineError::Timeout { action }),
            Ok(after) => Ok(after),
            // `--rm`: stopped and gone.
            Err(error) if error.is_missing() => {
                let mut gone = before;
                gone.status = Status::Exited;
                Ok(gone)
            }
            Err(error) => Err(error),
        }
    }

    /// Starts a container and waits until it is well. Starting a running one only waits.
    pub async fn start(&self, name: &str, timeouts: Timeouts) -> Result<Container, NotReady> {
        let started = self.docker.start_container(name, None::<StartContainerOptions>).await;
        if let Err(error) = started {
            return Err(match EngineError::of(format!("start container {name}"), name, error) {
                error if error.is_missing() => self.find(name).await.err().unwrap_or(error).into(),
                error => error.into(),
            });
        }
        self.wait_ready(name, timeouts.healthy).await
    }

    /// Stops, starts, waits.
    pub async fn restart(&self, name: &str, timeouts: Timeouts) -> Result<Container, NotReady> {
        self.stop(name, timeouts).await?;
        self.start(name, timeouts).await
    }

    /// Waits until a container that was started is well: by its health check, or, without one, by running steadily.
    pub async fn wait_ready(&self, name: &str, limit: Duration) -> Result<Container, NotReady> {
        let began = Instant::now();
        let mut steady_since: Option<(Option<i64>, Instant)> = None;
        loop {
            let container = self.find(name).await?;
            match (container.status, container.health.as_ref().map(|health| health.state)) {
                (Status::Running, Some(HealthState::Healthy)) => return Ok(container),
                (Status::Running, None) => {
                    let since = match steady_since {
                        Some((started, since)) if started == container.started_ns => since,
                        _ => Instant::now(),
                    };
                    if since.elapsed() >= STEADY {
                        return Ok(container);
                    }
                    steady_since = Some((container.started_ns, since));
                }
                (Status::Exited | Status::Dead, _) => return Err(self.ended(&container).await),
                (Status::Restarting, _) if container.restarts >= CRASHES => {
                    return Err(self.ended(&container).await);
                }
                _ => {}
            }
            if began.elapsed() >= limit {
                return Err(self.not_in_time(&container, began.elapsed().as_secs()).await);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn ended(&self, container: &Container) -> NotReady {
        NotReady::Ended {
            name: container.name.clone(),
            code: container.exit_code.unwrap_or(-1),
            out_of_memory: container.oom_killed,
            log: self.last_lines(container, LAST_LINES).await,
        }
    }

    async fn not_in_time(&self, container: &Container, seconds: u64) -> NotReady {
        let name = container.name.clone();
        let log = self.last_lines(container, LAST_LINES).await;
        match &container.health {
            Some(health) if container.status == Status::Running => NotReady::Unwell {
                name,
                state: health.state,
                seconds,
                output: if health.last_output.is_empty() {
                    "nothing yet".to_owned()
                } else {
                    health.last_output.clone()
                },
                log,
            },
            _ => NotReady::Stuck { name, status: container.status, seconds, log },
        }
    }

    /// The end of a container's log, for people; empty when it cannot be read.
    pub async fn last_lines(&self, container: &Container, lines: u32) -> Vec<String> {
        let request = LogRequest { tail: Some(lines), ..LogRequest::default() };
        let lines = self.collect_logs(&container.id, request).await.unwrap_or_default();
        lines.iter().map(|line| line.plain_text().into_owned()).collect()
    }
}
