//! Where a container's session is backed up.

use std::path::{Path, PathBuf};

use wakeeper_doctor::backup::plain_label;
use wakeeper_private_fs::{Folder, Trust};

use super::owners::source_of;
use super::{Host, LocatedSession};
use crate::docker::volumes::local_folder;
use crate::docker::{Container, Engine, EngineError, Purpose, SessionLayout};

/// Where a container's session is backed up: in its own backup folder when that is within reach, else in this machine's.
#[derive(Debug, Clone)]
pub struct BackupFolder {
    /// The folder.
    pub path: PathBuf,
    /// The session's name in it.
    pub label: String,
    /// The folder, open: the path leads through this handle, whatever happens to the folder's name.
    pub handle: Option<Folder>,
}

impl BackupFolder {
    pub(super) async fn of(
        engine: &Engine,
        container: &Container,
        layout: &SessionLayout,
        host: &Host,
    ) -> Result<Self, EngineError> {
        let own = local_folder(engine, container, &layout.backups, Purpose::Write).await?;
        let folder = file_name(&layout.auth_info);
        let label = match own {
            Some(_) => folder,
            // It may hold others beside this one.
            None if layout.is_one_of_many => format!("{}_{folder}", container.name),
            None => container.name.clone(),
        };
        // This machine's own backup folder may be mounted into a container as well.
        let handle = own.or_else(|| untrusted(&host.backups));
        Ok(Self {
            path: handle.as_ref().map_or_else(|| host.backups.clone(), Folder::path),
            label: plain_label(&label),
            handle,
        })
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A folder that the operator named, and nobody's word about what is in it.
fn untrusted(path: &Path) -> Option<Folder> {
    Folder::named(path).and_then(|folder| folder.trusted(Trust::Nobody(None))).ok()
}

impl LocatedSession {
    /// Where the session lies, as its backups tell it apart from others: not by its path in the container, which is the same in
    /// every container of an image. It need not be a path of this machine.
    pub fn home(&self) -> PathBuf {
        let endpoint = self.engine.endpoint();
        let engine = (!endpoint.is_local()).then(|| endpoint.to_string());
        home_of(&self.container, &self.layout.auth_info, engine.as_deref())
    }
}

/// The place on the engine's machine that a path of a container stands for; what is on no mount is the container's alone.
fn home_of(container: &Container, path: &Path, engine: Option<&str>) -> PathBuf {
    let inside = |path: &Path| path.strip_prefix("/").map_or_else(|_| path.to_owned(), Path::to_owned);
    let home = source_of(container, path)
        .unwrap_or_else(|| Path::new("/container").join(&container.name).join(inside(path)));
    match engine {
        Some(engine) => Path::new("/engine").join(engine).join(inside(&home)),
        None => home,
    }
}

#[cfg(test)]
mod tests {
    use wakeeper_doctor::backup::place_mark;

    use super::*;
    use crate::docker::testing::{container_with, mount};

    #[test]
    fn two_containers_of_one_image_are_two_places() {
        let at = Path::new("/app/auth_info");
        let one = |name: &str, source: Option<&str>| {
            let mounts = source.map(|source| mount(source, "/app/auth_info", true)).into_iter().collect();
            container_with(name, mounts, &[])
        };
        let places = [
            home_of(&one("a-api-1", Some("/srv/a")), at, None),
            home_of(&one("b-api-1", Some("/srv/b")), at, None),
            home_of(&one("a-api-1", Some("/srv/a")), at, Some("tcp://other:2375")),
            home_of(&one("a-api-1", None), at, None),
            home_of(&one("a-api-2", None), at, None),
        ];
        let marks: std::collections::BTreeSet<_> = places.iter().map(|place| place_mark(place)).collect();
        assert_eq!(marks.len(), places.len(), "{places:?}");
        // It is the same place under another name, as a container that was made anew has it, and from this machine.
        assert_eq!(home_of(&one("new", Some("/srv/a")), at, None), Path::new("/srv/a"));
    }
}
