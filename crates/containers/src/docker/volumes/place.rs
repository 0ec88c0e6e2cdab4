//! Working in place: is a container's folder one of this machine's, and may the container's user use it?
//!
//! The way to what is mounted is walked with [`open_source`]: links on it are followed only where no container could have
//! put them. What lies below is the container's, which may put links there and rename folders into each other's place:
//! from the source on, every component is checked by the kernel, with the rights of the container's user, and the folder
//! is opened once. See [`wakeeper_private_fs`].
//!
//! There are three answers. A folder is there and used in place. Or it is refused, because the container could not use
//! it, or made it lead elsewhere: that is told, and nothing else is tried. Or nothing can be told from here, because the
//! engine is another machine's or this process may not look; only then the engine is asked for a copy.

use std::path::Path;

use rustix::fs::{Access, AtFlags, Mode, OFlags, Stat};
use rustix::process::geteuid;
use wakeeper_private_fs::{Folder, FsError, Source, Trust, open_source};

use super::{Purpose, VolumeError, identity};
use crate::docker::container::{Container, Mount, MountKind};
use crate::docker::engine::Engine;
use crate::docker::user::{self, User, Wanted};

/// A folder of a container, or a file in it, that is open here.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) folder: Folder,
    /// The name of the file; `None` for the folder itself.
    pub(super) file: Option<String>,
}

/// Where something of a container is. What is refused is an error.
#[derive(Debug)]
pub(super) enum Place {
    /// In place, to be used.
    Here(Spot),
    /// It would be here, and is not.
    Missing,
    /// It cannot be told from here.
    Unknown,
}

/// Who asks for what.
struct Question<'a> {
    container: &'a Container,
    path: &'a Path,
    purpose: Purpose,
}

/// The folder that a container has at `path`.
///
/// # Errors
/// When it is refused, or the engine fails.
pub(super) async fn folder(
    engine: &Engine,
    container: &Container,
    path: &Path,
    purpose: Purpose,
) -> Result<Place, VolumeError> {
    let question = Question { container, path, purpose };
    let Some((source, below, user)) = question.source(engine).await? else { return Ok(Place::Unknown) };
    let Source::Folder(source) = source else { return Ok(Place::Unknown) };
    let found = confined(&user, &source, below).and_then(|folder| question.usable(&user, folder));
    let folder = match question.settled(&user, &source, below, found)? {
        Ok(folder) => folder,
        Err(place) => return Ok(place),
    };
    Ok(Place::Here(Spot { folder, file: None }))
}

/// The file that a container has at `path`.
///
/// # Errors
/// As above.
pub(super) async fn file(
    engine: &Engine,
    container: &Container,
    path: &Path,
    purpose: Purpose,
) -> Result<Place, VolumeError> {
    let question = Question { container, path, purpose };
    let Some((source, below, user)) = question.source(engine).await? else { return Ok(Place::Unknown) };
    let (folder, name) = match source {
        Source::File(folder, name, stat) => {
            if !below.as_os_str().is_empty() {
                return Ok(Place::Missing);
            }
            let rights = user.rights(stat.st_uid, stat.st_gid);
            let trust = rights.filter(|rights| !rights.root_in_container).map(Trust::File);
            let folder = folder.trusted(trust.unwrap_or(Trust::Nobody(None)));
            (folder.map_err(|reason| question.refused(reason))?, name)
        }
        Source::Folder(source) => {
            let name = below.file_name().and_then(|name| name.to_str());
            let (Some(parent), Some(name)) = (below.parent(), name) else { return Ok(Place::Unknown) };
            // The file may be written where it is, even when no other can be made beside it.
            let reading = Question { purpose: Purpose::Read, ..question };
            let found = confined(&user, &source, parent).and_then(|folder| reading.usable(&user, folder));
            match question.settled(&user, &source, parent, found)? {
                Ok(folder) => (folder, name.to_owned()),
                Err(place) => return Ok(place),
            }
        }
    };
    if folder.entry(&name).is_err() {
        return Ok(Place::Missing);
    }
    // Without root's rights a copy may do better.
    if !geteuid().is_root() && question.usable(&user, folder.clone()).is_err() {
        return Ok(Place::Unknown);
    }
    // A link in its place is told by whoever reads it; a copy would say no more.
    Ok(Place::Here(Spot { folder, file: Some(name) }))
}

impl<'a> Question<'a> {
    /// The source of the mount that holds the path, the rest of the path, and who uses it; `None` when it cannot be told.
    async fn source(&self, engine: &Engine) -> Result<Option<(Source, &'a Path, User)>, VolumeError> {
        let Some((mount, below)) = self.container.mount_of(self.path) else { return Ok(None) };
        let usable = matches!(mount.kind, MountKind::Bind | MountKind::Volume(_));
        if !usable || !engine.endpoint().is_local() {
            return Ok(None);
        }
        let source = match open_source(&mount.source, &engine.written().await?) {
            Ok(source) => source,
            Err(reason @ FsError::Planted { .. }) => return Err(self.refused(reason)),
            Err(reason) => {
                self.unknown(&reason);
                return Ok(None);
            }
        };
        let stat = match &source {
            Source::Folder(folder) => folder.stat().ok(),
            Source::File(_, _, stat) => Some(*stat),
        };
        if !is_containers(engine, self.container, mount, stat.as_ref()).await {
            return Ok(None);
        }
        let user = user::here(engine, self.container).await?;
        Ok(user.map(|user| (source, below, user)))
    }

    /// The folder, when the container's user may do there what is wanted, and this process, too.
    fn usable(&self, user: &User, folder: Folder) -> Result<Folder, FsError> {
        let stat = folder.stat()?;
        let denied = || FsError::Io(std::io::ErrorKind::PermissionDenied.into());
        // The kernel judges with the rights that are put on; where none can be, the permission bits do.
        let wanted = if self.purpose == Purpose::Write { Wanted::Change } else { Wanted::Look };
        if !geteuid().is_root() && !user.may(wanted, stat.st_uid.into(), stat.st_gid.into(), stat.st_mode) {
            return Err(denied());
        }
        if grants(&folder, self.purpose)? {
            return Ok(folder);
        }
        // What its owner may not do there, a container that runs as root does as root.
        let as_root = user.is_root().then(|| folder.trusted(Trust::Nobody(None))).transpose()?;
        match as_root {
            Some(folder) if grants(&folder, self.purpose)? => Ok(folder),
            _ => Err(denied()),
        }
    }

    /// What is not there, and what this process may not look at itself, is no finding; everything else is.
    fn settled(
        &self,
        user: &User,
        source: &Folder,
        below: &Path,
        found: Result<Folder, FsError>,
    ) -> Result<Result<Folder, Place>, VolumeError> {
        let is_denied = |error: &FsError| matches!(error, FsError::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied);
        match found {
            Ok(folder) => Ok(Ok(folder)),
            Err(FsError::Missing) => Ok(Err(Place::Missing)),
            Err(reason @ FsError::OldKernel) => {
                self.unknown(&reason);
                Ok(Err(Place::Unknown))
            }
            Err(reason) if is_denied(&reason) && !geteuid().is_root() => {
                self.unknown(&reason);
                Ok(Err(Place::Unknown))
            }
            Err(reason) if is_denied(&reason) => {
                let there = source.trusted(Trust::Nobody(None)).and_then(|source| source.below(below));
                let stat = there.and_then(|folder| folder.stat()).map_err(|reason| self.refused(reason))?;
                Err(self.not_theirs(user, &stat))
            }
            Err(reason) => Err(self.refused(reason)),
        }
    }

    fn unknown(&self, reason: &FsError) {
        let (container, path) = (&self.container.name, self.path.display());
        tracing::debug!(container, %path, %reason, "not used in place");
    }

    fn refused(&self, reason: FsError) -> VolumeError {
        VolumeError::LeadsOut { container: self.container.name.clone(), path: self.path.to_owned(), reason }
    }

    fn not_theirs(&self, user: &User, stat: &Stat) -> VolumeError {
        let (uid, gid) = (stat.st_uid.into(), stat.st_gid.into());
        VolumeError::not_theirs(self.container, self.path, user, (uid, gid, stat.st_mode))
    }
}

async fn is_containers(engine: &Engine, container: &Container, mount: &Mount, stat: Option<&Stat>) -> bool {
    let Some(stat) = stat else { return false };
    identity::is_the_same(engine, container, mount, stat).await
}

/// From the source down, with the rights of the container's user.
fn confined(user: &User, source: &Folder, below: &Path) -> Result<Folder, FsError> {
    let trusted = |folder: &Folder| {
        let stat = folder.stat()?;
        folder.trusted(Trust::Nobody(user.rights(stat.st_uid, stat.st_gid)))
    };
    // Root of this machine passes every folder, whoever owns it.
    let start = if user.is_root() { source.trusted(Trust::Nobody(None))? } else { trusted(source)? };
    trusted(&start.below(below)?)
}

/// Asked with the rights that the work is done with.
fn grants(folder: &Folder, purpose: Purpose) -> Result<bool, FsError> {
    let mut wanted = Access::READ_OK | Access::EXEC_OK;
    if purpose == Purpose::Write {
        wanted |= Access::WRITE_OK;
    }
    let _entered = folder.enter()?;
    Ok(rustix::fs::accessat(folder.fd(), ".", wanted, AtFlags::EACCESS).is_ok())
}

/// Opens a path as somebody else sees it, without opening what is there.
pub(super) fn handle_flags() -> (OFlags, Mode) {
    (OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}
