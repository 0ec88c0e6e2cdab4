//! Compose projects, through `docker compose` or `docker-compose`, whichever is installed.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::docker::container::{Container, Project};
use crate::docker::endpoint::Endpoint;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::docker::lifecycle::{NotReady, Timeouts};

/// Names of a project's main file, in the order compose looks for them.
const MAIN_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
/// The override that adds session management.
pub const SESSION_OVERRIDE: &str = "docker-compose.session-fix.yml";

/// Which program speaks compose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `docker compose`, the plugin (version 2).
    Plugin,
    /// `docker-compose`, the program of its own.
    Standalone,
}

impl Tool {
    /// The one that is installed; the plugin when both are.
    pub async fn installed() -> Option<Self> {
        for tool in [Self::Plugin, Self::Standalone] {
            let mut command = tool.command();
            command.arg("version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            if command.status().await.is_ok_and(|status| status.success()) {
                return Some(tool);
            }
        }
        None
    }

    fn command(self) -> Command {
        match self {
            Self::Plugin => {
                let mut command = Command::new("docker");
                command.arg("compose");
                command
            }
            Self::Standalone => Command::new("docker-compose"),
        }
    }

    /// What a person types.
    pub fn typed(self) -> &'static str {
        match self {
            Self::Plugin => "docker compose",
            Self::Standalone => "docker-compose",
        }
    }
}

/// Why compose did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// Neither program is installed.
    #[error(
        "there are compose files in {folder}, and neither `docker compose` nor `docker-compose` is installed; install one (apt-get install docker-compose)"
    )]
    NoTool {
        /// Where the files are.
        folder: PathBuf,
    },
    /// The program could not be run.
    #[error("cannot run `{typed}`: {reason}")]
    Run {
        /// The program.
        typed: &'static str,
        /// The system's words.
        reason: std::io::Error,
    },
    /// It failed.
    #[error("`{typed} {verb}` failed in {folder}: {reason}")]
    Failed {
        /// The program.
        typed: &'static str,
        /// What it was to do.
        verb: String,
        /// Where.
        folder: PathBuf,
        /// The end of what it said.
        reason: String,
    },
}

/// A project's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFiles {
    /// The folder that compose runs in.
    pub folder: PathBuf,
    /// The files, main file first.
    pub files: Vec<PathBuf>,
    /// The project's name, when it is known and not for compose to choose.
    pub name: Option<String>,
}

impl ProjectFiles {
    /// The project in a folder: its main file and, when present, the session override.
    pub fn in_folder(folder: &Path) -> Option<Self> {
        let main = MAIN_FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file())?;
        let session = folder.join(SESSION_OVERRIDE);
        let files = std::iter::once(main).chain(session.is_file().then_some(session)).collect();
        Some(Self { folder: folder.to_owned(), files, name: None })
    }

    /// The project that a container was made for, when its files are readable here.
    pub fn of(project: &Project) -> Option<Self> {
        let readable =
            !project.config_files.is_empty() && project.config_files.iter().all(|file| file.is_file());
        readable.then(|| Self {
            folder: project.working_dir.clone(),
            files: project.config_files.clone(),
            name: Some(project.name.clone()),
        })
    }
}

/// A compose project that can be acted on.
#[derive(Debug, Clone)]
pub struct Compose {
    tool: Tool,
    files: ProjectFiles,
    engine: Endpoint,
}

impl Compose {
    /// Finds the program that speaks compose.
    pub async fn new(engine: &Engine, files: ProjectFiles) -> Result<Self, ComposeError> {
        let tool = Tool::installed().await;
        let tool = tool.ok_or_else(|| ComposeError::NoTool { folder: files.folder.clone() })?;
        Ok(Self { tool, files, engine: engine.endpoint().clone() })
    }

    /// Makes and starts what is missing, in the order of dependencies.
    pub async fn up(&self) -> Result<(), ComposeError> {
        self.run(&["up", "-d"]).await
    }

    /// Stops the project's containers and keeps them.
    pub async fn stop(&self) -> Result<(), ComposeError> {
        self.run(&["stop"]).await
    }

    /// Whether the files describe a container of that name, or a service of it.
    pub async fn describes(&self, name: &str) -> Result<bool, ComposeError> {
        let output = self.output(&["config"]).await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names_it = |line: &str| {
            let line = line.trim();
            line.strip_prefix("container_name:")
                .is_some_and(|value| value.trim().trim_matches(['"', '\'']) == name)
                || line.strip_suffix(':') == Some(name)
        };
        Ok(text.lines().any(names_it))
    }

    async fn run(&self, verb: &[&str]) -> Result<(), ComposeError> {
        self.output(verb).await.map(drop)
    }

    async fn output(&self, verb: &[&str]) -> Result<Output, ComposeError> {
        let mut command = self.tool.command();
        for file in &self.files.files {
            command.arg("-f").arg(file);
        }
        if let Some(name) = &self.files.name {
            command.arg("-p").arg(name);
        }
        command.args(verb).current_dir(&self.files.folder).stdin(Stdio::null());
        if let Endpoint::Unix(path) = &self.engine {
            // A context of the docker command is none that docker-compose knows.
            command.env("DOCKER_HOST", format!("unix://{}", path.display()));
        }
        let typed = self.tool.typed();
        let output = command.output().await.map_err(|reason| ComposeError::Run { typed, reason })?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let reason = lines[lines.len().saturating_sub(4)..].join("; ");
        let reason = if reason.is_empty() { format!("it ended with {}", output.status) } else { reason };
        Err(ComposeError::Failed { typed, verb: verb.join(" "), folder: self.files.folder.clone(), reason })
    }
}

impl Engine {
    /// Starts a project's containers without compose: those that others depend on first.
    pub async fn start_project(&self, project: &Project, timeouts: Timeouts) -> Result<(), NotReady> {
        for container in in_order(self.project(project).await?) {
            match self.start(&container.id, timeouts).await {
                // A step that runs once and ends well is done, not broken.
                Ok(_) | Err(NotReady::Ended { code: 0, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Stops a project's containers without compose: those that depend on others first.
    pub async fn stop_project(&self, project: &Project, timeouts: Timeouts) -> Result<(), EngineError> {
        for container in in_order(self.project(project).await?).iter().rev() {
            self.stop(&container.id, timeouts).await?;
        }
        Ok(())
    }
}

/// Containers so that each comes after those it depends on; in a circle the order is that of the names.
fn in_order(mut waiting: Vec<Container>) -> Vec<Container> {
    let mut ordered: Vec<Container> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_free = |container: &Container| {
            let depends =
                container.project.as_ref().map(|project| project.depends_on.as_slice()).unwrap_or_default();
            !depends
                .iter()
                .any(|service| waiting.iter().any(|other| service_of(other) == Some(service.as_str())))
        };
        let next = waiting.iter().position(is_free).unwrap_or(0);
        ordered.push(waiting.remove(next));
    }
    ordered
}

fn service_of(container: &Container) -> Option<&str> {
    container.project.as_ref().map(|project| project.service.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::container::testing::container;

    #[test]
    fn dependencies_come_first_and_circles_end() {
        let service = |name: &str, depends_on: &[&str]| {
            let mut container = container(name);
            container.project = Some(Project {
                name: "p".to_owned(),
                service: name.to_owned(),
                working_dir: PathBuf::new(),
                config_files: Vec::new(),
                depends_on: depends_on.iter().map(ToString::to_string).collect(),
            });
            container
        };
        let names =
            |list: Vec<Container>| list.into_iter().map(|container| container.name).collect::<Vec<_>>();
        let list = vec![service("api", &["db", "init"]), service("db", &[]), service("init", &["db"])];
        assert_eq!(names(in_order(list)), ["db", "init", "api"]);
        let circle = vec![service("a", &["b"]), service("b", &["a"])];
        assert_eq!(names(in_order(circle)), ["a", "b"]);
    }

    #[test]
    fn the_session_override_belongs_to_the_project_when_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ProjectFiles::in_folder(folder.path()), None);
        std::fs::write(folder.path().join("docker-compose.yml"), "services: {}").unwrap();
        assert_eq!(ProjectFiles::in_folder(folder.path()).unwrap().files.len(), 1);
        std::fs::write(folder.path().join(SESSION_OVERRIDE), "services: {}").unwrap();
        assert_eq!(ProjectFiles::in_folder(folder.path()).unwrap().files.len(), 2);
    }
}
