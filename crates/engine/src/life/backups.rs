//! The sessions of a gateway's folder, for the backup schedule.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use wakeeper_engine_store::move_notes::MOVED_MARKER;
use wakeeper_engine_store::{Copies, Copying, DATABASE, NativeError, copy_as_baileys};
use wakeeper_recovery::SessionError;
use wakeeper_recovery::backups::{BackupOutcome, BackupStore, BackupTarget, BackupTargets};

/// The session whose backups carry the folder's own name, as before it was wakeeper's.
const DEFAULT: &str = "default";

/// All sessions in a gateway's folder.
pub struct GatewaySessions {
    auth_info: PathBuf,
    backups: BackupStore,
}

impl GatewaySessions {
    /// The sessions under `auth_info`. Those of the default one are kept as `backups` says, those of others under its label
    /// and their names.
    pub fn new(auth_info: PathBuf, backups: BackupStore) -> Self {
        Self { auth_info, backups }
    }

    fn session(&self, name: String, folder: &Path) -> Arc<dyn BackupTarget> {
        let label = match name.as_str() {
            DEFAULT => self.backups.label.clone(),
            other => format!("{}-{other}", self.backups.label),
        };
        let backups = BackupStore { label, ..self.backups.clone() };
        Arc::new(GatewaySession { name, folder: folder.to_owned(), backups })
    }
}

#[async_trait]
impl BackupTargets for GatewaySessions {
    async fn all(&self) -> Vec<Arc<dyn BackupTarget>> {
        let folders = std::fs::read_dir(self.auth_info.join("sessions")).into_iter().flatten();
        let named = |item: std::fs::DirEntry| Some((item.file_name().into_string().ok()?, item.path()));
        let found = folders.filter_map(|item| named(item.ok()?));
        found.map(|(name, folder)| self.session(name, &folder)).collect()
    }
}

struct GatewaySession {
    name: String,
    folder: PathBuf,
    backups: BackupStore,
}

#[async_trait]
impl BackupTarget for GatewaySession {
    fn name(&self) -> &str {
        &self.name
    }

    async fn newest_ms(&self) -> Option<i64> {
        self.backups.newest_ms()
    }

    /// Made of a copy as Baileys would keep it: the gateway goes on writing.
    async fn back_up(&self) -> Result<BackupOutcome, SessionError> {
        let database = self.folder.join(DATABASE);
        if !database.is_file() {
            return Ok(BackupOutcome::Nothing("it was never started".to_owned()));
        }
        if self.folder.join(MOVED_MARKER).exists() {
            return Ok(BackupOutcome::Nothing("it was moved elsewhere".to_owned()));
        }
        let copied = match copy_as_baileys(&database, Copying::InProcess, &Copies::default()).await {
            Err(NativeError::NoLogin { .. }) => {
                return Ok(BackupOutcome::Nothing("it is not linked".to_owned()));
            }
            copied => copied.map_err(SessionError::of)?,
        };
        let outcome = self.backups.back_up(copied.folder(), Some(copied.store())).await?;
        for left_out in &copied.left_out {
            tracing::debug!(path = left_out.path, reason = left_out.reason, "not in the backup");
        }
        Ok(outcome)
    }
}
