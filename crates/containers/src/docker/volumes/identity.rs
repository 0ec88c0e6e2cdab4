//! Whether a path of this machine is what a container has mounted: by device and inode, as those see it who use it.
//!
//! The engine may run in another machine or container than this process; then its paths mean something else here, or
//! nothing. A running container is asked by its own root folder (`/proc/PID/root`), a stopped one by the engine's: there
//! the same path must be the same file, or the one that this process saw while the container ran. Where neither can be looked into, because it runs elsewhere or because this
//! process is not root, nothing is proven, and the files are copied through the engine.

use std::path::Path;

use rustix::fs::{CWD, ResolveFlags, Stat};

use super::place::handle_flags;
use crate::docker::container::{Container, Mount};
use crate::docker::endpoint::Endpoint;
use crate::docker::engine::Engine;

/// Whether a mount of a container is this very file or folder.
pub(super) async fn is_the_same(engine: &Engine, container: &Container, mount: &Mount, here: &Stat) -> bool {
    let Endpoint::Unix(socket) = engine.endpoint() else { return false };
    let (socket, target, here) = (socket.clone(), mount.destination.clone(), (here.st_dev, here.st_ino));
    // A container's mounts are those that it was made with: what it was seen to have while it ran, it has when it is stopped.
    if engine.remembered_mount(&container.id, &target) == Some(here) {
        return true;
    }
    let mount = mount.clone();
    let asked = match container.pid {
        Some(pid) => Some(pid),
        None => engine_of(&socket).await,
    };
    let Some(asked) = asked else { return false };
    let runs = container.pid.is_some();
    let compared = tokio::task::spawn_blocking(move || {
        // On the way to the root of a mount the container could only have put links, and none is followed.
        let seen = if runs {
            seen_by(asked, &mount.destination, ResolveFlags::NO_SYMLINKS)
        } else {
            seen_by(asked, &mount.source, ResolveFlags::empty())
        };
        seen == Some(here)
    });
    let same = compared.await.unwrap_or(false);
    if same && runs {
        engine.remember_mount(&container.id, &target, here);
    }
    same
}

/// Device and inode of a path as a process sees it.
fn seen_by(pid: i32, path: &Path, more: ResolveFlags) -> Option<(u64, u64)> {
    let (flags, mode) = handle_flags();
    let root = rustix::fs::openat(CWD, format!("/proc/{pid}/root"), flags, mode).ok()?;
    let path = path.strip_prefix("/").unwrap_or(path);
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | more;
    let found = rustix::fs::openat2(&root, path, flags, mode, resolve).ok()?;
    let stat = rustix::fs::fstat(&found).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// The process that listens on the engine's socket; `None` when it is out of this process's sight.
async fn engine_of(socket: &Path) -> Option<i32> {
    let connection = tokio::net::UnixStream::connect(socket).await.ok()?;
    connection.peer_cred().ok()?.pid().filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn the_same_folder_is_told_by_device_and_inode() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        symlink(&folder, base.path().join("link")).unwrap();
        let metadata = folder.metadata().unwrap();
        let pid = i32::try_from(std::process::id()).unwrap();
        let expected = Some((metadata.dev(), metadata.ino()));
        assert_eq!(seen_by(pid, &folder, ResolveFlags::NO_SYMLINKS), expected);
        assert_eq!(seen_by(pid, &base.path().join("link"), ResolveFlags::empty()), expected);
        assert_eq!(seen_by(pid, &base.path().join("link"), ResolveFlags::NO_SYMLINKS), None);
        assert_eq!(seen_by(pid, &base.path().join("none"), ResolveFlags::empty()), None);
        assert_ne!(seen_by(pid, base.path(), ResolveFlags::empty()), expected);
        assert_eq!(seen_by(i32::MAX, &folder, ResolveFlags::empty()), None);
    }
}
