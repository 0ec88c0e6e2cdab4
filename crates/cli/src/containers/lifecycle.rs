//! Starting and stopping containers, and what is said of it.

use std::time::Instant;

use anyhow::bail;
use wakeeper_containers::docker::{Container, Engine, EngineError, Patience, Unit};

use crate::care::Console;
use crate::care::page::Tone;

/// What a container belongs to, described by the compose files of this folder where it does not exist.
async fn unit_of(engine: &Engine, name: &str) -> anyhow::Result<(Unit, Option<Container>)> {
    let here = std::env::current_dir().ok();
    Ok(Unit::of(engine, name, here.as_deref()).await?)
}

/// `start`, and the second half of `restart`.
pub async fn start(engine: &Engine, name: &str, patience: Patience, console: Console) -> anyhow::Result<()> {
    let (unit, _) = unit_of(engine, name).await?;
    let began = Instant::now();
    let container = unit.start(engine, name, patience).await?;
    report_up(&container, "Started", began, console)
}

/// `stop`.
pub async fn stop(engine: &Engine, name: &str, patience: Patience, console: Console) -> anyhow::Result<()> {
    let (unit, container) = unit_of(engine, name).await?;
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
    let (unit, container) = unit_of(engine, name).await?;
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
