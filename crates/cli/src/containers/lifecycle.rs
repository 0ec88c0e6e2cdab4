//! Starting and stopping: a compose project as a whole where there is one, else the container alone.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use wakeeper_containers::docker::compose::{Compose, ProjectFiles, Tool};
use wakeeper_containers::docker::{Container, Engine, EngineError, Patience, Project};

use crate::care::Console;
use crate::care::page::Tone;

/// What is started and stopped together.
#[derive(Debug)]
pub enum Unit {
    /// A compose project, through compose.
    Compose(Compose),
    /// A compose project whose files or program are not here: its containers one by one.
    Project(Project),
    /// One container.
    Container(String),
}

impl Unit {
    /// What a container belongs to. One that does not exist can still be described by the compose files of this
    /// folder; `None` for it in the second place.
    pub async fn of(engine: &Engine, name: &str) -> anyhow::Result<(Self, Option<Container>)> {
        match engine.find(name).await {
            Ok(container) => Ok((Self::of_container(engine, &container).await?, Some(container))),
            Err(missing) if missing.is_missing() => match described(engine, name).await? {
                Some(compose) => Ok((Self::Compose(compose), None)),
                None => Err(missing.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn of_container(engine: &Engine, container: &Container) -> anyhow::Result<Self> {
        let Some(project) = &container.project else { return Ok(Self::Container(container.id.clone())) };
        match ProjectFiles::of(project) {
            Some(files) if Tool::installed().await.is_some() => {
                Ok(Self::Compose(Compose::new(engine, files).await?))
            }
            _ => Ok(Self::Project(project.clone())),
        }
    }

    /// Stops all of it, gracefully.
    pub async fn stop(&self, engine: &Engine, patience: Patience) -> anyhow::Result<()> {
        match self {
            Self::Compose(compose) => compose.stop().await?,
            Self::Project(project) => engine.stop_project(project, patience).await?,
            Self::Container(id) => drop(engine.stop(id, patience).await?),
        }
        Ok(())
    }

    /// Starts all of it and waits until the named container is well.
    pub async fn start(&self, engine: &Engine, name: &str, patience: Patience) -> anyhow::Result<Container> {
        match self {
            Self::Compose(compose) => {
                if let Err(error) = compose.up().await {
                    // Compose says that something failed; the container itself often knows what.
                    return match engine.wait_ready(name, Duration::ZERO).await {
                        Err(reason @ wakeeper_containers::docker::NotReady::Ended { .. }) => {
                            Err(reason).context(error)
                        }
                        _ => Err(error.into()),
                    };
                }
            }
            Self::Project(project) => engine.start_project(project, patience).await?,
            Self::Container(id) => return Ok(engine.start(id, patience).await?),
        }
        Ok(engine.wait_ready(name, patience.healthy).await?)
    }
}

async fn described(engine: &Engine, name: &str) -> anyhow::Result<Option<Compose>> {
    let here = std::env::current_dir().context("cannot tell the present folder")?;
    let Some(files) = ProjectFiles::in_folder(&here) else { return Ok(None) };
    let compose = Compose::new(engine, files).await?;
    Ok(compose.describes(name).await?.then_some(compose))
}

/// `start`, and the second half of `restart`.
pub async fn start(engine: &Engine, name: &str, patience: Patience, console: Console) -> anyhow::Result<()> {
    let (unit, _) = Unit::of(engine, name).await?;
    let began = Instant::now();
    let container = unit.start(engine, name, patience).await?;
    report_up(&container, "Started", began, console)
}

/// `stop`.
pub async fn stop(engine: &Engine, name: &str, patience: Patience, console: Console) -> anyhow::Result<()> {
    let (unit, container) = Unit::of(engine, name).await?;
    if container.as_ref().is_none_or(|container| !container.is_up()) {
        // Other containers of the project may still run.
        unit.stop(engine, patience).await?;
        return console
            .page(|page| page.line(format!("Container {name} does not run; there was nothing to stop.")));
    }
    unit.stop(engine, patience).await?;
    match engine.find(name).await {
        Ok(container) if container.is_up() => bail!("container {name} runs again; something restarts it"),
        Ok(container) => {
            let how = match container.exit_code {
                Some(0 | 143) | None => String::new(),
                Some(137) => " (it did not stop in time and was killed)".to_owned(),
                Some(code) => format!(" (exit code {code})"),
            };
            console.page(|page| {
                page.line(page.tone(Tone::Good, &format!("Stopped: container {name}{how}.")));
            })
        }
        Err(EngineError::NoSuchContainer { .. }) => console.page(|page| {
            page.line(format!("Stopped: container {name}, which was removed with that (--rm)."));
        }),
        Err(error) => Err(error.into()),
    }
}

/// `restart`.
pub async fn restart(
    engine: &Engine,
    name: &str,
    patience: Patience,
    console: Console,
) -> anyhow::Result<()> {
    let (unit, container) = Unit::of(engine, name).await?;
    let began = Instant::now();
    if container.is_some() {
        unit.stop(engine, patience).await?;
    }
    let container = unit.start(engine, name, patience).await?;
    report_up(&container, "Restarted", began, console)
}

fn report_up(container: &Container, verb: &str, began: Instant, console: Console) -> anyhow::Result<()> {
    let health =
        container.health.as_ref().map_or_else(|| "running".to_owned(), |health| health.state.to_string());
    let seconds = began.elapsed().as_secs_f64();
    console.page(|page| {
        let line = format!("{verb}: container {} is {health} after {seconds:.1} s.", container.name);
        page.line(page.tone(Tone::Good, &line));
        for port in &container.ports {
            page.fact("port", port);
        }
        let flag = super::flag_for(&container.name);
        page.next(&[
            (format!("wakeeper logs{flag}"), "shows the QR code, if a phone must be linked"),
            (format!("wakeeper status{flag}"), "says how it is doing"),
        ]);
    })
}
