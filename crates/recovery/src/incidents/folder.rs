//! Where incidents are kept: one folder, for one monitor and one gateway.
//!
//! Both may have the database open at the same time. SQLite keeps their writes apart; what it does not allow is that one
//! makes the log ready, or changes the schema, under the hands of the other. So they open it one after the other, and
//! whoever does knows by the other's lock whether it is alone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wakeeper_private_fs::{Folder, FsError, Locking, own_folder};
use wakeeper_storage::{
    INCIDENTS_DATABASE, IncidentQuery, IncidentSource, Storage, StorageError, open_shared_sqlite, read_sqlite,
};

use super::Incident;

/// Held by the monitor that keeps its incidents in a folder.
const MONITOR_LOCK: &str = "monitor.lock";
/// Held by the gateway that does.
const GATEWAY_LOCK: &str = "gateway.lock";
/// Held by whoever opens the database, until it is open.
const OPENING_LOCK: &str = "opening.lock";
/// How often, and after how long, a database is asked for that somebody else opens.
const OPENING_TRIES: u32 = 100;
const OPENING_WAIT: Duration = Duration::from_millis(100);
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
    /// Another gateway keeps its incidents there; its sessions may have the same names.
    #[error(
        "another wakeeper gateway keeps its incidents in {}; set MONITOR_STATE_DIR to another folder for this one",
        .0.display()
    )]
    HeldByGateway(PathBuf),
    /// Somebody opens the database and does not come to an end.
    #[error("another wakeeper is opening the incidents in {} and does not come to an end", .0.display())]
    Opening(PathBuf),
    /// The database cannot be opened.
    #[error("cannot keep incidents: {0}")]
    Open(#[source] StorageError),
    /// Old incidents cannot be forgotten.
    #[error("cannot forget old incidents: {0}")]
    Prune(#[source] StorageError),
}

/// A folder of incidents, held by this process for a monitor or a gateway.
pub struct IncidentFolder {
    /// Incidents, alerts, and how far logs were read.
    pub storage: Arc<dyn Storage>,
    /// Kept for its drop.
    _lock: File,
}

impl IncidentFolder {
    /// Takes the folder for a monitor or a gateway, and forgets what is too old.
    ///
    /// # Errors
    /// When it is no safe place, another one has it, or the database cannot be opened.
    pub async fn open(folder: &Path, source: IncidentSource, now_ms: i64) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable { folder: folder.to_owned(), source };
        // What is found in it is believed: a container that can write to the folder above must not have made it.
        let own = own_folder(folder).map_err(unusable)?;
        let (lock, of_other, held): (_, _, fn(PathBuf) -> FolderError) = match source {
            IncidentSource::Monitor => (MONITOR_LOCK, GATEWAY_LOCK, FolderError::Held),
            IncidentSource::Gateway => (GATEWAY_LOCK, MONITOR_LOCK, FolderError::HeldByGateway),
        };
        let opening = opening(&own, folder).await?;
        let lock = take(&own, lock).map_err(unusable)?.ok_or_else(|| held(folder.to_owned()))?;
        let alone = take(&own, of_other).map_err(unusable)?.is_some();
        let path = folder.join(INCIDENTS_DATABASE);
        let storage = open_shared_sqlite(path, alone).await.map_err(FolderError::Open)?;
        drop(opening);
        storage.prune_incidents(now_ms - KEPT_MS, PRUNED).await.map_err(FolderError::Prune)?;
        Ok(Self { storage, _lock: lock })
    }
}

/// Takes a lock of the folder, unless somebody else has it.
fn take(folder: &Folder, name: &str) -> Result<Option<File>, FsError> {
    match folder.lock_file(name)? {
        Locking::Taken(file) => Ok(Some(file)),
        Locking::Held { .. } | Locking::Unlockable(..) => Ok(None),
    }
}

/// From here on nobody else opens the database, until the answer is dropped.
async fn opening(own: &Folder, folder: &Path) -> Result<File, FolderError> {
    for _ in 0..OPENING_TRIES {
        let taken = take(own, OPENING_LOCK)
            .map_err(|source| FolderError::Unusable { folder: folder.to_owned(), source })?;
        if let Some(file) = taken {
            return Ok(file);
        }
        tokio::time::sleep(OPENING_WAIT).await;
    }
    Err(FolderError::Opening(folder.to_owned()))
}

/// Where the incidents of a folder are, whether or not there are any.
pub fn database(folder: &Path) -> PathBuf {
    folder.join(INCIDENTS_DATABASE)
}

/// The last incidents of a session, newest first, out of the first of these folders that has any; none when they cannot be
/// read. A monitor and a gateway may be running on it.
pub async fn last(folders: &[PathBuf], session: &str, limit: u32) -> Vec<Incident> {
    let databases = folders.iter().map(|folder| database(folder));
    let Some(database) = databases.into_iter().find(|database| database.exists()) else { return Vec::new() };
    let Ok(storage) = read_sqlite(&database).await else { return Vec::new() };
    let query = IncidentQuery {
        source: None,
        session: Some(session.to_owned()),
        unfinished: false,
        before: None,
        limit,
    };
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
        let held = IncidentFolder::open(&folder, IncidentSource::Monitor, 1_000).await.unwrap();
        let new = NewIncident {
            source: IncidentSource::Monitor,
            session: "bot".to_owned(),
            kind: "session_state".to_owned(),
            opened_ms: 7,
        };
        held.storage.open_incident(new).await.unwrap();
        let refused = IncidentFolder::open(&folder, IncidentSource::Monitor, 1_000)
            .await
            .err()
            .expect("refused")
            .to_string();
        assert!(refused.contains("another wakeeper monitor"), "{refused}");
        let told = last(&[scratch.path().join("none"), folder.clone()], "bot", 5).await;
        assert_eq!(told.iter().map(|incident| incident.opened_ms).collect::<Vec<_>>(), [7]);
        held.storage.close().await;
        drop(held);
        IncidentFolder::open(&folder, IncidentSource::Monitor, 1_000).await.unwrap().storage.close().await;
    }
}
