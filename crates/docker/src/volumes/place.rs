//! Working in place: is a container's folder one of this machine's, and may this process use it?
//!
//! What the engine calls the source of a mount is the operator's choice, and links in it are followed as the engine
//! follows them. What lies below it is the container's, which may put links there: from the source on, every component
//! is checked by the kernel, and the folder is opened once. See [`wakeeper_private_fs`].

use std::path::Path;

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, Stat};
use wakeeper_private_fs::{Folder, FsError, Rights, Trust};

use super::{Purpose, VolumeError, identity};
use crate::container::{Container, Mount, MountKind};
use crate::engine::Engine;

/// A folder of a container, or a file in it, that is open here.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) folder: Folder,
    /// The name of the file; `None` for the folder itself.
    pub(super) file: Option<String>,
}

/// The source of a mount.
enum Source {
    Folder(Folder),
    /// A file, by the folder that it is in, which is the operator's.
    File(Folder, String, Stat),
}

/// The folder that a container has at `path`; `None` when it cannot be used from here, or is not there.
pub(super) async fn folder(
    engine: &Engine,
    container: &Container,
    path: &Path,
    purpose: Purpose,
) -> Result<Option<Spot>, VolumeError> {
    let Some((mount, below)) = usable(engine, container, path) else { return Ok(None) };
    let Some(Source::Folder(source)) = source(mount) else { return Ok(None) };
    if !is_containers(engine, container, mount, source.stat().ok().as_ref()).await {
        return Ok(None);
    }
    let folder = settled(container, path, confined(container, &source, below))?;
    let folder = folder.filter(|folder| may_use(folder, purpose));
    Ok(folder.map(|folder| Spot { folder, file: None }))
}

/// The file that a container has at `path`; `None` as above.
pub(super) async fn file(
    engine: &Engine,
    container: &Container,
    path: &Path,
    purpose: Purpose,
) -> Result<Option<Spot>, VolumeError> {
    let Some((mount, below)) = usable(engine, container, path) else { return Ok(None) };
    let (folder, name) = match source(mount) {
        None => return Ok(None),
        Some(Source::File(folder, name, stat)) => {
            if !below.as_os_str().is_empty() || !is_containers(engine, container, mount, Some(&stat)).await {
                return Ok(None);
            }
            (folder, name)
        }
        Some(Source::Folder(source)) => {
            let (Some(parent), Some(name)) =
                (below.parent(), below.file_name().and_then(|name| name.to_str()))
            else {
                return Ok(None);
            };
            if !is_containers(engine, container, mount, source.stat().ok().as_ref()).await {
                return Ok(None);
            }
            let Some(folder) = settled(container, path, confined(container, &source, parent))? else {
                return Ok(None);
            };
            (folder, name.to_owned())
        }
    };
    // A link in its place is told by whoever reads it; a copy would say no more.
    let there = folder.entry(&name).is_ok();
    Ok((there && may_use(&folder, purpose)).then_some(Spot { folder, file: Some(name) }))
}

fn usable<'a>(engine: &Engine, container: &'a Container, path: &'a Path) -> Option<(&'a Mount, &'a Path)> {
    let (mount, below) = container.mount_of(path)?;
    let usable = matches!(mount.kind, MountKind::Bind | MountKind::Volume(_)) && engine.endpoint().is_local();
    usable.then_some((mount, below))
}

fn source(mount: &Mount) -> Option<Source> {
    if let Ok(folder) = Folder::named(&mount.source) {
        return Some(Source::Folder(folder));
    }
    let folder = Folder::named(mount.source.parent()?).ok()?.trusted(Trust::Nobody(None)).ok()?;
    let name = mount.source.file_name()?.to_str()?;
    let stat = folder.entry(name).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    is_file.then(|| Source::File(folder, name.to_owned(), stat))
}

async fn is_containers(engine: &Engine, container: &Container, mount: &Mount, stat: Option<&Stat>) -> bool {
    let Some(stat) = stat else { return false };
    identity::is_the_same(engine, container, mount, stat).await
}

/// From the source down, with the rights of whom the folder belongs to.
fn confined(container: &Container, source: &Folder, below: &Path) -> Result<Folder, FsError> {
    let folder = source.trusted(Trust::Nobody(None))?.below(below)?;
    let stat = folder.stat()?;
    let rights = Rights::of_owner(stat.st_uid, stat.st_gid, container.runs_as_root());
    folder.trusted(Trust::Nobody(rights))
}

/// A path that is not there, or not to be used from here, is left to the engine; one that leads out is refused.
fn settled(
    container: &Container,
    path: &Path,
    found: Result<Folder, FsError>,
) -> Result<Option<Folder>, VolumeError> {
    match found {
        Ok(folder) => Ok(Some(folder)),
        Err(reason @ (FsError::LeadsOut | FsError::Mount)) => {
            Err(VolumeError::LeadsOut { container: container.name.clone(), path: path.to_owned(), reason })
        }
        Err(error) => {
            tracing::debug!(container = container.name, path = %path.display(), %error, "not used in place");
            Ok(None)
        }
    }
}

/// Asked with the rights that the work is done with.
fn may_use(folder: &Folder, purpose: Purpose) -> bool {
    let mut wanted = Access::READ_OK | Access::EXEC_OK;
    if purpose == Purpose::Write {
        wanted |= Access::WRITE_OK;
    }
    let Ok(_entered) = folder.enter() else { return false };
    rustix::fs::accessat(folder.fd(), ".", wanted, AtFlags::EACCESS).is_ok()
}

/// Opens a path as somebody else sees it, without opening what is there.
pub(super) fn handle_flags() -> (OFlags, Mode) {
    (OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}
