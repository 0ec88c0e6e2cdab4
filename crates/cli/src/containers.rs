//! What the container commands share: the engine, which container is meant, and what it belongs to.

pub mod lifecycle;
pub mod terminal;

use std::path::PathBuf;

use clap::Args;
use wakeeper_containers::docker::{Container, Engine, Surroundings};

use crate::care::now_ms;

/// The container that is meant when nobody says which.
pub const DEFAULT_NAME: &str = "whatsapp-api";
/// The variable that says which.
pub const NAME_VARIABLE: &str = "CONTAINER_NAME";

/// Which container a command is about.
#[derive(Args, Debug, Clone, Default)]
pub struct ContainerFlag {
    /// Container by name or id [env: CONTAINER_NAME; default: whatsapp-api]
    #[arg(long, short = 'c', value_name = "NAME")]
    container: Option<String>,
}

impl ContainerFlag {
    /// The flag, else the variable, else the default.
    pub fn name(&self) -> String {
        self.container.clone().or_else(name_from_environment).unwrap_or_else(|| DEFAULT_NAME.to_owned())
    }
}

/// The container that the environment names.
pub fn name_from_environment() -> Option<String> {
    std::env::var(NAME_VARIABLE).ok().filter(|name| !name.is_empty())
}

/// Connects to the engine that this environment names.
pub async fn connect() -> anyhow::Result<Engine> {
    Ok(Engine::connect(&surroundings()).await?)
}

/// What of the environment says where the engine is.
pub fn surroundings() -> Surroundings {
    let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let path = |name: &str| text(name).map(PathBuf::from);
    Surroundings {
        host: text("DOCKER_HOST"),
        context: text("DOCKER_CONTEXT"),
        tls_verify: text("DOCKER_TLS_VERIFY").is_some(),
        cert_path: path("DOCKER_CERT_PATH"),
        config_dir: path("DOCKER_CONFIG").or_else(|| path("HOME").map(|home| home.join(".docker"))),
        runtime_dir: path("XDG_RUNTIME_DIR"),
    }
}

/// What a container does, in one line: `running, healthy, up 5 minutes`.
pub fn summary(container: &Container) -> String {
    let mut parts = vec![container.status.to_string()];
    if let Some(health) = container.health.as_ref().filter(|_| container.is_up()) {
        parts.push(health.state.to_string());
    }
    let now_ns = now_ms().saturating_mul(1_000_000);
    if container.is_up() {
        parts.extend(container.started_ns.map(|started| format!("up {}", lasting(now_ns - started))));
    } else if let Some(code) = container.exit_code {
        let memory = if container.oom_killed { ", out of memory" } else { "" };
        let ended = container.finished_ns.map(|ended| format!(" {} ago", lasting(now_ns - ended)));
        parts.push(format!("exit code {code}{memory}{}", ended.unwrap_or_default()));
    }
    parts.join(", ")
}

/// A span of time, as people say it.
fn lasting(nanoseconds: i64) -> String {
    use crate::care::page::plural;
    let seconds = (nanoseconds / 1_000_000_000).max(0) as usize;
    match seconds {
        0..120 => plural(seconds, "second"),
        120..7200 => plural(seconds / 60, "minute"),
        7200..172_800 => plural(seconds / 3600, "hour"),
        _ => plural(seconds / 86_400, "day"),
    }
}

/// Whether a container is as it should be: it runs, and its health check does not say otherwise.
pub fn is_well(container: &Container) -> bool {
    use wakeeper_containers::docker::Status;
    use wakeeper_containers::docker::container::HealthState;
    let unwell = container.health.as_ref().is_some_and(|health| health.state == HealthState::Unhealthy);
    container.status == Status::Running && !unwell
}

/// The flag that names a container again, for advice; empty for the one that is meant anyway.
pub fn flag_for(name: &str) -> String {
    let usual = name_from_environment().unwrap_or_else(|| DEFAULT_NAME.to_owned());
    if usual == name { String::new() } else { format!(" --container {name}") }
}
