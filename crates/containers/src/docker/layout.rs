//! Where a container keeps its session.

use std::path::{Path, PathBuf};

use crate::docker::container::Container;

/// Labels that say where the session is, for gateways that keep it at unusual places.
pub const LABEL_AUTH_INFO: &str = "whatsapp.session.auth-info";
/// The label for `baileys_store.json`.
pub const LABEL_STORE: &str = "whatsapp.session.store";
/// The label for the backup folder.
pub const LABEL_BACKUPS: &str = "whatsapp.session.backups";

/// Names that Baileys gateways give to the folder of their session, most usual first.
const FOLDERS: &[&str] = &[
    "auth_info",
    "auth_info_baileys",
    "baileys_auth_info",
    "auth_info_multi",
    "session",
    "sessions",
    "auth",
];

/// Where a container keeps its session, as paths of the container.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SessionLayout {
    /// The folder of credentials and Signal state.
    pub auth_info: PathBuf,
    /// `baileys_store.json`.
    pub store: PathBuf,
    /// Where backups go, if the container has a place for them.
    pub backups: PathBuf,
}

impl SessionLayout {
    /// By label, by the settings in its environment, by what is mounted, and last `auth_info` in its working folder.
    pub fn of(container: &Container) -> Self {
        let label =
            |name: &str| container.labels.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let setting = |name: &str| container.variable(name).map(|value| container.working_dir.join(value));
        let auth_info = label(LABEL_AUTH_INFO)
            .or_else(|| setting("AUTH_INFO_DIR"))
            .or_else(|| mounted(container))
            .or_else(|| setting("DATA_DIR").map(|folder| folder.join("auth_info")))
            .unwrap_or_else(|| container.working_dir.join("auth_info"));
        let data = setting("DATA_DIR").or_else(|| auth_info.parent().map(Path::to_owned)).unwrap_or_default();
        Self {
            store: label(LABEL_STORE)
                .or_else(|| setting("BAILEYS_STORE"))
                .unwrap_or_else(|| data.join("baileys_store.json")),
            backups: label(LABEL_BACKUPS)
                .or_else(|| setting("BACKUP_DIR"))
                .unwrap_or_else(|| data.join("session_backups")),
            auth_info,
        }
    }
}

/// A mount that is named as such folders are.
fn mounted(container: &Container) -> Option<PathBuf> {
    FOLDERS.iter().find_map(|name| {
        let named = |path: &Path| path.file_name().is_some_and(|last| last == *name);
        let mount = container.mounts.iter().find(|mount| named(&mount.destination))?;
        Some(mount.destination.clone())
    })
}
