//! A connection to one Docker engine, and the containers it knows.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::query_parameters::{InspectContainerOptions, ListContainersOptions};
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::sync::OnceCell;
use wakeeper_private_fs::FileId;

use crate::docker::container::{Container, LABEL_MANAGED, LABEL_ONE_OFF, LABEL_PROJECT, Project};
use crate::docker::endpoint::{self, Choice, DockerEnvironment, Endpoint};
use crate::docker::error::{ConnectError, EngineError, causes};
use crate::docker::user;

/// Seconds that the engine has to begin an answer.
const ANSWER_SECONDS: u64 = 60;
/// How long a first sign of life may take.
const FIRST_SIGN: Duration = Duration::from_secs(10);
/// How many names an error message lists at most.
const NAMED: usize = 8;

/// One Docker engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) docker: Docker,
    endpoint: Endpoint,
    mounts: Arc<Mutex<HashMap<(String, PathBuf), FileId>>>,
    users: user::Seen,
    maps_users: Arc<OnceCell<bool>>,
}

impl Engine {
    /// Remembers which folder or file of this machine a running container was seen to have at a mount's target.
    pub(crate) fn remember_mount(&self, container: &str, target: &Path, file: FileId) {
        let mut mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts.insert((container.to_owned(), target.to_owned()), file);
    }

    /// What it was when the container ran last, as far as this process saw it.
    pub(crate) fn remembered_mount(&self, container: &str, target: &Path) -> Option<FileId> {
        let mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts.get(&(container.to_owned(), target.to_owned())).copied()
    }

    /// Who containers were seen to run as.
    pub(crate) fn seen_users(&self) -> &user::Seen {
        &self.users
    }

    /// Whether users of its containers have other numbers on its machine. An engine that does not tell has none of it.
    pub(crate) async fn maps_users(&self) -> bool {
        let ask = async || {
            let told = self.docker.info().await.ok().and_then(|info| info.security_options);
            let maps = |option: &String| option.contains("name=userns") || option.contains("name=rootless");
            told.unwrap_or_default().iter().any(maps)
        };
        *self.maps_users.get_or_init(ask).await
    }

    /// What other containers write to, as far as it can be seen from here, running or not. Whoever has the whole machine
    /// has no need of links in it, and is not counted.
    pub(crate) async fn written(&self) -> Result<BTreeSet<FileId>, EngineError> {
        let options = ListContainersOptions { all: true, ..Default::default() };
        let list = self.docker.list_containers(Some(options)).await;
        let list = list.map_err(|error| EngineError::of("list its containers", "", error))?;
        let own = own_container(&std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default());
        let others = list.into_iter().filter(|container| own.is_none() || container.id != own);
        let mounts = others.flat_map(|container| container.mounts.unwrap_or_default());
        let sources = mounts.filter(|mount| mount.rw.unwrap_or(true)).filter_map(|mount| mount.source);
        let sources: BTreeSet<PathBuf> = sources.map(PathBuf::from).collect();
        let found = sources.iter().filter(|path| path.parent().is_some());
        let found = found.filter_map(|path| path.metadata().ok());
        Ok(found.map(|facts| (facts.dev(), facts.ino())).collect())
    }

    /// Connects to the engine that the surroundings name, or to the first one that answers at a usual place.
    ///
    /// # Errors
    /// Where was looked, and why nothing answered.
    pub async fn connect(surroundings: &DockerEnvironment) -> Result<Self, ConnectError> {
        match endpoint::choose(surroundings)? {
            Choice::Named(endpoint) => Self::connect_to(endpoint).await,
            Choice::Usual(endpoints) => {
                let mut trouble = None;
                for endpoint in endpoints.iter().filter(|endpoint| exists(endpoint)) {
                    match Self::connect_to(endpoint.clone()).await {
                        Ok(engine) => return Ok(engine),
                        Err(error) => trouble = trouble.or(Some(error)),
                    }
                }
                let looked = endpoints.iter().map(ToString::to_string).collect();
                Err(trouble.unwrap_or(ConnectError::NotFound { looked }))
            }
        }
    }

    /// Connects to this place only.
    pub async fn connect_to(endpoint: Endpoint) -> Result<Self, ConnectError> {
        let silent = |reason: String| ConnectError::Silent { endpoint: endpoint.to_string(), reason };
        if let Endpoint::Unix(path) = &endpoint {
            reach_socket(path, &endpoint).await?;
        }
        let docker = client(&endpoint).map_err(|error| silent(causes(&error)))?;
        match tokio::time::timeout(FIRST_SIGN, docker.ping()).await {
            Ok(Ok(_)) => Ok(Self {
                docker,
                endpoint,
                mounts: Arc::default(),
                users: user::Seen::default(),
                maps_users: Arc::default(),
            }),
            Ok(Err(error)) => Err(silent(causes(&error))),
            Err(_) => Err(silent(format!("no answer within {} s", FIRST_SIGN.as_secs()))),
        }
    }

    /// Where this engine is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The engine's version and the version of its API, e.g. `20.10.24` and `1.41`.
    pub async fn version(&self) -> Result<(String, String), EngineError> {
        let version =
            self.docker.version().await.map_err(|error| EngineError::of("tell its version", "", error))?;
        Ok((version.version.unwrap_or_default(), version.api_version.unwrap_or_default()))
    }

    /// A container by name or id, running or not.
    ///
    /// # Errors
    /// [`EngineError::NoSuchContainer`] with the names that there are.
    pub async fn find(&self, name: &str) -> Result<Container, EngineError> {
        // The name becomes part of a path; what no container can be called is not asked for.
        let plausible = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if !plausible {
            return Err(self.missing(name).await);
        }
        match self.docker.inspect_container(name, None::<InspectContainerOptions>).await {
            Ok(response) => Ok(Container::of(response)),
            Err(error) => match EngineError::of(format!("look at container {name}"), name, error) {
                error if error.is_missing() => Err(self.missing(name).await),
                error => Err(error),
            },
        }
    }

    async fn missing(&self, name: &str) -> EngineError {
        let known = self.list(HashMap::new()).await.unwrap_or_default();
        let known = known.into_iter().map(|container| container.name).take(NAMED).collect();
        EngineError::NoSuchContainer { name: name.to_owned(), known }
    }

    /// Every container labelled as holding a session that wakeeper may care for, running or not.
    pub async fn managed(&self) -> Result<Vec<Container>, EngineError> {
        self.list(HashMap::from([("label".to_owned(), vec![format!("{LABEL_MANAGED}=true")])])).await
    }

    /// The containers of a compose project, without one-off ones.
    pub async fn project(&self, project: &Project) -> Result<Vec<Container>, EngineError> {
        let labels = vec![format!("{LABEL_PROJECT}={}", project.name), format!("{LABEL_ONE_OFF}=False")];
        self.list(HashMap::from([("label".to_owned(), labels)])).await
    }

    /// Every container.
    pub async fn all(&self) -> Result<Vec<Container>, EngineError> {
        self.list(HashMap::new()).await
    }

    /// Every container but the one that this process runs in.
    ///
    /// # Errors
    /// As [`Engine::all`].
    pub async fn others(&self) -> Result<Vec<Container>, EngineError> {
        let own = own_container(&std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default());
        let mut containers = self.all().await?;
        containers.retain(|container| own.as_ref() != Some(&container.id));
        Ok(containers)
    }

    async fn list(&self, filters: HashMap<String, Vec<String>>) -> Result<Vec<Container>, EngineError> {
        let options = ListContainersOptions { all: true, filters: Some(filters), ..Default::default() };
        let list = self.docker.list_containers(Some(options)).await;
        let list = list.map_err(|error| EngineError::of("list its containers", "", error))?;
        let mut containers = Vec::new();
        for id in list.into_iter().filter_map(|summary| summary.id) {
            match self.docker.inspect_container(&id, None::<InspectContainerOptions>).await {
                Ok(response) => containers.push(Container::of(response)),
                Err(error) => {
                    let error = EngineError::of("look at a container", &id, error);
                    // It was removed between the two questions.
                    if !error.is_missing() {
                        return Err(error);
                    }
                }
            }
        }
        containers.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(containers)
    }

    /// The same engine with another limit for the begin of an answer.
    pub(crate) fn with_timeout(&self, limit: Duration) -> Docker {
        self.docker.clone().with_timeout(limit)
    }
}

/// The container that this process itself runs in: the engine mounts files into it that it keeps by the container's id.
fn own_container(mounts: &str) -> Option<String> {
    let line = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/etc/hostname"))?;
    let is_id = |part: &&str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    line.split(' ').nth(3)?.split('/').find(is_id).map(str::to_owned)
}

fn exists(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Unix(path) if path.exists())
}

async fn reach_socket(path: &std::path::Path, endpoint: &Endpoint) -> Result<(), ConnectError> {
    use std::io::ErrorKind;
    match tokio::net::UnixStream::connect(path).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(ConnectError::Denied { endpoint: endpoint.to_string() })
        }
        Err(error) => {
            let reason = match error.kind() {
                ErrorKind::NotFound => "there is no such socket".to_owned(),
                ErrorKind::ConnectionRefused => "nothing listens on that socket".to_owned(),
                _ => error.to_string(),
            };
            Err(ConnectError::Silent { endpoint: endpoint.to_string(), reason })
        }
    }
}

fn client(endpoint: &Endpoint) -> Result<Docker, bollard::errors::Error> {
    match endpoint {
        Endpoint::Unix(path) => {
            Docker::connect_with_unix(&path.to_string_lossy(), ANSWER_SECONDS, API_DEFAULT_VERSION)
        }
        Endpoint::Http(host) => Docker::connect_with_http(host, ANSWER_SECONDS, API_DEFAULT_VERSION),
        Endpoint::Tls { host, certificates } => {
            let [key, certificate, authority] = endpoint::certificate_files(certificates);
            Docker::connect_with_ssl(
                host,
                &key,
                &certificate,
                &authority,
                ANSWER_SECONDS,
                API_DEFAULT_VERSION,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_processes_own_container_is_known_by_its_mounts() {
        let id = "0123456789abcdef".repeat(4);
        let line = |target: &str| {
            format!(
                "26 20 8:1 /var/lib/docker/containers/{id}/hostname {target} rw,relatime - ext4 /dev/sda1 rw\n"
            )
        };
        let shared = "25 20 0:5 / /dev rw - devtmpfs devtmpfs rw\n".to_owned();
        assert_eq!(own_container(&(shared.clone() + &line("/etc/hostname"))), Some(id.clone()));
        assert_eq!(own_container(&(shared + &line("/elsewhere"))), None);
    }
}
