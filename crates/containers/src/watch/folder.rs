//! A session in a folder of this machine: looked at and reported on, never stopped or mended.

use async_trait::async_trait;
use wakeeper_doctor::symptoms::PeerFailures;
use wakeeper_recovery::{
    Access, Applied, ApplyError, Examined, ManagedSession, Order, Progress, RepairReport, SessionError,
    SessionFolder,
};

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
}

#[async_trait]
impl ManagedSession for FolderSession {
    fn name(&self) -> &str {
        &self.name
    }

    fn access(&self) -> Access {
        Access::ReportOnly("what runs on a folder cannot be stopped from here; use wakeeper clean".to_owned())
    }

    async fn examine(&self, peer_failures: &[PeerFailures]) -> Result<Examined, SessionError> {
        self.folder.examine(peer_failures).await
    }

    async fn plan(&self, order: &Order) -> Result<RepairReport, SessionError> {
        self.folder.plan(order).await
    }

    async fn apply(&self, _order: &Order, _progress: &dyn Progress) -> Result<Applied, ApplyError> {
        let text = format!("nothing is known of what runs on {}", self.folder.auth_info.display());
        Err(ApplyError { error: SessionError(text), begun: false })
    }
}
