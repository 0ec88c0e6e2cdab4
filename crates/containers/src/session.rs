//! A container's session, opened to be looked at or changed: found, held still, put back, and started again.
//!
//! Commands that a person typed and the monitor open sessions here and nowhere else, so that nothing is stopped for work
//! that cannot be done, and whatever was stopped is started again.

mod backups;
mod host;
mod log;
mod open;
mod owners;
mod release;

pub use backups::BackupFolder;
pub use host::{Host, Restarted, UsersOutside};
pub use log::ContainerLog;
pub(crate) use log::symptoms_of;
pub use open::{Asked, ContainerReport, Notices, OpenSession};
pub use owners::{Sharer, name_containers, sharers_of};

use std::io::Write;
use std::path::{Path, PathBuf};

use wakeeper_doctor::in_use::InUseBy;
use wakeeper_private_fs::{FsError, shown};

use crate::docker::{
    Checkout, Container, Engine, EngineError, Purpose, SessionLayout, Stopped, StoppedError, Timeouts,
    VolumeError,
};

/// Why a container's session was not opened, or not closed again.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its files could not be brought here or put back.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// It could not be held still.
    #[error(transparent)]
    Stopped(#[from] StoppedError),
    /// It has several sessions, and does not say which one is its own.
    #[error("container {container} has sessions in several folders; name one: {}", .flags.join(", "))]
    Several {
        /// The container.
        container: String,
        /// What names each on a command line.
        flags: Vec<String>,
    },
    /// Another container would write over the repair.
    #[error(
        "nothing was changed: the session of container {container} is also within reach of {others}. Stop that one first \
         (docker stop {stop}), because what it holds in memory would be written over the repair; give --assume-stopped if \
         it does not use this session"
    )]
    Shared {
        /// The container that was to be worked on.
        container: String,
        /// Which have it, too.
        others: String,
        /// The first of them.
        stop: String,
    },
    /// Programs outside of the container would write over the repair.
    #[error(transparent)]
    Used(#[from] InUseBy),
    /// Every write begins with a backup, and none fits.
    #[error("nothing was stopped, because no backup can be written to {folder}: {reason}")]
    NoRoom {
        /// The backup folder.
        folder: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// The program might end before it has started the container again.
    #[error("nothing was stopped, because signals cannot be caught: {reason}")]
    NoPromise {
        /// The system's words.
        reason: std::io::Error,
    },
    /// It could not be noted that the container must be started again.
    #[error(
        "nothing was stopped: there is no safe place in {folder} for the note that the container must be started again; \
         name another folder with STATE_DIR: {reason}"
    )]
    NoNotes {
        /// The folder of notes.
        folder: PathBuf,
        /// What is wrong with it.
        reason: FsError,
    },
}

/// A container's session, found and not opened yet.
#[derive(Debug, Clone)]
pub struct LocatedSession {
    engine: Engine,
    /// The container as it was when it was found.
    pub container: Container,
    /// Where it keeps its session.
    pub layout: SessionLayout,
    /// Where the session is backed up.
    pub backups: BackupFolder,
    /// A person says that other containers which have the folder do not use this session.
    pub others_do_not_matter: bool,
    users_outside: UsersOutside,
}

impl LocatedSession {
    /// Finds the session of a container by the container's name or id.
    ///
    /// # Errors
    /// When there is no such container, or the engine does not tell.
    pub async fn find(engine: &Engine, name: &str, host: &Host) -> Result<Self, EngineError> {
        let container = engine.find(name).await?;
        Self::of(engine, container, host).await
    }

    /// The same, with the session at this path of the container; `None` finds it.
    ///
    /// # Errors
    /// As [`LocatedSession::find`].
    pub async fn find_at(
        engine: &Engine,
        name: &str,
        path: Option<&Path>,
        host: &Host,
    ) -> Result<Self, EngineError> {
        let Some(path) = path else { return Self::find(engine, name, host).await };
        let container = engine.find(name).await?;
        let layout = SessionLayout::at(&container, path);
        Self::with(engine, container, layout, host).await
    }

    /// Finds the session of a container.
    ///
    /// # Errors
    /// When the engine does not tell where its backups are.
    pub async fn of(engine: &Engine, container: Container, host: &Host) -> Result<Self, EngineError> {
        let layout = SessionLayout::find(engine, &container).await;
        Self::with(engine, container, layout, host).await
    }

    async fn with(
        engine: &Engine,
        container: Container,
        layout: SessionLayout,
        host: &Host,
    ) -> Result<Self, EngineError> {
        let backups = BackupFolder::of(engine, &container, &layout, host).await?;
        Ok(Self {
            engine: engine.clone(),
            container,
            layout,
            backups,
            others_do_not_matter: false,
            users_outside: host.users_outside,
        })
    }

    /// Opens the session to be looked at; the container may run.
    ///
    /// # Errors
    /// When there is no session, or its files cannot be brought here.
    pub async fn read(&self) -> Result<Checkout, VolumeError> {
        self.checkout(Purpose::Read).await
    }

    /// Makes sure that the session can be changed, before anything is stopped for it: it is there, its mount is writable,
    /// no other container that runs has it, no program outside of the container uses it, and a backup fits beside it.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn check_writable(&self) -> Result<Checkout, AccessError> {
        let checkout = self.checkout(Purpose::Write).await?;
        self.refuse_others().await?;
        self.refuse_users(&checkout)?;
        has_room(&self.backups.path)?;
        Ok(checkout)
    }

    /// Stops the container, if it runs. It is started again when the value is released or dropped, and, should this process
    /// end before, by whoever calls [`Host::start_what_was_left`] next.
    ///
    /// # Errors
    /// When that could not be promised, and nothing was stopped; or when the container does not stop.
    pub async fn hold(&self, host: &Host) -> Result<Stopped, AccessError> {
        let notes =
            host.notes().map_err(|reason| AccessError::NoNotes { folder: host.state.clone(), reason })?;
        Ok(Stopped::hold(&self.engine, &self.container, &notes, Timeouts::default()).await?)
    }

    /// Opens the session of a container that is held still, to be changed. What it wrote last, it wrote while it stopped, so
    /// this comes after [`LocatedSession::hold`].
    ///
    /// # Errors
    /// When its files cannot be brought here, something else started the container, or something else uses the session.
    pub async fn write(&self, stopped: &Stopped) -> Result<Checkout, AccessError> {
        let checkout = self.checkout(Purpose::Write).await?;
        stopped.still().await?;
        self.refuse_others().await?;
        self.refuse_users(&checkout)?;
        Ok(checkout)
    }

    fn refuse_users(&self, checkout: &Checkout) -> Result<(), AccessError> {
        let folder = checkout.auth_info();
        let users = (self.users_outside)(folder, &self.container);
        if users.is_empty() || self.others_do_not_matter {
            return Ok(());
        }
        Err(InUseBy { folder: shown(folder), users }.into())
    }

    async fn refuse_others(&self) -> Result<(), AccessError> {
        if self.others_do_not_matter {
            return Ok(());
        }
        let others = self.other_owners().await?;
        let Some(first) = others.first() else { return Ok(()) };
        let (container, stop) = (self.container.name.clone(), first.name.clone());
        let others = others.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Err(AccessError::Shared { container, others, stop })
    }

    /// Puts what was changed back into the container, which is held still until here.
    ///
    /// # Errors
    /// When something else started the container meanwhile, or the files do not get back.
    pub async fn put_back(&self, stopped: &Stopped, checkout: Checkout) -> Result<(), AccessError> {
        stopped.still().await?;
        Ok(checkout.put_back(&self.engine).await?)
    }

    async fn checkout(&self, purpose: Purpose) -> Result<Checkout, VolumeError> {
        Checkout::of(&self.engine, &self.container, &self.layout, purpose).await
    }
}

/// Proves that the backup folder takes a file, when the folder is there.
fn has_room(backups: &Path) -> Result<(), AccessError> {
    if !backups.is_dir() {
        return Ok(());
    }
    let write = || {
        let mut probe = tempfile::tempfile_in(backups)?;
        probe.write_all(&[0; 8192])?;
        probe.sync_all()
    };
    write().map_err(|reason| AccessError::NoRoom { folder: shown(backups), reason })
}
