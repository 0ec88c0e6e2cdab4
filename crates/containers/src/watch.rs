//! Sessions that are watched from outside: which they are, and what their caretakers are told of them, by logs of containers
//! and in files and by events of the engine.

mod container;
mod events;
mod fleet;
mod folder;
mod follow;
mod tail;

pub use container::ContainerSession;
pub use fleet::{Choice, Fleet, WatchedContainers};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use wakeeper_doctor::backup::Retention;
use wakeeper_doctor::secret::Passphrase;
use wakeeper_recovery::{Clock, Rules};
use wakeeper_storage::{Storage, StorageError};

use crate::docker::EngineError;
use crate::session::Host;

/// What every part of the watch shares.
#[derive(Clone)]
pub struct Watching {
    /// What the policy may do, and when.
    pub rules: Rules,
    /// This machine's side of work on containers.
    pub host: Host,
    /// Which backups are kept.
    pub retention: Retention,
    /// Encrypts new backups and opens old ones.
    pub passphrase: Option<Passphrase>,
    /// Whether a container's folder, brought here, is one that a gateway of ours keeps: it looks after itself.
    pub is_gateways: fn(&Path) -> bool,
    /// Incidents and how far logs were read.
    pub storage: Arc<dyn Storage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Watching {
    fn reading(&self) -> Reading {
        Reading {
            storage: Arc::clone(&self.storage),
            clock: Arc::clone(&self.clock),
            span: self.rules.peer_window,
        }
    }
}

/// What the readers of logs need.
#[derive(Clone)]
pub(crate) struct Reading {
    /// Keeps how far logs were read.
    pub storage: Arc<dyn Storage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// So far back a container's log is read again at the start, because failures are counted in memory.
    pub span: Duration,
}

/// Why a log is no longer read.
#[derive(Debug, Error)]
pub(crate) enum WatchError {
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

/// Describes what is measured here, for whoever records it.
pub fn describe_metrics() {
    metrics::describe_gauge!("wakeeper_watched", "Sessions that are watched");
}
