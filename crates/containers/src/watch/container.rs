//! A session in a container, for the policy: examined while the container runs, stopped and started inside a repair.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_doctor::symptoms::PeerFailures;
use wakeeper_recovery::backups::{BackupOutcome, BackupStore, BackupTarget};
use wakeeper_recovery::{
    Access, Applied, ApplyError, Examined, ManagedSession, Order, Progress, RepairReport, Rung, SessionError,
    SessionFolder,
};

use super::Watching;
use crate::docker::volumes::VolumeError;
use crate::docker::{Checkout, Container, Engine, EngineError, Purpose, SessionLayout, Stopped};
use crate::session::LocatedSession;

/// A session in a container, found by name: the container may be made anew under it.
pub struct ContainerSession {
    engine: Engine,
    name: String,
    watching: Watching,
    access: Access,
}

impl ContainerSession {
    /// Looks at a container, and at how far its session is within reach.
    pub async fn of(engine: Engine, container: &Container, watching: &Watching) -> Self {
        let access = access(&engine, container, watching).await;
        Self { engine, name: container.name.clone(), watching: watching.clone(), access }
    }

    async fn locate(&self) -> Result<LocatedSession, EngineError> {
        LocatedSession::find(&self.engine, &self.name, &self.watching.host).await
    }

    /// Opens the session to be looked at. The second value keeps what the paths of the third lead through: both must live as
    /// long as it is used.
    async fn read(&self) -> Result<(LocatedSession, Checkout, SessionFolder), SessionError> {
        let located = self.locate().await.map_err(SessionError::of)?;
        let checkout = located.read().await.map_err(SessionError::of)?;
        let folder = self.folder(&located, &checkout).await;
        Ok((located, checkout, folder))
    }

    async fn folder(&self, located: &LocatedSession, checkout: &Checkout) -> SessionFolder {
        SessionFolder {
            auth_info: checkout.auth_info().to_owned(),
            store: Some(checkout.store().to_owned()),
            shelf: located.backups.path.clone(),
            label: located.backups.label.clone(),
            passphrase: self.watching.passphrase.clone(),
            version: located.installed().await,
            clock: Arc::clone(&self.watching.clock),
        }
    }

    fn backups(&self, located: &LocatedSession) -> BackupStore {
        BackupStore {
            shelf: located.backups.path.clone(),
            label: located.backups.label.clone(),
            account: None,
            home: Some(located.layout.auth_info.clone()),
            passphrase: self.watching.passphrase.clone(),
            retention: self.watching.retention,
            prunes: self.watching.rules.repair,
            clock: Arc::clone(&self.watching.clock),
        }
    }

    /// Carries an order out on the files of a container that is held still.
    async fn repair(
        &self,
        located: &LocatedSession,
        stopped: &Stopped,
        order: &Order,
    ) -> Result<RepairReport, SessionError> {
        if order.rung == Rung::Restart {
            return Ok(RepairReport { login_kept: true, healthy: true, ..RepairReport::default() });
        }
        let checkout = located.write(stopped).await.map_err(SessionError::of)?;
        let report = self.folder(located, &checkout).await.repair(order).await?;
        located.put_back(stopped, checkout).await.map_err(SessionError::of)?;
        Ok(report)
    }
}

/// How far a container's session is within reach.
async fn access(engine: &Engine, container: &Container, watching: &Watching) -> Access {
    let layout = SessionLayout::find(engine, container).await;
    if container.auto_remove {
        let why = "it was started with --rm, so a stop would remove it and its files";
        return Access::ReportOnly(why.to_owned());
    }
    // The container may be stopped, or have no session yet: then the purpose tells nothing but what is mounted how.
    if let Some((mount, _)) = container.mount_of(&layout.auth_info)
        && !mount.writable
    {
        return Access::ReportOnly(format!("{} is mounted read-only", layout.auth_info.display()));
    }
    match Checkout::of(engine, container, &layout, Purpose::Read).await {
        Ok(checkout) if (watching.is_gateways)(checkout.auth_info()) => Access::ReportOnly(
            "it runs wakeeper's own gateway, which repairs itself; `wakeeper clean` does what it cannot"
                .to_owned(),
        ),
        _ => Access::Full,
    }
}

#[async_trait]
impl ManagedSession for ContainerSession {
    fn name(&self) -> &str {
        &self.name
    }

    fn access(&self) -> Access {
        self.access.clone()
    }

    async fn examine(&self, peer_failures: &[PeerFailures]) -> Result<Examined, SessionError> {
        let (_located, _checkout, folder) = self.read().await?;
        folder.examine(peer_failures).await
    }

    async fn plan(&self, order: &Order) -> Result<RepairReport, SessionError> {
        let (_located, _checkout, folder) = self.read().await?;
        folder.plan(order).await
    }

    /// The container is started again whatever happens in between.
    async fn apply(&self, order: &Order, progress: &dyn Progress) -> Result<Applied, ApplyError> {
        let not_begun = |error| ApplyError { error, begun: false };
        let begun = |error| ApplyError { error, begun: true };
        let located = self.locate().await.map_err(|error| not_begun(SessionError::of(error)))?;
        // A restart changes no file, so nothing has to be within reach for it.
        if order.rung != Rung::Restart {
            located.check_writable().await.map_err(|error| not_begun(SessionError::of(error)))?;
        }
        let stopped = located.hold(&self.watching.host).await;
        let stopped = stopped.map_err(|error| not_begun(SessionError::of(error)))?;
        let since_ms = self.watching.clock.now_ms();
        let repaired = self.repair(&located, &stopped, order).await;
        if let Ok(report) = &repaired {
            progress.repaired(report).await;
        }
        match (repaired, stopped.release().await) {
            (Ok(report), Ok(_)) => Ok(Applied { report, since_ms }),
            (Ok(_), Err(start)) => {
                Err(begun(SessionError(format!("it was repaired and did not come up well: {start}"))))
            }
            (Err(error), Ok(_)) => Err(begun(error)),
            (Err(error), Err(start)) => {
                Err(begun(SessionError(format!("{error}; and it did not start again: {start}"))))
            }
        }
    }
}

#[async_trait]
impl BackupTarget for ContainerSession {
    fn name(&self) -> &str {
        &self.name
    }

    async fn newest_ms(&self) -> Option<i64> {
        let located = self.locate().await.ok()?;
        self.backups(&located).newest_ms()
    }

    /// The container goes on running: files that change while they are copied are copied again.
    async fn back_up(&self) -> Result<BackupOutcome, SessionError> {
        let located = self.locate().await.map_err(SessionError::of)?;
        let checkout = match located.read().await {
            Err(error @ VolumeError::NoSession { .. }) => {
                return Ok(BackupOutcome::Nothing(error.to_string()));
            }
            checkout => checkout.map_err(SessionError::of)?,
        };
        let auth_info: PathBuf = checkout.auth_info().to_owned();
        if (self.watching.is_gateways)(&auth_info) {
            let why = "it runs wakeeper's own gateway, which does it itself";
            return Ok(BackupOutcome::Nothing(why.to_owned()));
        }
        if auth_info.join(CREDENTIALS).symlink_metadata().is_err() {
            return Ok(BackupOutcome::Nothing("there is no login in it".to_owned()));
        }
        self.backups(&located).back_up(auth_info, Some(checkout.store().to_owned())).await
    }
}
