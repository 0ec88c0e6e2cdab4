//! What is seen of sessions from outside, for their caretakers: logs of containers and in files, events of the engine.

pub mod events;
pub mod folder;
pub mod follow;
pub mod tail;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use wakeeper_recovery::Clock;
use wakeeper_storage::{Storage, StorageError};

use crate::docker::EngineError;

/// What the readers of logs need.
#[derive(Clone)]
pub struct Reading {
    /// Keeps how far logs were read.
    pub storage: Arc<dyn Storage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// So far back a container's log is read again at the start, because failures are counted in memory.
    pub span: Duration,
}

/// Why a log is no longer read.
#[derive(Debug, Error)]
pub enum WatchError {
    /// How far it was read cannot be kept.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The engine does not give it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// How far it was read cannot be written down.
    #[error(transparent)]
    Position(#[from] serde_json::Error),
}
