//! The rows of a folder of sessions, open for as long as a gateway runs on it.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use wakeeper_model::time;
use wakeeper_storage::{ROWS_DATABASE, Storage, compact_sqlite, open_or_rebuild_sqlite};

use crate::{EngineConfig, EngineError};

/// A folder's rows, open. They are handed to what writes and delivers; whoever opened them closes them last.
pub struct Rows {
    storage: Arc<dyn Storage>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Rows {
    /// Opens them. Damaged or missing ones do not keep sessions from running: what can be read of them is kept, and
    /// `engine` is told that sessions are to be found on the disk. The caller holds the lock on the folder.
    ///
    /// # Errors
    /// When they cannot be opened, or have a second name.
    pub async fn open(engine: &mut EngineConfig, now_ms: i64) -> Result<Self, EngineError> {
        let path = engine.auth_info_dir.join(ROWS_DATABASE);
        let found = std::fs::symlink_metadata(&path);
        if found.as_ref().is_ok_and(|found| found.is_file() && found.nlink() > 1) {
            return Err(EngineError::SecondName { path });
        }
        let missing = found.is_err();
        if engine.compact_rows && !missing {
            compact(&path).await;
        }
        let opened = open_or_rebuild_sqlite(&path, &time::stamp(now_ms)).await;
        let (storage, rebuilt) = opened.map_err(|source| EngineError::Rows { path: path.clone(), source })?;
        if let Some(rebuilt) = rebuilt {
            let kept: Vec<String> =
                rebuilt.kept.iter().map(|(table, rows)| format!("{rows} {table}")).collect();
            tracing::error!(
                because = rebuilt.because,
                kept_in = rebuilt.aside.as_ref().map(|aside| aside.display().to_string()),
                rows = kept.join(", "),
                "{} was damaged: it is set aside, a new one has the rows that could be read, and sessions are found on the disk",
                path.display()
            );
            engine.rows_lost = Some(rebuilt.because);
        } else if missing && crate::has_sessions(&engine.auth_info_dir) {
            tracing::error!(
                "{} is missing: sessions are found on the disk; messages and settings are gone",
                path.display()
            );
            engine.rows_lost = Some("it was missing".to_owned());
        }
        Ok(Self { storage })
    }

    /// For what reads and writes them.
    #[must_use]
    pub fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    /// Closes them; what was accepted is written first.
    pub async fn close(&self) {
        self.storage.close().await;
    }
}

/// Writes a large database anew. Everything works without, so it is no error when that fails, for example for want of room.
async fn compact(path: &Path) {
    let shown = path.display();
    tracing::info!("{shown} is written anew if it does not give room back yet (COMPACT_DATABASE)");
    match compact_sqlite(path).await {
        Ok(_) => tracing::info!("{shown} gives room back from now on"),
        Err(error) => tracing::error!(%error, "{shown} was not written anew; it is as it was"),
    }
}
