//! `wakeeper monitor`: brings logs and events to the policy, and the policy's hands to containers.

pub mod alerts;
pub mod container;
pub mod fleet;
pub mod metrics;

use std::path::PathBuf;
use std::sync::Arc;

use wakeeper_containers::watch::Reading;
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

    /// What the readers of logs need.
    pub fn reading(&self) -> Reading {
        Reading {
            storage: Arc::clone(&self.storage),
            clock: Arc::clone(&self.clock),
            span: self.care.rules.peer_window,
        }
    }
}
