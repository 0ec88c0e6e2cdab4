//! `wakeeper monitor`: what it shares with the commands that read its incidents, and its page of metrics.

pub mod page;

use std::path::PathBuf;
use std::sync::Arc;

use wakeeper_containers::watch::Watching;
use wakeeper_engine::offline;
use wakeeper_recovery::Clock;
use wakeeper_storage::Storage;

use crate::care::Places;
use crate::settings::CareSettings;

/// The database of incidents inside the monitor's folder.
pub const DATABASE: &str = "incidents.db";

/// What every part of the monitor shares.
#[derive(Clone)]
pub struct Shared {
    /// The settings.
    pub care: CareSettings,
    /// This machine's places.
    pub here: Places,
    /// Incidents and checkpoints.
    pub storage: Arc<dyn Storage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Shared {
    /// The database of incidents that settings name.
    pub fn database(care: &CareSettings) -> PathBuf {
        care.state_dir.join(DATABASE)
    }

    /// What the watch needs.
    pub fn watching(&self) -> Watching {
        Watching {
            rules: self.care.rules.clone(),
            host: self.here.host(),
            retention: self.here.retention,
            passphrase: self.here.passphrase.clone(),
            is_gateways: |folder| offline::database_in(folder).is_some(),
            storage: Arc::clone(&self.storage),
            clock: Arc::clone(&self.clock),
        }
    }
}
