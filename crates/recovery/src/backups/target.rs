//! What the schedule needs of a session.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::session::SessionError;

/// A session that can be backed up while it runs.
#[async_trait]
pub trait BackupTarget: Send + Sync {
    /// Its name, as logs and metrics know it.
    fn name(&self) -> &str;

    /// When its newest backup was made, milliseconds since 1970.
    async fn newest_ms(&self) -> Option<i64>;

    /// Backs it up if it changed since, and removes what the retention does not keep.
    ///
    /// # Errors
    /// When there is something to back up and no backup was made of it.
    async fn back_up(&self) -> Result<BackupOutcome, SessionError>;
}

/// All sessions there are at the moment.
#[async_trait]
pub trait BackupTargets: Send + Sync {
    /// Them.
    async fn all(&self) -> Vec<Arc<dyn BackupTarget>>;
}

/// What became of a backup.
#[derive(Debug)]
pub enum BackupOutcome {
    /// There is a new one.
    Made {
        /// The archive.
        path: PathBuf,
        /// Files in it.
        files: usize,
        /// Errors that were in the session.
        errors: usize,
        /// Old backups that were removed.
        pruned: usize,
    },
    /// The newest one holds what there is.
    Unchanged,
    /// There is nothing to back up; the text says why.
    Nothing(String),
}
