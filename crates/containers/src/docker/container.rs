//! A container as wakeeper sees it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, HealthStatusEnum};
use serde::Serialize;

use wakeeper_model::time::parse_rfc3339;

/// Says that wakeeper may care for the sessions in a container.
pub const LABEL_MANAGED: &str = "whatsapp.session.managed";
/// The compose project of a container.
pub const LABEL_PROJECT: &str = "com.docker.compose.project";
/// `True` for containers of `compose run`.
pub const LABEL_ONE_OFF: &str = "com.docker.compose.oneoff";

/// One container, as it was when it was looked at.
#[derive(Clone, Serialize)]
pub struct Container {
    /// The full id.
    pub id: String,
    /// The name, without a slash.
    pub name: String,
    /// The image by the name it was started from.
    pub image: String,
    /// The image's id.
    pub image_id: String,
    /// What it does now.
    pub status: Status,
    /// What its health check says; `None` without one.
    pub health: Option<Health>,
    /// The main process's exit code, once it ended.
    pub exit_code: Option<i64>,
    /// The kernel ended it because memory ran out.
    pub oom_killed: bool,
    /// Why the engine could not start it.
    pub error: Option<String>,
    /// Its main process, as the engine's machine counts, while it runs.
    #[serde(skip)]
    pub pid: Option<i32>,
    /// When it was started last, nanoseconds since 1970.
    pub started_ns: Option<i64>,
    /// When it ended last, nanoseconds since 1970.
    pub finished_ns: Option<i64>,
    /// How often its restart policy restarted it since a person did.
    pub restarts: i64,
    /// It has a terminal.
    pub tty: bool,
    /// Published ports, e.g. `0.0.0.0:8192->8192/tcp`.
    pub ports: Vec<String>,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// Its compose project.
    pub project: Option<Project>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The user its processes run as, as the image or the person wrote it; empty is root.
    pub user: String,
    /// Groups that its processes are in besides, as the person wrote them.
    #[serde(skip)]
    pub(crate) further_groups: Vec<String>,
    /// The folder its processes start in.
    pub working_dir: PathBuf,
    /// It is removed when it stops.
    pub auto_remove: bool,
    /// Its own files cannot be written.
    pub read_only: bool,
    /// Seconds that a stop waits before it kills.
    pub stop_seconds: Option<i64>,
    /// Environment; holds secrets, so it is neither shown nor serialised.
    #[serde(skip)]
    environment: BTreeMap<String, String>,
}

impl std::fmt::Debug for Container {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short: String = self.id.chars().take(12).collect();
        let mut shown = formatter.debug_struct("Container");
        shown.field("name", &self.name).field("id", &short).field("status", &self.status);
        shown.field("health", &self.health).finish_non_exhaustive()
    }
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, and never started.
    Created,
    /// Its main process runs.
    Running,
    /// Frozen.
    Paused,
    /// Between two tries of its restart policy.
    Restarting,
    /// Ended.
    Exited,
    /// About to be removed, or half removed.
    Dead,
}

impl std::fmt::Display for Status {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Dead => "dead",
        })
    }
}

/// What the health check says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub state: HealthState,
    /// Failures in a row.
    pub failing_streak: i64,
    /// What the last check printed.
    pub last_output: String,
}

/// The word of the health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// No verdict yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// Several checks in a row failed.
    Unhealthy,
}

impl std::fmt::Display for HealthState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        })
    }
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// The folder or file on the engine's machine; for volumes where the engine keeps them.
    pub source: PathBuf,
    /// Where it is in the container.
    pub destination: PathBuf,
    /// The container may write to it.
    pub writable: bool,
}

/// Kinds of mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A folder or file of the engine's machine.
    Bind,
    /// A volume, by name.
    Volume(String),
    /// Memory; gone when the container stops.
    Tmpfs,
    /// Something else.
    Other,
}

/// A compose project and the part a container plays in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Project {
    /// The project's name.
    pub name: String,
    /// The container's service.
    pub service: String,
    /// The folder that compose ran in.
    pub working_dir: PathBuf,
    /// The compose files, absolute.
    pub config_files: Vec<PathBuf>,
    /// Services that must run first, where compose says so.
    pub depends_on: Vec<String>,
}

impl Container {
    pub(crate) fn of(response: ContainerInspectResponse) -> Self {
        let state = response.state.unwrap_or_default();
        let config = response.config.unwrap_or_default();
        let host = response.host_config.unwrap_or_default();
        let labels: BTreeMap<String, String> = config.labels.unwrap_or_default().into_iter().collect();
        let status = status_of(state.status);
        let ended = matches!(status, Status::Exited | Status::Dead | Status::Restarting);
        let moment_of = |text: Option<String>| text.as_deref().and_then(parse_rfc3339);
        Self {
            id: response.id.unwrap_or_default(),
            name: response.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image: config.image.unwrap_or_default(),
            image_id: response.image.unwrap_or_default(),
            status,
            health: state.health.and_then(health_of),
            pid: state.pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0),
            exit_code: state.exit_code.filter(|_| ended),
            oom_killed: state.oom_killed.unwrap_or(false),
            error: state.error.filter(|error| !error.is_empty()),
            started_ns: moment_of(state.started_at),
            finished_ns: moment_of(state.finished_at),
            restarts: response.restart_count.unwrap_or(0),
            tty: config.tty.unwrap_or(false),
            ports: ports_of(response.network_settings.and_then(|network| network.ports)),
            mounts: response.mounts.unwrap_or_default().into_iter().filter_map(mount_of).collect(),
            project: project_of(&labels),
            labels,
            user: config.user.unwrap_or_default(),
            further_groups: host.group_add.unwrap_or_default(),
            working_dir: config
                .working_dir
                .filter(|folder| !folder.is_empty())
                .unwrap_or_else(|| "/".to_owned())
                .into(),
            auto_remove: host.auto_remove.unwrap_or(false),
            read_only: host.readonly_rootfs.unwrap_or(false),
            stop_seconds: config.stop_timeout,
            environment: config
                .env
                .unwrap_or_default()
                .into_iter()
                .filter_map(|variable| split_variable(&variable))
                .collect(),
        }
    }

    /// Its main process runs, frozen or not.
    pub fn is_up(&self) -> bool {
        matches!(self.status, Status::Running | Status::Paused | Status::Restarting)
    }

    /// Its processes start as root, whom nothing in its mounts is kept from.
    pub fn runs_as_root(&self) -> bool {
        let user = self.user.split(':').next().unwrap_or_default();
        matches!(user, "" | "root") || user.parse() == Ok(0)
    }

    /// Someone said that wakeeper may care for it.
    pub fn is_managed(&self) -> bool {
        self.labels.get(LABEL_MANAGED).is_some_and(|value| value == "true")
    }

    /// A variable of its environment, unless it is empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The mount that holds a path of the container, and the path below it.
    pub fn mount_of<'a>(&'a self, path: &'a Path) -> Option<(&'a Mount, &'a Path)> {
        let below = |mount: &'a Mount| Some((mount, path.strip_prefix(&mount.destination).ok()?));
        let holding = self.mounts.iter().filter_map(below);
        holding.max_by_key(|(mount, _)| mount.destination.components().count())
    }
}

fn status_of(status: Option<ContainerStateStatusEnum>) -> Status {
    match status {
        Some(ContainerStateStatusEnum::RUNNING) => Status::Running,
        Some(ContainerStateStatusEnum::PAUSED) => Status::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => Status::Restarting,
        Some(ContainerStateStatusEnum::EXITED) => Status::Exited,
        Some(ContainerStateStatusEnum::DEAD | ContainerStateStatusEnum::REMOVING) => Status::Dead,
        _ => Status::Created,
    }
}

fn health_of(health: bollard::models::Health) -> Option<Health> {
    let state = match health.status? {
        HealthStatusEnum::STARTING => HealthState::Starting,
        HealthStatusEnum::HEALTHY => HealthState::Healthy,
        HealthStatusEnum::UNHEALTHY => HealthState::Unhealthy,
        HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => return None,
    };
    let last = health.log.unwrap_or_default().into_iter().next_back();
    let last_output = last.and_then(|result| result.output).unwrap_or_default().trim().to_owned();
    Some(Health { state, failing_streak: health.failing_streak.unwrap_or(0), last_output })
}

fn mount_of(mount: bollard::models::MountPoint) -> Option<Mount> {
    let kind = match mount.typ?.as_str() {
        "bind" => MountKind::Bind,
        "volume" => MountKind::Volume(mount.name.unwrap_or_default()),
        "tmpfs" => MountKind::Tmpfs,
        _ => MountKind::Other,
    };
    Some(Mount {
        kind,
        source: mount.source.unwrap_or_default().into(),
        destination: mount.destination?.into(),
        writable: mount.rw.unwrap_or(true),
    })
}

fn project_of(labels: &BTreeMap<String, String>) -> Option<Project> {
    let label = |name: &str| labels.get(&format!("com.docker.compose.{name}")).cloned().unwrap_or_default();
    let name = label("project");
    if name.is_empty() {
        return None;
    }
    let working_dir = PathBuf::from(label("project.working_dir"));
    let files = label("project.config_files");
    // docker-compose 1.29 writes them relative to the working folder, v2 absolute.
    let config_files =
        files.split(',').filter(|file| !file.is_empty()).map(|file| working_dir.join(file)).collect();
    let depends_on = label("depends_on");
    let depends_on = depends_on.split(',').filter_map(|entry| entry.split(':').next());
    let depends_on = depends_on.filter(|service| !service.is_empty()).map(ToOwned::to_owned).collect();
    Some(Project { name, service: label("service"), working_dir, config_files, depends_on })
}

fn ports_of(ports: Option<HashMap<String, Option<Vec<bollard::models::PortBinding>>>>) -> Vec<String> {
    let mut shown = Vec::new();
    for (port, bindings) in ports.unwrap_or_default() {
        for binding in bindings.unwrap_or_default() {
            let address = binding.host_ip.unwrap_or_default();
            let published = binding.host_port.unwrap_or_default();
            shown.push(if address.contains(':') {
                format!("[{address}]:{published}->{port}")
            } else {
                format!("{address}:{published}->{port}")
            });
        }
    }
    shown.sort();
    shown
}

fn split_variable(variable: &str) -> Option<(String, String)> {
    let (name, value) = variable.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A container about which only the name is known.
    pub fn container(name: &str) -> Container {
        let response =
            ContainerInspectResponse { name: Some(name.to_owned()), ..ContainerInspectResponse::default() };
        Container::of(response)
    }

    /// A running container that works in `/app`.
    pub fn container_with(name: &str, mounts: Vec<Mount>, environment: &[(&str, &str)]) -> Container {
        let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Container {
            id: format!("id-of-{name}"),
            status: Status::Running,
            working_dir: "/app".into(),
            mounts,
            environment: variables.collect(),
            ..container(name)
        }
    }

    /// A folder of the engine's machine in a container.
    pub fn mount(source: &str, destination: &str, writable: bool) -> Mount {
        Mount { kind: MountKind::Bind, source: source.into(), destination: destination.into(), writable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_composes_labels_are_read() {
        let labels = |files: &str| {
            let pairs = [
                ("com.docker.compose.project", "shop"),
                ("com.docker.compose.service", "whatsapp-api"),
                ("com.docker.compose.project.working_dir", "/srv/shop"),
                ("com.docker.compose.project.config_files", files),
                ("com.docker.compose.depends_on", "permissions:service_completed_successfully:false"),
            ];
            pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let old = project_of(&labels("docker-compose.yml,docker-compose.session-fix.yml")).unwrap();
        let new =
            project_of(&labels("/srv/shop/docker-compose.yml,/srv/shop/docker-compose.session-fix.yml"))
                .unwrap();
        assert_eq!(old, new);
        assert_eq!(old.depends_on, ["permissions"]);
    }

    #[test]
    fn the_deepest_mount_holds_a_path_and_secrets_stay_out_of_sight() {
        let mount = |destination: &str| Mount {
            kind: MountKind::Bind,
            source: PathBuf::from("/srv").join(destination.trim_start_matches('/')),
            destination: PathBuf::from(destination),
            writable: true,
        };
        let mut container = testing::container("api");
        container.mounts = vec![mount("/app"), mount("/app/auth_info"), mount("/app/auth_info2")];
        container.environment.insert("API_KEY".to_owned(), "very-secret".to_owned());
        let (found, below) = container.mount_of(Path::new("/app/auth_info/creds.json")).unwrap();
        assert_eq!(
            (found.destination.as_path(), below),
            (Path::new("/app/auth_info"), Path::new("creds.json"))
        );
        assert!(container.mount_of(Path::new("/data")).is_none());
        assert!(!format!("{container:?}").contains("very-secret"));
        assert!(!serde_json::to_string(&container).unwrap().contains("very-secret"));
    }
}
