//! Working in place: is a container's folder one of this machine's, and may this process use it?

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bollard::query_parameters::ContainerArchiveInfoOptions;
use rustix::fs::{Access, AtFlags, CWD, Gid, Uid};

use super::Purpose;
use crate::container::{Container, MountKind};
use crate::engine::Engine;
use crate::error::EngineError;

/// The path on this machine of what a container has at `path`.
pub(super) async fn local(
    engine: &Engine,
    container: &Container,
    path: &Path,
    purpose: Purpose,
) -> Result<Option<PathBuf>, EngineError> {
    let Some((mount, below)) = container.mount_of(path) else { return Ok(None) };
    let usable = matches!(mount.kind, MountKind::Bind | MountKind::Volume(_)) && engine.endpoint().is_local();
    let candidate =
        if below.as_os_str().is_empty() { mount.source.clone() } else { mount.source.join(below) };
    if !usable || !allowed(&candidate, purpose) {
        return Ok(None);
    }
    // The same path can be another folder: the engine may run in another machine or container than this process.
    Ok(is_the_same(engine, container, path, &candidate).await?.then_some(candidate))
}

fn allowed(path: &Path, purpose: Purpose) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    let mut wanted = Access::READ_OK;
    if metadata.is_dir() {
        wanted |= Access::EXEC_OK;
    }
    if purpose == Purpose::Write {
        wanted |= Access::WRITE_OK;
    }
    rustix::fs::accessat(CWD, path, wanted, AtFlags::EACCESS).is_ok()
}

/// Compares what the engine and this machine say of the path.
async fn is_the_same(
    engine: &Engine,
    container: &Container,
    path: &Path,
    candidate: &Path,
) -> Result<bool, EngineError> {
    let options = ContainerArchiveInfoOptions { path: path.to_string_lossy().into_owned() };
    let told = match engine.docker.get_container_archive_info(&container.id, Some(options)).await {
        Ok(told) => told,
        Err(error) => {
            let action = format!("look at {} of container {}", path.display(), container.name);
            return match EngineError::of(action, &container.name, error) {
                // The path does not exist in the container, or the container is too broken to look into.
                EngineError::Failed { .. } => Ok(false),
                error => Err(error),
            };
        }
    };
    let Ok(metadata) = candidate.metadata() else { return Ok(false) };
    let told_ns = told.modification_time.as_deref().and_then(crate::moment::parse);
    let here_ns = metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec();
    // A directory's size is the file system's business; its time of change is enough. The zone of the engine's time
    // is its own, and is read.
    let same_time = told_ns.is_none_or(|told| told == here_ns || told / 1_000_000_000 == metadata.mtime());
    let same_size = metadata.is_dir() || u64::try_from(told.size) == Ok(metadata.len());
    Ok(same_time && same_size)
}

/// Gives what belongs to this process's user to whom the folder (or a file's folder) belongs to. Only root can, and
/// only root makes files that their container cannot read.
pub(super) fn give_to_owner(path: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = if path.is_dir() { Some(path) } else { path.parent() };
    let Some(owner) = folder.and_then(|folder| folder.metadata().ok()) else { return };
    if owner.uid() == 0 {
        return;
    }
    if path.is_dir() {
        give_below(path, owner.uid(), owner.gid(), 0);
    } else {
        give(path, owner.uid(), owner.gid());
    }
}

/// Sessions are flat; deeper than this is something else.
const DEPTH: usize = 4;

fn give_below(folder: &Path, uid: u32, gid: u32, depth: usize) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.uid() == 0 {
            give(&entry.path(), uid, gid);
        }
        if metadata.is_dir() && depth < DEPTH {
            give_below(&entry.path(), uid, gid, depth + 1);
        }
    }
}

fn give(path: &Path, uid: u32, gid: u32) {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    if let Err(error) = rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
        tracing::warn!(path = %path.display(), %error, "cannot give the file to the container's user");
    }
}
