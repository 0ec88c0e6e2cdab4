//! Where incidents are kept: one folder, one monitor.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wakeeper_private_fs::{FsError, Locking, own_folder};
use wakeeper_storage::{INCIDENTS_DATABASE, IncidentQuery, Storage, StorageError, open_sqlite, read_sqlite};

use super::Incident;

/// Held by the monitor that keeps its incidents in a folder.
const LOCK: &str = "monitor.lock";
/// Closed incidents are kept for a year.
const KEPT_MS: i64 = 365 * 86_400_000;
/// Old ones that are forgotten at a start.
const PRUNED: u32 = 10_000;

/// Why incidents cannot be kept, or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder is no safe place.
    #[error(
        "cannot keep incidents in {}; set MONITOR_STATE_DIR to a folder that only this user can write to: {source}",
        folder.display()
    )]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: FsError,
    },
    /// Another monitor keeps its incidents there; two would repair the same session.
    #[error(
        "another wakeeper monitor keeps its incidents in {}; stop it, or give this one another --state",
        .0.display()
    )]
    Held(PathBuf),
    /// The database cannot be opened.
    #[error("cannot keep incidents: {0}")]
    Open(#[source] StorageError),
    /// Old incidents cannot be forgotten.
    #[error("cannot forget old incidents: {0}")]
    Prune(#[source] StorageError),
}

/// A folder of incidents, held by this process.
pub struct IncidentFolder {
    /// Incidents, alerts, and how far logs were read.
    pub storage: Arc<dyn Storage>,
    /// Kept for its drop.
    _lock: File,
}

impl IncidentFolder {
    /// Takes the folder, and forgets what is too old.
    ///
    /// # Errors
    /// When it is no safe place, another monitor has it, or the database cannot be opened.
    pub async fn open(folder: &Path, now_ms: i64) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable { folder: folder.to_owned(), source };
        // What is found in it is believed: a container that can write to the folder above must not have made it.
        let own = own_folder(folder).map_err(unusable)?;
        let lock = match own.lock_file(LOCK).map_err(unusable)? {
            Locking::Taken(file) => file,
            Locking::Held { .. } | Locking::Unlockable(..) => {
                return Err(FolderError::Held(folder.to_owned()));
            }
        };
        let storage = open_sqlite(folder.join(INCIDENTS_DATABASE)).await.map_err(FolderError::Open)?;
        storage.prune_incidents(now_ms - KEPT_MS, PRUNED).await.map_err(FolderError::Prune)?;
        Ok(Self { storage, _lock: lock })
    }
}

/// Where the incidents of a folder are, whether or not there are any.
pub fn database(folder: &Path) -> PathBuf {
    folder.join(INCIDENTS_DATABASE)
}

/// The last incidents of a session, newest first, out of the first of these folders that has any; none when they cannot be
/// read. A monitor may be running on it.
pub async fn last(folders: &[PathBuf], session: &str, limit: u32) -> Vec<Incident> {
    let databases = folders.iter().map(|folder| database(folder));
    let Some(database) = databases.into_iter().find(|database| database.exists()) else { return Vec::new() };
    let Ok(storage) = read_sqlite(&database).await else { return Vec::new() };
    let query = IncidentQuery { session: Some(session.to_owned()), unfinished: false, before: None, limit };
    let rows = storage.incidents(query).await;
    storage.close().await;
    rows.unwrap_or_default().into_iter().map(Incident::of).collect()
}

#[cfg(test)]
mod tests {
    use wakeeper_storage::NewIncident;

    use super::*;

    #[tokio::test]
    async fn one_monitor_keeps_a_folder_and_others_read_it() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("monitor");
        assert!(last(std::slice::from_ref(&folder), "bot", 5).await.is_empty(), "nothing is made by a look");
        let held = IncidentFolder::open(&folder, 1_000).await.unwrap();
        let new = NewIncident { session: "bot".to_owned(), kind: "session_state".to_owned(), opened_ms: 7 };
        held.storage.open_incident(new).await.unwrap();
        let refused = IncidentFolder::open(&folder, 1_000).await.err().expect("refused").to_string();
        assert!(refused.contains("another wakeeper monitor"), "{refused}");
        let told = last(&[scratch.path().join("none"), folder.clone()], "bot", 5).await;
        assert_eq!(told.iter().map(|incident| incident.opened_ms).collect::<Vec<_>>(), [7]);
        held.storage.close().await;
        drop(held);
        IncidentFolder::open(&folder, 1_000).await.unwrap().storage.close().await;
    }
}
