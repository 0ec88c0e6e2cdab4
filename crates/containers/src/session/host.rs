//! This machine's side of work on containers.

use std::path::{Path, PathBuf};

use wakeeper_private_fs::{Folder, FsError, own_folder};

use crate::docker::{Container, Engine, guard};

/// Finds programs outside of a container that use its session's folder, by name.
pub type UsersOutside = fn(&Path, &Container) -> Vec<String>;

/// This machine's side of work on containers.
#[derive(Debug, Clone)]
pub struct Host {
    /// The backup folder of sessions whose containers have none within reach.
    pub backups: PathBuf,
    /// Folder of notes on what was stopped for the time of a repair.
    pub state: PathBuf,
    /// Who else uses a session's folder. A session that somebody does is not changed.
    pub users_outside: UsersOutside,
}

/// Containers that an interrupted run had left stopped.
#[derive(Debug, Default)]
pub struct Restarted {
    /// What was done, container by container, for people.
    pub started: Vec<String>,
    /// What could not be done.
    pub failed: Vec<String>,
}

impl Host {
    /// The folder of notes on what was stopped. It is read and acted on, so nobody else may write to it; a container's
    /// mounts are no place for it.
    pub(super) fn notes(&self) -> Result<Folder, FsError> {
        own_folder(&self.state)
    }

    /// Starts every container that a process which is no more had stopped for its work.
    pub async fn start_what_was_left(&self, engine: &Engine) -> Restarted {
        // Without the folder nothing was ever stopped.
        if !self.state.is_dir() {
            return Restarted::default();
        }
        let notes = match self.notes() {
            Ok(notes) => notes,
            Err(error) => {
                tracing::warn!("notes on stopped containers are not read: {error}");
                return Restarted::default();
            }
        };
        let (started, failed) = guard::recover(engine, &notes).await;
        let again = |name| {
            format!("container {name} had been left stopped by an interrupted run; it was started again")
        };
        let still = |error| format!("a container had been left stopped by an interrupted run: {error}");
        Restarted {
            started: started.into_iter().map(again).collect(),
            failed: failed.into_iter().map(still).collect(),
        }
    }
}
