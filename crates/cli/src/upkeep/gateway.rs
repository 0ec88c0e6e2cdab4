//! The sessions of this machine's gateway.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use wakeeper_engine_store::{Copying, NativeError};

use super::routine::{Outcome, Routine, Sessions, newest_ms, settle};
use crate::care::{Places, backup};

/// The session whose backups carry the folder's own name, as before it was wakeeper's.
const DEFAULT: &str = "default";

/// All sessions in a gateway's folder.
pub struct GatewaySessions {
    places: Places,
    prune: bool,
}

impl GatewaySessions {
    /// The sessions under `places.auth_info`; old backups are removed when `prune`.
    pub fn new(places: Places, prune: bool) -> Self {
        Self { places, prune }
    }
}

#[async_trait]
impl Sessions for GatewaySessions {
    async fn all(&self) -> Vec<Arc<dyn Routine>> {
        let folders = std::fs::read_dir(self.places.auth_info.join("sessions")).into_iter().flatten();
        let named = |item: std::fs::DirEntry| Some((item.file_name().into_string().ok()?, item.path()));
        let found = folders.filter_map(|item| named(item.ok()?));
        found.map(|(name, folder)| self.session(name, &folder)).collect()
    }
}

impl GatewaySessions {
    fn session(&self, name: String, folder: &Path) -> Arc<dyn Routine> {
        let label = match name.as_str() {
            DEFAULT => self.places.label.clone(),
            other => format!("{}-{other}", self.places.label),
        };
        let places = Places { label, ..self.places.clone() };
        Arc::new(GatewaySession { name, folder: folder.to_owned(), places, prune: self.prune })
    }
}

struct GatewaySession {
    name: String,
    folder: PathBuf,
    places: Places,
    prune: bool,
}

#[async_trait]
impl Routine for GatewaySession {
    fn name(&self) -> &str {
        &self.name
    }

    async fn newest_ms(&self) -> Option<i64> {
        newest_ms(&self.places)
    }

    async fn back_up(&self) -> anyhow::Result<Outcome> {
        let database = self.folder.join(wakeeper_engine_store::DATABASE);
        if !database.is_file() {
            return Ok(Outcome::Nothing("it was never started".to_owned()));
        }
        if self.folder.join(wakeeper_doctor::formats::baileys::name::MOVED_MARKER).exists() {
            return Ok(Outcome::Nothing("it was moved elsewhere".to_owned()));
        }
        match backup::create_native(&database, Copying::InProcess, &self.places, backup::create_routine).await
        {
            Ok(created) => settle(self.places.clone(), created, self.prune).await,
            Err(error) => match error.downcast_ref::<NativeError>() {
                Some(NativeError::NoLogin { .. }) => Ok(Outcome::Nothing("it is not linked".to_owned())),
                _ => Err(error),
            },
        }
    }
}
