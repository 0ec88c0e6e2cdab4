//! Who else has a session's folder: other running containers whose mounts overlap with it.
//!
//! Two containers may have the same folder under other paths, one a part of what the other has, or the same volume once by
//! its name and once by its path. So places are compared by their paths on the engine's machine and, where this process
//! can see them, by device and inode.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::LocatedSession;
use crate::docker::{Container, Engine, EngineError, MountKind, SessionLayout};

/// A running container that can write to a session's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharer {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it has mounted, and where.
    pub mount: (PathBuf, PathBuf),
}

impl std::fmt::Display for Sharer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (source, destination) = &self.mount;
        write!(formatter, "container {} (has {} as {})", self.name, source.display(), destination.display())
    }
}

/// Running containers that have a folder of this machine in a mount that they can write to; none when the engine is
/// another machine's.
///
/// # Errors
/// When the engine does not tell.
pub async fn sharers_of(engine: &Engine, folder: &Path) -> Result<Vec<Sharer>, EngineError> {
    if !engine.endpoint().is_local() {
        return Ok(Vec::new());
    }
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    Ok(engine.others().await?.iter().filter_map(|container| sharer(container, &folder, true)).collect())
}

/// Adds to the names of a folder's `owners` the containers that have it, and says which container a process among them is in.
///
/// # Errors
/// When the engine does not tell.
pub async fn name_containers(
    engine: &Engine,
    folder: &Path,
    owners: &mut Vec<String>,
) -> Result<(), EngineError> {
    for sharer in sharers_of(engine, folder).await? {
        let id = sharer.id.get(..12).unwrap_or(&sharer.id);
        let (by_id, by_name) = (format!("in container {id}"), format!("in container {}", sharer.name));
        let mut its = owners.iter_mut().filter(|owner| owner.ends_with(&by_id)).peekable();
        if its.peek().is_none() {
            drop(its);
            owners.push(sharer.to_string());
            continue;
        }
        its.for_each(|owner| *owner = owner.replace(&by_id, &by_name));
    }
    Ok(())
}

impl LocatedSession {
    /// Other running containers that have the same folder: two owners ruin a session.
    ///
    /// # Errors
    /// When the engine does not tell.
    pub async fn other_owners(&self) -> Result<Vec<Sharer>, EngineError> {
        let Some(ours) = source_of(&self.container, &self.layout.auth_info) else { return Ok(Vec::new()) };
        let all = self.engine.others().await?;
        let local = self.engine.endpoint().is_local();
        let others = all.iter().filter(|other| other.id != self.container.id);
        Ok(others.filter_map(|other| sharer(other, &ours, local)).collect())
    }
}

/// The place on the engine's machine that a path of a container stands for.
pub(super) fn source_of(container: &Container, path: &Path) -> Option<PathBuf> {
    let (mount, below) = container.mount_of(path)?;
    let is_kept = matches!(mount.kind, MountKind::Bind | MountKind::Volume(_));
    // No end that a file's path would not have.
    let below = || if below.as_os_str().is_empty() { mount.source.clone() } else { mount.source.join(below) };
    is_kept.then(below)
}

/// Whether a container that runs has the folder. One that says where its own session is has it only there.
fn sharer(container: &Container, folder: &Path, local: bool) -> Option<Sharer> {
    let has_it = |mount: &&crate::docker::Mount| {
        let usable = matches!(mount.kind, MountKind::Bind | MountKind::Volume(_)) && mount.writable;
        usable && !is_of_the_engine(&mount.source, folder) && overlap(&mount.source, folder, local)
    };
    let mount = container.mounts.iter().filter(|_| container.is_up()).find(has_it)?;
    let elsewhere = SessionLayout::told(container)
        .and_then(|layout| source_of(container, &layout.auth_info))
        .is_some_and(|theirs| !overlap(&theirs, folder, local));
    (!elsewhere).then(|| Sharer {
        id: container.id.clone(),
        name: container.name.clone(),
        mount: (mount.source.clone(), mount.destination.clone()),
    })
}

/// Whether a mount is of the whole machine, or of all volumes of the engine (`volumes/NAME/_data` below it): what has it, as an
/// agent that manages containers does, looks after the machine and runs no session.
fn is_of_the_engine(mount: &Path, folder: &Path) -> bool {
    let below = folder.strip_prefix(mount).unwrap_or(Path::new(""));
    mount == Path::new("/") || below.components().skip(1).any(|part| part.as_os_str() == "_data")
}

/// Whether one of two folders is the other, or lies in it.
fn overlap(one: &Path, other: &Path, local: bool) -> bool {
    let lexical = one.starts_with(other) || other.starts_with(one);
    lexical || (local && (is_in_line(one, other) || is_in_line(other, one)))
}

/// Whether a folder is another one, or above it, as this machine sees them.
fn is_in_line(above: &Path, folder: &Path) -> bool {
    let id = |path: &Path| path.metadata().ok().map(|stat| (stat.dev(), stat.ino()));
    let Some(wanted) = id(above) else { return false };
    // By its real path: the folders above a link are others than those above what it leads to.
    let Ok(folder) = folder.canonicalize() else { return false };
    let mut line = folder.ancestors().filter(|folder| folder.parent().is_some());
    line.any(|folder| id(folder) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::docker::testing::{container_with, mount};

    #[test]
    fn folders_overlap_by_path_and_by_what_they_are() {
        let base = tempfile::tempdir().unwrap();
        let auth_info = base.path().join("bot/auth_info");
        std::fs::create_dir_all(&auth_info).unwrap();
        symlink(base.path().join("bot"), base.path().join("link")).unwrap();
        let linked = base.path().join("link");
        assert!(overlap(&linked, &auth_info, true) && overlap(&auth_info, &linked.join("auth_info"), true));
        assert!(!overlap(&linked, &auth_info, false), "nothing is known of another machine's links");
        assert!(!overlap(&base.path().join("bot2"), &base.path().join("bot"), true));
        for (one, other, expected) in [
            ("/srv/bot", "/srv/bot/auth_info", true),
            ("/srv/bot/auth_info", "/srv/bot", true),
            ("/srv/bot", "/srv/bot", true),
            ("/srv/bot", "/srv/bot2", false),
        ] {
            assert_eq!(overlap(Path::new(one), Path::new(other), false), expected, "{one} {other}");
        }
    }

    #[test]
    fn who_can_write_to_the_folder_is_named_and_who_has_another_session_is_not() {
        let folder = Path::new("/srv/bot/sessions/shop");
        let running = |mounts| container_with("other", mounts, &[]);
        let found = sharer(&running(vec![mount("/srv/bot", "/app", true)]), folder, false).unwrap();
        assert_eq!(found.to_string(), "container other (has /srv/bot as /app)");
        assert!(sharer(&running(vec![mount("/srv/bot", "/app", false)]), folder, false).is_none());
        assert!(sharer(&running(vec![mount("/", "/host", true)]), folder, false).is_none());
        assert!(sharer(&running(vec![mount("/srv/shop", "/app", true)]), folder, false).is_none());
        let volume = Path::new("/var/lib/docker/volumes/bot/_data/auth_info");
        for (source, is_user) in [
            ("/var/lib/docker/volumes", false),
            ("/var/lib/docker", false),
            ("/var/lib/docker/volumes/bot/_data", true),
        ] {
            let found = sharer(&running(vec![mount(source, "/data", true)]), volume, false);
            assert_eq!(found.is_some(), is_user, "{source}");
        }
        let told = |session| {
            let mounts = vec![mount("/srv/bot", "/app", true)];
            container_with("other", mounts, &[("AUTH_INFO_DIR", session)])
        };
        assert!(sharer(&told("/app/sessions/support"), folder, false).is_none());
        assert!(sharer(&told("/app/sessions/shop"), folder, false).is_some());
        assert!(sharer(&told("/app/sessions"), folder, false).is_some());
        let mut stopped = running(vec![mount("/srv/bot", "/app", true)]);
        stopped.status = crate::docker::Status::Exited;
        assert!(sharer(&stopped, folder, false).is_none());
    }
}
