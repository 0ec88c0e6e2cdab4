//! Where a container's session is backed up.

use std::path::{Path, PathBuf};

use wakeeper_doctor::backup::plain_label;
use wakeeper_private_fs::{Folder, Trust};

use super::Host;
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
