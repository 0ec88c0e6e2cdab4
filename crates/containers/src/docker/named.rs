//! A container that somebody named, with what it belongs to: started, stopped, started again.

use std::path::Path;

use crate::docker::container::Container;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::docker::lifecycle::Timeouts;
use crate::docker::unit::{Unit, UnitError};

/// A container by its name, whether or not it exists: compose files may describe it.
pub struct NamedContainer {
    engine: Engine,
    name: String,
    unit: Unit,
    container: Option<Container>,
    timeouts: Timeouts,
}

/// What a stop came to.
#[derive(Debug)]
pub enum StopOutcome {
    /// It did not run.
    WasNotUp,
    /// It stopped, with this exit code.
    Stopped(Option<i64>),
    /// It was removed with that.
    Removed,
    /// Something started it again.
    RunsAgain,
}

impl NamedContainer {
    /// Finds it, or what the compose files in `here` say of it.
    ///
    /// # Errors
    /// When there is no such container, or the engine does not tell.
    pub async fn find(
        engine: Engine,
        name: String,
        here: Option<&Path>,
        timeouts: Timeouts,
    ) -> Result<Self, UnitError> {
        let (unit, container) = Unit::of(&engine, &name, here).await?;
        Ok(Self { engine, name, unit, container, timeouts })
    }

    /// Starts it and what belongs to it, and waits until it is well.
    ///
    /// # Errors
    /// When it does not come up well.
    pub async fn start(&self) -> Result<Container, UnitError> {
        self.unit.start(&self.engine, &self.name, self.timeouts).await
    }

    /// Stops it and what belongs to it, where it exists, and starts it again.
    ///
    /// # Errors
    /// When it does not stop, or does not come up well.
    pub async fn restart(&self) -> Result<Container, UnitError> {
        if self.container.is_some() {
            self.unit.stop(&self.engine, self.timeouts).await?;
        }
        self.start().await
    }

    /// Stops it and what belongs to it.
    ///
    /// # Errors
    /// When it does not stop, or the engine does not tell how it ended.
    pub async fn stop(&self) -> Result<StopOutcome, UnitError> {
        // Other containers of the project may still run.
        self.unit.stop(&self.engine, self.timeouts).await?;
        if !self.container.as_ref().is_some_and(Container::is_up) {
            return Ok(StopOutcome::WasNotUp);
        }
        match self.engine.find(&self.name).await {
            Ok(container) if container.is_up() => Ok(StopOutcome::RunsAgain),
            Ok(container) => Ok(StopOutcome::Stopped(container.exit_code)),
            Err(EngineError::NoSuchContainer { .. }) => Ok(StopOutcome::Removed),
            Err(error) => Err(error.into()),
        }
    }
}
