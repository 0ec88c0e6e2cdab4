//! Sessions in and out of containers: one interface, wherever the files are.
//!
//! A bind mount or a volume that this machine can reach is worked on in place. Everything else (a volume of another
//! machine or out of reach, files in the container's own layer) is copied into a private folder through the engine
//! and put back, changes and removals alike, with the owners and modes it had.

use std::path::{Path, PathBuf};

use crate::container::{Container, MountKind};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::layout::SessionLayout;

mod copy;
mod place;

use copy::Copy;

/// Why a session could not be brought here or put back.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no session where one was expected.
    #[error(
        "container {container} has no session folder {path}; if it is elsewhere, say so with the label \
         whatsapp.session.auth-info"
    )]
    NoSession {
        /// The container.
        container: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The container may not write there, so nothing that is mended would help, or could be put back.
    #[error(
        "{path} of container {container} is read-only; mount it writable (without :ro), then run this again"
    )]
    ReadOnly {
        /// The container.
        container: String,
        /// The path.
        path: PathBuf,
    },
    /// Memory: gone with the stop that a repair needs.
    #[error(
        "{path} of container {container} is on a tmpfs, which is lost at every stop: the session cannot be mended or \
         kept there; mount a folder or a volume"
    )]
    Memory {
        /// The container.
        container: String,
        /// The path.
        path: PathBuf,
    },
    /// A file of this machine.
    #[error("cannot {action} {path}: {reason}")]
    Local {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// Something in the container's folder that no session has.
    #[error("{path} in the container cannot be copied: {reason}")]
    Strange {
        /// The entry.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The mended files did not get back.
    #[error(
        "the mended files could not be put back into container {container}: {reason}; they are kept in {kept}, and \
         what was there before is in the backup"
    )]
    NotPutBack {
        /// The container.
        container: String,
        /// Why.
        reason: String,
        /// The folder that holds them.
        kept: PathBuf,
    },
}

/// What a session is brought here for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be looked at. The container may run.
    Read,
    /// To be changed. The container must be stopped and stay stopped.
    Write,
}

/// A session's files as folders and files of this machine.
#[derive(Debug)]
pub struct Checkout {
    container: String,
    id: String,
    auth_info: Item,
    store: Item,
}

/// Where one part is.
#[derive(Debug)]
enum Item {
    /// The container's own, in place.
    Here(PathBuf),
    /// A copy.
    Copied(Copy),
    /// The container has none; the path leads nowhere.
    Absent(PathBuf),
}

impl Item {
    fn path(&self) -> &Path {
        match self {
            Self::Here(path) | Self::Absent(path) => path,
            Self::Copied(copy) => copy.path(),
        }
    }
}

impl Checkout {
    /// Brings a container's session here.
    pub async fn of(
        engine: &Engine,
        container: &Container,
        layout: &SessionLayout,
        purpose: Purpose,
    ) -> Result<Self, VolumeError> {
        check_mount(container, &layout.auth_info, purpose)?;
        let auth_info = match bring(engine, container, &layout.auth_info, purpose).await? {
            Item::Absent(_) => {
                let path = layout.auth_info.clone();
                return Err(VolumeError::NoSession { container: container.name.clone(), path });
            }
            item => item,
        };
        // The store is an extra: one that cannot be changed is looked at all the same.
        let purpose = check_mount(container, &layout.store, purpose).map_or(Purpose::Read, |()| purpose);
        let store = bring(engine, container, &layout.store, purpose).await?;
        Ok(Self { container: container.name.clone(), id: container.id.clone(), auth_info, store })
    }

    /// The session's folder.
    pub fn auth_info(&self) -> &Path {
        self.auth_info.path()
    }

    /// `baileys_store.json`; need not exist.
    pub fn store(&self) -> &Path {
        self.store.path()
    }

    /// Whether these are the container's own files, and not copies.
    pub fn is_in_place(&self) -> bool {
        matches!(self.auth_info, Item::Here(_))
    }

    /// Puts changes and removals back, and gives files that were made here to whom the folder belongs to.
    pub async fn put_back(self, engine: &Engine) -> Result<(), VolumeError> {
        for item in [self.auth_info, self.store] {
            match item {
                Item::Here(path) => place::give_to_owner(&path),
                Item::Absent(_) => {}
                Item::Copied(copy) => copy.put_back(engine, &self.container, &self.id).await?,
            }
        }
        Ok(())
    }
}

/// The folder or file of this machine that a container has at a path, when this process can use it.
pub async fn local_path(
    engine: &Engine,
    container: &Container,
    path: &Path,
    purpose: Purpose,
) -> Result<Option<PathBuf>, EngineError> {
    place::local(engine, container, path, purpose).await
}

/// Gives whatever this process made in a folder to whom the folder belongs to, so that the container can use it.
pub fn give_to_owner(folder: &Path) {
    place::give_to_owner(folder);
}

fn check_mount(container: &Container, path: &Path, purpose: Purpose) -> Result<(), VolumeError> {
    let mount = container.mount_of(path).map(|(mount, _)| mount);
    let (name, path) = (container.name.clone(), path.to_owned());
    match mount {
        Some(mount) if mount.kind == MountKind::Tmpfs => Err(VolumeError::Memory { container: name, path }),
        Some(mount) if !mount.writable && purpose == Purpose::Write => {
            Err(VolumeError::ReadOnly { container: name, path })
        }
        None if container.read_only && purpose == Purpose::Write => {
            Err(VolumeError::ReadOnly { container: name, path })
        }
        _ => Ok(()),
    }
}

async fn bring(
    engine: &Engine,
    container: &Container,
    path: &Path,
    purpose: Purpose,
) -> Result<Item, VolumeError> {
    if let Some(path) = place::local(engine, container, path, purpose).await? {
        return Ok(Item::Here(path));
    }
    match Copy::fetch(engine, container, path).await? {
        Some(copy) => Ok(Item::Copied(copy)),
        None => Ok(Item::Absent(path.join("does-not-exist"))),
    }
}
