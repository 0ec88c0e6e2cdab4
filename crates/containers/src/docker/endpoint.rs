//! Where the engine is: `DOCKER_HOST`, a context of the docker command, or one of the usual sockets.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::docker::error::ConnectError;

/// What decides which engine is used; the caller reads it from its environment.
#[derive(Debug, Clone, Default)]
pub struct DockerEnvironment {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// `DOCKER_TLS_VERIFY` is set to something.
    pub tls_verify: bool,
    /// `DOCKER_CERT_PATH`.
    pub cert_path: Option<PathBuf>,
    /// `DOCKER_CONFIG`, or `.docker` in the home folder.
    pub config_dir: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, where rootless engines listen.
    pub runtime_dir: Option<PathBuf>,
}

impl DockerEnvironment {
    /// From the variables of an environment; `variable` answers one that is set and not empty.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| variable(name).map(PathBuf::from);
        Self {
            host: variable("DOCKER_HOST"),
            context: variable("DOCKER_CONTEXT"),
            tls_verify: variable("DOCKER_TLS_VERIFY").is_some(),
            cert_path: path("DOCKER_CERT_PATH"),
            config_dir: path("DOCKER_CONFIG").or_else(|| path("HOME").map(|home| home.join(".docker"))),
            runtime_dir: path("XDG_RUNTIME_DIR"),
        }
    }
}

/// One place where an engine may listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket of this machine.
    Unix(PathBuf),
    /// Plain HTTP.
    Http(String),
    /// HTTPS with client certificates (`ca.pem`, `cert.pem`, `key.pem` in the folder).
    Tls {
        /// Host and port.
        host: String,
        /// The folder of certificates.
        certificates: PathBuf,
    },
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Http(host) => write!(formatter, "tcp://{host}"),
            Self::Tls { host, .. } => write!(formatter, "https://{host}"),
        }
    }
}

impl Endpoint {
    /// Whether paths that the engine names can be paths of this machine.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

/// Where to look.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// A person named this one.
    Named(Endpoint),
    /// The first of these that answers.
    Usual(Vec<Endpoint>),
}

/// Decides where to look, in the order the docker command does: `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context,
/// the usual sockets.
///
/// # Errors
/// A setting that names something unusable; it is never passed over in silence.
pub fn choose(surroundings: &DockerEnvironment) -> Result<Choice, ConnectError> {
    if let Some(host) = surroundings.host.as_deref().filter(|host| !host.is_empty()) {
        let certificates = surroundings.cert_path.clone().or_else(|| surroundings.config_dir.clone());
        let tls = surroundings.tls_verify.then_some(certificates).flatten();
        return named("DOCKER_HOST", host, tls, surroundings).map(Choice::Named);
    }
    let chosen = surroundings.context.clone().filter(|name| !name.is_empty());
    let chosen = chosen.map_or_else(|| current_context(surroundings), |name| Some((name, "DOCKER_CONTEXT")));
    match chosen.filter(|(name, _)| name != "default") {
        Some((name, setting)) => context(&name, setting, surroundings).map(Choice::Named),
        None => Ok(Choice::Usual(usual(surroundings))),
    }
}

fn named(
    setting: &'static str,
    host: &str,
    tls: Option<PathBuf>,
    surroundings: &DockerEnvironment,
) -> Result<Endpoint, ConnectError> {
    let unusable =
        |reason: &str| ConnectError::Setting { setting, value: host.to_owned(), reason: reason.to_owned() };
    let Some((scheme, rest)) = host.split_once("://") else {
        return Err(unusable("write unix:///path/to/docker.sock or tcp://host:port"));
    };
    if rest.is_empty() {
        return Err(unusable("nothing follows ://"));
    }
    match (scheme, tls) {
        ("unix", _) => Ok(Endpoint::Unix(PathBuf::from(rest))),
        ("tcp" | "https", Some(certificates)) => {
            Ok(Endpoint::Tls { host: rest.trim_end_matches('/').to_owned(), certificates })
        }
        ("https", None) => {
            let certificates = surroundings.cert_path.clone().or_else(|| surroundings.config_dir.clone());
            let certificates =
                certificates.ok_or_else(|| unusable("set DOCKER_CERT_PATH to its certificates"))?;
            Ok(Endpoint::Tls { host: rest.trim_end_matches('/').to_owned(), certificates })
        }
        ("tcp" | "http", None) => Ok(Endpoint::Http(rest.trim_end_matches('/').to_owned())),
        ("ssh", _) => Err(unusable(
            "ssh is not spoken here; forward the socket (ssh -L ./docker.sock:/var/run/docker.sock HOST) and set \
             DOCKER_HOST=unix://$PWD/docker.sock",
        )),
        _ => Err(unusable("only unix://, tcp:// and https:// are known")),
    }
}

#[derive(Deserialize)]
struct ClientConfig {
    #[serde(rename = "currentContext", default)]
    current_context: Option<String>,
}

/// The context that `docker context use` chose. A file that cannot be read chooses nothing, as for docker itself.
fn current_context(surroundings: &DockerEnvironment) -> Option<(String, &'static str)> {
    let text = std::fs::read(surroundings.config_dir.as_ref()?.join("config.json")).ok()?;
    let config: ClientConfig = serde_json::from_slice(&text).ok()?;
    config.current_context.filter(|name| !name.is_empty()).map(|name| (name, "the current docker context"))
}

#[derive(Deserialize)]
struct ContextMeta {
    #[serde(rename = "Endpoints")]
    endpoints: std::collections::BTreeMap<String, ContextEndpoint>,
}

#[derive(Deserialize)]
struct ContextEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
}

fn context(
    name: &str,
    setting: &'static str,
    surroundings: &DockerEnvironment,
) -> Result<Endpoint, ConnectError> {
    let unusable = |reason: String| ConnectError::Setting { setting, value: name.to_owned(), reason };
    let folder =
        surroundings.config_dir.as_ref().ok_or_else(|| unusable("no docker configuration folder".into()))?;
    let id = hex::encode(Sha256::digest(name.as_bytes()));
    let path = folder.join("contexts/meta").join(&id).join("meta.json");
    let text = std::fs::read(&path)
        .map_err(|_| unusable("there is no such context; `docker context ls` lists them".into()))?;
    let meta: ContextMeta = serde_json::from_slice(&text)
        .map_err(|error| unusable(format!("{} is unreadable: {error}", path.display())))?;
    let host =
        &meta.endpoints.get("docker").ok_or_else(|| unusable("it names no Docker engine".into()))?.host;
    let tls = folder.join("contexts/tls").join(&id).join("docker");
    named(setting, host, tls.is_dir().then_some(tls), surroundings)
}

fn usual(surroundings: &DockerEnvironment) -> Vec<Endpoint> {
    let below = |folder: Option<&PathBuf>, name: &str| folder.map(|folder| folder.join(name));
    let candidates = [
        Some(PathBuf::from("/var/run/docker.sock")),
        below(surroundings.runtime_dir.as_ref(), "docker.sock"),
        below(surroundings.config_dir.as_ref(), "run/docker.sock"),
        below(surroundings.config_dir.as_ref(), "desktop/docker.sock"),
        below(surroundings.runtime_dir.as_ref(), "podman/podman.sock"),
        Some(PathBuf::from("/run/podman/podman.sock")),
    ];
    candidates.into_iter().flatten().map(Endpoint::Unix).collect()
}

/// The three files of a folder of certificates.
pub(crate) fn certificate_files(folder: &Path) -> [PathBuf; 3] {
    ["key.pem", "cert.pem", "ca.pem"].map(|name| folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_host(host: &str) -> DockerEnvironment {
        DockerEnvironment { host: Some(host.to_owned()), ..DockerEnvironment::default() }
    }

    #[test]
    fn the_named_host_wins_and_nonsense_is_refused_by_name() {
        let named = choose(&with_host("unix:///run/x.sock")).unwrap();
        assert_eq!(named, Choice::Named(Endpoint::Unix(PathBuf::from("/run/x.sock"))));
        assert_eq!(
            choose(&with_host("tcp://127.0.0.1:2375/")).unwrap(),
            Choice::Named(Endpoint::Http("127.0.0.1:2375".to_owned()))
        );
        let secured = DockerEnvironment {
            tls_verify: true,
            cert_path: Some(PathBuf::from("/certs")),
            ..with_host("tcp://engine:2376")
        };
        let expected =
            Endpoint::Tls { host: "engine:2376".to_owned(), certificates: PathBuf::from("/certs") };
        assert_eq!(choose(&secured).unwrap(), Choice::Named(expected));
        for host in ["/var/run/docker.sock", "fd://", "ssh://me@there", "unix://"] {
            let error = choose(&with_host(host)).unwrap_err().to_string();
            assert!(error.contains("DOCKER_HOST") && error.contains(host), "{error}");
        }
    }

    #[test]
    fn an_empty_host_is_no_host() {
        assert!(matches!(choose(&with_host("")).unwrap(), Choice::Usual(places) if places.len() == 2));
    }

    #[test]
    fn contexts_are_read_as_docker_writes_them() {
        let folder = tempfile::tempdir().unwrap();
        let id = hex::encode(Sha256::digest(b"server"));
        let meta = folder.path().join("contexts/meta").join(id);
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"server","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///run/s.sock","SkipTLSVerify":false}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        std::fs::write(folder.path().join("config.json"), r#"{"auths":{},"currentContext":"server"}"#)
            .unwrap();
        let surroundings =
            DockerEnvironment { config_dir: Some(folder.path().to_owned()), ..DockerEnvironment::default() };
        let expected = Choice::Named(Endpoint::Unix(PathBuf::from("/run/s.sock")));
        assert_eq!(choose(&surroundings).unwrap(), expected);
        let other = DockerEnvironment { context: Some("absent".to_owned()), ..surroundings };
        assert!(choose(&other).unwrap_err().to_string().contains("no such context"));
    }
}
