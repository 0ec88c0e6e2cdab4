//! A session in a folder of this machine: looked at and reported on, never stopped or mended.

use async_trait::async_trait;
use wakeeper_doctor::symptoms::PeerTrouble;
use wakeeper_recovery::{CareError, Look, ManagedSession, Mended, Order, Reach, SessionFolder};

/// A session in a folder.
pub struct FolderSession {
    name: String,
    folder: SessionFolder,
}

impl FolderSession {
    /// A session of that name.
    pub fn new(name: String, folder: SessionFolder) -> Self {
        Self { name, folder }
    }

    fn refuse<T>(&self) -> Result<T, CareError> {
        Err(CareError(format!("nothing is known of what runs on {}", self.folder.auth_info.display())))
    }
}

#[async_trait]
impl ManagedSession for FolderSession {
    fn name(&self) -> &str {
        &self.name
    }

    fn reach(&self) -> Reach {
        Reach::Report("what runs on a folder cannot be stopped from here; use wakeeper clean".to_owned())
    }

    async fn examine(&self, troubles: &[PeerTrouble]) -> Result<Look, CareError> {
        self.folder.examine(troubles).await
    }

    async fn plan(&self, order: &Order) -> Result<Mended, CareError> {
        self.folder.plan(order).await
    }

    async fn stop(&self) -> Result<(), CareError> {
        self.refuse()
    }

    async fn mend(&self, _order: &Order) -> Result<Mended, CareError> {
        self.refuse()
    }

    async fn start(&self) -> Result<(), CareError> {
        self.refuse()
    }
}
