//! Sessions in and out of containers: one interface, wherever the files are.
//!
//! A bind mount or a volume that this machine can reach is worked on in place. Everything else (a volume of another
//! machine or out of reach, files in the container's own layer) is copied into a private folder through the engine
//! and put back, changes and removals alike, with the owners and modes it had.

use std::path::{Path, PathBuf};

use crate::docker::container::{Container, MountKind};
use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::docker::layout::SessionLayout;
use crate::docker::user::User;

use wakeeper_private_fs::{Folder, FsError};

mod copy;
mod identity;
mod mirror;
mod place;

use copy::Copy;
use mirror::Mirror;
use place::{Place, Spot};

/// Why a session could not be brought here or put back.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no session where one was expected.
    #[error(
        "container {container} has no session folder {path}, and none was found in the usual places; name the session's \
         folder in the container with --path FOLDER, or with the label whatsapp.session.auth-info"
    )]
    NoSession {
        /// The container.
        container: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The container may not write there, so nothing that is repaired would help, or could be put back.
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
        "{path} of container {container} is on a tmpfs, which is lost at every stop: the session cannot be repaired or \
         kept there; mount a folder or a volume"
    )]
    Memory {
        /// The container.
        container: String,
        /// The path.
        path: PathBuf,
    },
    /// The container made its path lead elsewhere.
    #[error(
        "{path} of container {container} is not used: {reason}. Whoever writes in the container could make it lead to any \
         file of this machine; let it be a folder of its own there, or name the real one with the label \
         whatsapp.session.auth-info"
    )]
    LeadsOut {
        /// The container.
        container: String,
        /// The path.
        path: PathBuf,
        /// What stands in the way.
        reason: FsError,
    },
    /// The container's user may not use what is at its path, so it is none of the container's.
    #[error(
        "{path} of container {container} is not used: it belongs to user {uid} and group {gid} (mode {mode:o}), and the \
         container runs as {user}, who may not use it. Give it to that user with chown and chmod, or let the container \
         run as its owner (--user, or user: in compose)"
    )]
    NotTheirs {
        /// The container.
        container: String,
        /// The path.
        path: PathBuf,
        /// Whose it is.
        uid: u64,
        /// Of which group.
        gid: u64,
        /// Its permission bits.
        mode: u32,
        /// Who the container runs as.
        user: String,
    },
    /// Who the container runs as cannot be told, so neither can what it may use.
    #[error(
        "container {container} is not worked on: the user {user:?} that it runs as cannot be found in its /etc/passwd and \
         /etc/group; name the user and the group by their numbers, as in --user 1000:1000"
    )]
    UnknownUser {
        /// The container.
        container: String,
        /// The user as it was configured.
        user: String,
    },
    /// The databases of a gateway could not be copied, or put back.
    #[error("the databases of container {container} cannot be worked on: {reason}")]
    Databases {
        /// The container.
        container: String,
        /// Why.
        reason: FsError,
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
        "the repaired files could not be put back into container {container}: {reason}; they are kept in {kept}, and \
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

impl VolumeError {
    /// With owner, group and permission bits of what is there.
    fn not_theirs(
        container: &Container,
        path: &Path,
        user: &User,
        (uid, gid, mode): (u64, u64, u32),
    ) -> Self {
        Self::NotTheirs {
            container: container.name.clone(),
            path: path.to_owned(),
            uid,
            gid,
            mode: mode & 0o7777,
            user: user.to_string(),
        }
    }
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
    auth_info: Item,
    store: Item,
}

/// Where one part is.
#[derive(Debug)]
enum Item {
    /// The container's own, in place, by an open handle; and the path that leads through it.
    Here(Spot, PathBuf),
    /// A gateway of ours, in place; a copy of its databases is worked on.
    Mirrored(Mirror, PathBuf),
    /// A copy.
    Copied(Box<Copy>),
    /// The container has none; the path leads nowhere.
    Absent(PathBuf),
}

impl Item {
    fn absent(path: &Path) -> Self {
        Self::Absent(path.join("does-not-exist"))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Here(_, path) | Self::Mirrored(_, path) | Self::Absent(path) => path,
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
        let found = place::folder(engine, container, &layout.auth_info, purpose).await?;
        let auth_info = match bring(engine, container, &layout.auth_info, purpose, found).await? {
            Item::Absent(_) => {
                let path = layout.auth_info.clone();
                return Err(VolumeError::NoSession { container: container.name.clone(), path });
            }
            item => item,
        };
        // The store is an extra: one that cannot be changed is looked at all the same.
        let purpose = check_mount(container, &layout.store, purpose).map_or(Purpose::Read, |()| purpose);
        let store = match place::file(engine, container, &layout.store, purpose).await {
            Ok(found) => bring(engine, container, &layout.store, purpose, found).await,
            Err(error) => Err(error),
        };
        let store = match store {
            // Not the container's, so it has none.
            Err(error @ VolumeError::NotTheirs { .. }) => {
                tracing::warn!("{error}");
                Item::absent(&layout.store)
            }
            store => store?,
        };
        Ok(Self { container: container.name.clone(), auth_info, store })
    }

    /// The session's folder. In place it is the path of an open handle, which is good as long as this value lives.
    pub fn auth_info(&self) -> &Path {
        self.auth_info.path()
    }

    /// `baileys_store.json`; need not exist.
    pub fn store(&self) -> &Path {
        self.store.path()
    }

    /// The handles of what is in place, for whoever needs them longer than this value lives.
    pub fn handles(&self) -> Vec<Folder> {
        let held = |item: &Item| match item {
            Item::Here(spot, _) => Some(spot.folder.clone()),
            Item::Mirrored(mirror, _) => Some(mirror.handle()),
            Item::Copied(_) | Item::Absent(_) => None,
        };
        [held(&self.auth_info), held(&self.store)].into_iter().flatten().collect()
    }

    /// Puts changes and removals back. What is in place is the container's already, made with its owner's rights.
    pub async fn put_back(self, engine: &Engine) -> Result<(), VolumeError> {
        for item in [self.auth_info, self.store] {
            match item {
                Item::Here(..) | Item::Absent(_) => {}
                Item::Mirrored(mirror, _) => mirrored(&self.container, move || mirror.put_back()).await?,
                Item::Copied(copy) => copy.put_back(engine, &self.container).await?,
            }
        }
        Ok(())
    }
}

/// The folder that a container has at a path, when this process can use it: open, and confined. One that leads out of
/// its mount, or that the container's user may not use, is none.
pub async fn local_folder(
    engine: &Engine,
    container: &Container,
    path: &Path,
    purpose: Purpose,
) -> Result<Option<Folder>, EngineError> {
    match place::folder(engine, container, path, purpose).await {
        Ok(Place::Here(spot)) => Ok(Some(spot.folder)),
        Ok(Place::Missing | Place::Unknown) => Ok(None),
        Err(VolumeError::Engine(error)) => Err(error),
        Err(error) => {
            tracing::warn!("{error}");
            Ok(None)
        }
    }
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

async fn mirrored<T: Send + 'static>(
    container: &str,
    work: impl FnOnce() -> Result<T, FsError> + Send + 'static,
) -> Result<T, VolumeError> {
    let failed = |reason| VolumeError::Databases { container: container.to_owned(), reason };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| failed(FsError::Io(std::io::Error::other(error))))?.map_err(failed)
}

async fn bring(
    engine: &Engine,
    container: &Container,
    path: &Path,
    purpose: Purpose,
    found: Place,
) -> Result<Item, VolumeError> {
    let spot = match found {
        Place::Here(spot) => spot,
        Place::Missing => return Ok(Item::absent(path)),
        Place::Unknown => {
            let copy = Copy::fetch(engine, container, path, purpose).await?;
            return Ok(copy.map_or_else(|| Item::absent(path), |copy| Item::Copied(Box::new(copy))));
        }
    };
    let Some(name) = &spot.file else {
        let folder = spot.folder.clone();
        if let Some(mirror) = mirrored(&container.name, move || Mirror::of(&folder)).await? {
            let path = mirror.path();
            return Ok(Item::Mirrored(mirror, path));
        }
        let here = spot.folder.path();
        return Ok(Item::Here(spot, here));
    };
    let here = spot.folder.path().join(name);
    Ok(Item::Here(spot, here))
}
