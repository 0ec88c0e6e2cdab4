//! What this process is told by its surroundings. Nothing else reads the environment.

use std::path::{Path, PathBuf};

use wakeeper_containers::docker::{DockerEnvironment, Engine};
use wakeeper_settings::{SettingsError, Sources};

use crate::settings::Typed;

/// The container that is meant when nobody says which.
pub const DEFAULT_CONTAINER: &str = "whatsapp-api";

/// A variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Settings that a command uses: flags that stand for some, the settings file that a flag names, the environment.
pub fn settings<T: Typed>(
    flags: impl IntoIterator<Item = (&'static str, Option<String>)>,
    config: Option<PathBuf>,
) -> Result<T, SettingsError> {
    T::resolve(sources(flags, config))
}

/// Everything that settings are read from.
pub fn sources(
    flags: impl IntoIterator<Item = (&'static str, Option<String>)>,
    config: Option<PathBuf>,
) -> Sources {
    Sources {
        flags: flags.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        config,
        environment: std::env::vars_os().collect(),
        working_dir: PathBuf::from("."),
    }
}

/// A path as the text of a setting.
pub fn text(path: Option<&Path>) -> Option<String> {
    path.map(|path| path.to_string_lossy().into_owned())
}

/// The container that `CONTAINER_NAME` names.
pub fn container_name() -> Option<String> {
    variable("CONTAINER_NAME")
}

/// The flag that names a container again, for advice; empty for the one that is meant anyway.
pub fn container_flag(name: &str) -> String {
    let usual = container_name().unwrap_or_else(|| DEFAULT_CONTAINER.to_owned());
    if usual == name { String::new() } else { format!(" --container {name}") }
}

/// Connects to the Docker engine that is named, or the usual one.
pub async fn connect() -> anyhow::Result<Engine> {
    let docker = DockerEnvironment::of(variable);
    Ok(Engine::connect(&docker).await?)
}

/// This machine's engine, when it has one and this process may ask it.
pub async fn local_engine() -> Option<Engine> {
    let named = variable("DOCKER_HOST");
    // In a container its paths are others, unless somebody says that it may be asked.
    let is_ours = named.is_some() || !in_container();
    let host = named.unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
    let is_there = host.strip_prefix("unix://").is_some_and(|socket| Path::new(socket).exists());
    if !is_ours || !is_there {
        return None;
    }
    tokio::time::timeout(std::time::Duration::from_secs(5), connect()).await.ok()?.ok()
}

/// Whether a Docker engine may be within reach: in a container it has to be mounted or named.
pub fn may_reach_engine() -> bool {
    !in_container()
        || Path::new("/var/run/docker.sock").exists()
        || std::env::var_os("DOCKER_HOST").is_some_and(|host| !host.is_empty())
}

/// Whether this process runs in a container.
pub fn in_container() -> bool {
    Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// Whether output to a terminal may be coloured: <https://no-color.org>.
pub fn colours() -> bool {
    variable("NO_COLOR").is_none()
}
