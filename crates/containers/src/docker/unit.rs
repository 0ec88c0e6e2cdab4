//! What is started and stopped together: a compose project as a whole where there is one, else the container alone.

use std::path::Path;
use std::time::Duration;

use crate::docker::compose::{Compose, ComposeError, ProjectFiles, Tool};
use crate::docker::container::{Container, Project};
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::docker::lifecycle::{NotReady, Timeouts};

/// Why a unit could not be found, stopped or started.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Compose failed.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// Compose failed, and the container knows why.
    #[error("{compose}: {reason}")]
    Ended {
        /// What compose says.
        compose: ComposeError,
        /// What became of the container.
        reason: NotReady,
    },
    /// It was started and is not well.
    #[error(transparent)]
    NotReady(#[from] NotReady),
}

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
    /// What a container belongs to. One that does not exist can still be described by the compose files in `here`; `None` for
    /// it in the second place.
    ///
    /// # Errors
    /// When there is no such container and nothing describes it, or the engine or compose does not tell.
    pub async fn of(
        engine: &Engine,
        name: &str,
        here: Option<&Path>,
    ) -> Result<(Self, Option<Container>), UnitError> {
        match engine.find(name).await {
            Ok(container) => Ok((Self::of_container(engine, &container).await?, Some(container))),
            Err(missing) if missing.is_missing() => match described(engine, name, here).await? {
                Some(compose) => Ok((Self::Compose(compose), None)),
                None => Err(missing.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn of_container(engine: &Engine, container: &Container) -> Result<Self, UnitError> {
        let Some(project) = &container.project else { return Ok(Self::Container(container.id.clone())) };
        match ProjectFiles::of(project) {
            Some(files) if Tool::installed().await.is_some() => {
                Ok(Self::Compose(Compose::new(engine, files).await?))
            }
            _ => Ok(Self::Project(project.clone())),
        }
    }

    /// Stops all of it, gracefully.
    ///
    /// # Errors
    /// When something of it does not stop.
    pub async fn stop(&self, engine: &Engine, timeouts: Timeouts) -> Result<(), UnitError> {
        match self {
            Self::Compose(compose) => compose.stop().await?,
            Self::Project(project) => engine.stop_project(project, timeouts).await?,
            Self::Container(id) => drop(engine.stop(id, timeouts).await?),
        }
        Ok(())
    }

    /// Starts all of it and waits until the named container is well.
    ///
    /// # Errors
    /// When something of it does not start, or the container is not well in time.
    pub async fn start(
        &self,
        engine: &Engine,
        name: &str,
        timeouts: Timeouts,
    ) -> Result<Container, UnitError> {
        match self {
            Self::Compose(compose) => {
                if let Err(error) = compose.up().await {
                    // Compose says that something failed; the container itself often knows what.
                    return Err(match engine.wait_ready(name, Duration::ZERO).await {
                        Err(reason @ NotReady::Ended { .. }) => UnitError::Ended { compose: error, reason },
                        _ => error.into(),
                    });
                }
            }
            Self::Project(project) => engine.start_project(project, timeouts).await?,
            Self::Container(id) => return Ok(engine.start(id, timeouts).await?),
        }
        Ok(engine.wait_ready(name, timeouts.healthy).await?)
    }
}

async fn described(engine: &Engine, name: &str, here: Option<&Path>) -> Result<Option<Compose>, UnitError> {
    let Some(files) = here.and_then(ProjectFiles::in_folder) else { return Ok(None) };
    let compose = Compose::new(engine, files).await?;
    Ok(compose.describes(name).await?.then_some(compose))
}
