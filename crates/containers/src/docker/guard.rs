//! Keeps a container stopped while its files are worked on, and starts it again whatever happens.
//!
//! The promise holds on errors and panics (the guard starts it when it is dropped), when a person interrupts (dropping
//! again) and after a crash or a power cut: a note on disk says what was stopped, and the next run reads it. A note makes
//! us start a container, so notes are read only in a folder that nobody but this user can write to.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wakeeper_private_fs::{Folder, FsError, Locking};

use crate::docker::container::Container;
use crate::docker::endpoint::Endpoint;
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::docker::lifecycle::{NotReady, Timeouts};

/// How the names of notes begin.
const NOTE: &str = ".stopped-";

/// Why a container could not be stopped for work.
#[derive(Debug, thiserror::Error)]
pub enum StoppedError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The note could not be written, so nothing was stopped.
    #[error(
        "cannot write {path}, which remembers that the container must be started again: {reason}; nothing was stopped"
    )]
    Note {
        /// The note.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// A container can write notes there.
    #[error(
        "nothing was stopped: {path}, where it would be noted that the container must be started again, lies in what is \
         mounted into a container; name a folder outside of every container's mounts with STATE_DIR"
    )]
    Exposed {
        /// The folder of notes.
        path: PathBuf,
    },
    /// Another process works on it.
    #[error("another wakeeper works on container {name} right now; wait until it is done")]
    Busy {
        /// The container.
        name: String,
    },
    /// It would vanish.
    #[error(
        "container {name} was started with --rm: stopping it would remove it and its files; run it without --rm first"
    )]
    Vanishes {
        /// The container.
        name: String,
    },
    /// Something else started it meanwhile.
    #[error(
        "container {name} was started by something else while its files were worked on; stop what restarts it \
         (an orchestrator, a script), then run this again"
    )]
    Revived {
        /// The container.
        name: String,
    },
}

/// What the note says.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    container: String,
    id: String,
}

/// A container that is held still. Dropping it starts the container again, if it ran before.
#[derive(Debug)]
pub struct Stopped {
    engine: Engine,
    name: String,
    id: String,
    ran: bool,
    timeouts: Timeouts,
    /// Present, and locked, until the container runs again.
    note: Option<(Folder, String, File)>,
}

impl Stopped {
    /// Stops a container, with a note of it in `notes`, a folder that outlives this process and is this user's own
    /// ([`own_folder`](wakeeper_private_fs::own_folder)).
    pub async fn hold(
        engine: &Engine,
        container: &Container,
        notes: &Folder,
        timeouts: Timeouts,
    ) -> Result<Self, StoppedError> {
        let name = container.name.clone();
        if container.auto_remove && container.is_up() {
            return Err(StoppedError::Vanishes { name });
        }
        if is_exposed(engine, notes).await? {
            return Err(StoppedError::Exposed { path: notes.shown().to_owned() });
        }
        let note_name = note_name(&name);
        let failed = |error: FsError| StoppedError::Note {
            path: notes.shown().join(&note_name),
            reason: error.into_io(),
        };
        // The note of another process that works on the container is there too: its lock tells.
        let Locking::Taken(mut file) = notes.lock_file(&note_name).map_err(failed)? else {
            return Err(StoppedError::Busy { name });
        };
        let ran = container.is_up();
        let mut stopped = Self {
            engine: engine.clone(),
            name: name.clone(),
            id: container.id.clone(),
            ran,
            timeouts,
            note: None,
        };
        if ran {
            let note = Note { container: name, id: container.id.clone() };
            write_note(&mut file, notes, &note).map_err(failed)?;
        }
        stopped.note = Some((notes.clone(), note_name, file));
        // From here on a drop starts it again.
        engine.stop(&container.id, timeouts).await?;
        Ok(stopped)
    }

    /// The container's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It ran before it was stopped for this, and will again.
    pub fn ran(&self) -> bool {
        self.ran
    }

    /// Makes sure that nothing else started it; asked before files are written and after.
    pub async fn still(&self) -> Result<(), StoppedError> {
        if self.engine.find(&self.id).await?.is_up() {
            return Err(StoppedError::Revived { name: self.name.clone() });
        }
        Ok(())
    }

    /// Starts it again, if it ran before, and waits until it is well. `None` when it was stopped to begin with.
    pub async fn release(mut self) -> Result<Option<Container>, NotReady> {
        let started = if self.ran { Some(self.engine.start(&self.id, self.timeouts).await) } else { None };
        // Started is enough for the note: that it is unwell is for the caller to tell.
        let started_at_all = !matches!(started, Some(Err(NotReady::Engine(_))));
        if started_at_all {
            self.forget();
        }
        started.transpose()
    }

    fn forget(&mut self) {
        self.remove_note();
        self.ran = false;
    }

    fn remove_note(&mut self) {
        if let Some((notes, name, _lock)) = self.note.take() {
            let _ = notes.remove(&name);
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if !self.ran {
            self.remove_note();
            return;
        }
        // A runtime of its own: the one this was made in may be ending.
        let (endpoint, id, name) = (self.engine.endpoint().clone(), self.id.clone(), self.name.clone());
        let started = std::thread::spawn(move || start_blocking(endpoint, &id)).join();
        match started {
            Ok(Ok(())) => self.forget(),
            Ok(Err(reason)) => {
                tracing::error!(container = %name, "could not start the container again: {reason}; run: docker start {name}");
            }
            Err(_) => {
                tracing::error!(container = %name, "could not start the container again; run: docker start {name}");
            }
        }
    }
}

fn start_blocking(endpoint: Endpoint, id: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let engine = Engine::connect_to(endpoint).await.map_err(|error| error.to_string())?;
        let started =
            engine.docker.start_container(id, None::<bollard::query_parameters::StartContainerOptions>).await;
        started.map_err(|error| EngineError::of("start it", id, error).to_string())
    })
}

/// Starts every container that a process which is no more had stopped for its work. Returns their names, and what
/// could not be started.
pub async fn recover(engine: &Engine, notes: &Folder) -> (Vec<String>, Vec<EngineError>) {
    let (mut started, mut failed) = (Vec::new(), Vec::new());
    let mut names = Vec::new();
    let listed = notes.list(|name, _| {
        names.extend(name.into_string().ok().filter(|name| name.starts_with(NOTE)));
        true
    });
    if listed.is_err() || names.is_empty() {
        return (started, failed);
    }
    match is_exposed(engine, notes).await {
        Ok(false) => {}
        Ok(true) => {
            let path = notes.shown().display();
            tracing::warn!(
                "notes on stopped containers in {path} are not read: it lies in what is mounted into a container; name \
                 another folder with STATE_DIR"
            );
            return (started, failed);
        }
        Err(error) => {
            failed.push(error);
            return (started, failed);
        }
    }
    for name in names {
        let Some((note, lock)) = abandoned(notes, &name) else { continue };
        // By name first: it may have been made anew meanwhile.
        let found = match engine.find(&note.container).await {
            Err(error) if error.is_missing() => engine.find(&note.id).await,
            found => found,
        };
        let result = match found {
            Ok(container) if container.is_up() => Ok(false),
            Ok(container) => {
                let options = None::<bollard::query_parameters::StartContainerOptions>;
                let result = engine.docker.start_container(&container.id, options).await;
                let action = format!("start container {} again", note.container);
                result.map(|()| true).map_err(|error| EngineError::of(action, &note.container, error))
            }
            // Removed since; there is nothing to start.
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        };
        match result {
            Ok(was_started) => {
                let _ = notes.remove(&name);
                if was_started {
                    started.push(note.container);
                }
            }
            Err(error) => failed.push(error),
        }
        drop(lock);
    }
    (started, failed)
}

/// Whether a container can write into the folder of notes, or replace a folder on the way to it.
async fn is_exposed(engine: &Engine, notes: &Folder) -> Result<bool, EngineError> {
    let written = engine.written().await?;
    // A way up that cannot be walked proves nothing.
    Ok(wakeeper_private_fs::is_below(notes, &written).unwrap_or(true))
}

/// A note whose writer is gone, and the lock on it.
fn abandoned(notes: &Folder, name: &str) -> Option<(Note, File)> {
    let Ok(Locking::Taken(mut file)) = notes.lock_existing_file(name) else { return None };
    let mut text = String::new();
    (&mut file).take(4096).read_to_string(&mut text).ok()?;
    let note = serde_json::from_str(&text).ok();
    if note.is_none() {
        // Written half or not at all, and so before anything was stopped.
        let _ = notes.remove(name);
    }
    Some((note?, file))
}

fn note_name(container: &str) -> String {
    format!("{NOTE}{container}.json")
}

fn write_note(file: &mut File, notes: &Folder, note: &Note) -> Result<(), FsError> {
    file.set_len(0)?;
    file.write_all(serde_json::to_string(note).map_err(std::io::Error::from)?.as_bytes())?;
    file.sync_all()?;
    notes.sync()
}
