//! A session in a container, for the policy: examined while the container runs, stopped and started inside a repair.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use wakeeper_bounded_tar::quoted;
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_doctor::layout::Layout;
use wakeeper_doctor::symptoms::PeerFailures;
use wakeeper_recovery::backups::{BackupOutcome, BackupStore, BackupTarget};
use wakeeper_recovery::{
    Access, Applied, ApplyError, Examined, ManagedSession, Order, Progress, RepairReport, Rung, SessionError,
    SessionFolder,
};

use super::Watching;
use crate::docker::volumes::VolumeError;
use crate::docker::{
    Checkout, Container, Engine, EngineError, LABEL_AUTH_INFO, Purpose, SessionLayout, Stopped,
};
use crate::session::LocatedSession;

/// A session in a container, found by name: the container may be made anew under it.
pub struct ContainerSession {
    engine: Engine,
    container: String,
    /// What it is called: its container's name, and its folder where the container has several.
    name: String,
    /// Its folder in the container, where that has several.
    path: Option<PathBuf>,
    watching: Watching,
    access: Access,
    /// The folders of the container's sessions, when it has several.
    several: Vec<PathBuf>,
    /// The folder that the container itself names as its session's.
    told: Option<PathBuf>,
}

impl ContainerSession {
    /// Looks at a container, and at how far its session is within reach.
    pub async fn of(engine: Engine, container: &Container, watching: &Watching) -> Self {
        let layout = SessionLayout::find(&engine, container).await;
        let several = several_in(&engine, container, &layout).await;
        let access = match undecided(container, &layout, &several) {
            Some(why) => Access::ReportOnly(why),
            None => access(&engine, container, &layout, watching).await,
        };
        let name = container.name.clone();
        let told = (!layout.is_one_of_many).then_some(layout.auth_info);
        let watching = watching.clone();
        Self { engine, container: name.clone(), name, path: None, watching, access, several, told }
    }

    /// The folders of the container's sessions, when it has several.
    pub fn several(&self) -> &[PathBuf] {
        &self.several
    }

    /// Each of several, to be backed up; the session itself where it is the only one.
    pub fn each(&self) -> Vec<Self> {
        let one = |path: Option<PathBuf>| Self {
            engine: self.engine.clone(),
            container: self.container.clone(),
            name: path
                .as_ref()
                .map_or(self.name.clone(), |path| format!("{}:{}", self.container, path.display())),
            path,
            watching: self.watching.clone(),
            access: self.access.clone(),
            several: Vec::new(),
            told: None,
        };
        if self.several.is_empty() {
            return vec![one(None)];
        }
        // The container's own is found as ever, and keeps the name of its backups.
        let path = |path: &PathBuf| (self.told.as_ref() != Some(path)).then(|| path.clone());
        self.several.iter().map(|found| one(path(found))).collect()
    }

    async fn locate(&self) -> Result<LocatedSession, EngineError> {
        let (path, host) = (self.path.as_deref(), &self.watching.host);
        LocatedSession::find_at(&self.engine, &self.container, path, host).await
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
            home: Some(located.home()),
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
            home: Some(located.home()),
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

/// The folders of a container's sessions, when it has several: in the folder that is meant, and elsewhere.
async fn several_in(engine: &Engine, container: &Container, layout: &SessionLayout) -> Vec<PathBuf> {
    let checkout = Checkout::of(engine, container, layout, Purpose::Read).await.ok();
    let mut all = match checkout.and_then(|checkout| Layout::at(checkout.auth_info())) {
        Some(Layout::Sessions(found)) => found.iter().map(|below| layout.auth_info.join(below)).collect(),
        _ => vec![layout.auth_info.clone()],
    };
    all.extend(layout.others(engine, container).await);
    if all.len() > 1 { all } else { Vec::new() }
}

/// Why none of several sessions is repaired: nothing says which of them the container's log speaks of.
fn undecided(container: &Container, layout: &SessionLayout, several: &[PathBuf]) -> Option<String> {
    let first = several.first()?;
    // The container says itself which one is its own.
    if !layout.is_one_of_many && *first == layout.auth_info {
        return None;
    }
    let names: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
    Some(format!(
        "it has {} sessions, and its log does not say which of them a message failed in: {}. Give the container the label \
         {LABEL_AUTH_INFO}=FOLDER to have one repaired by itself, or repair one with `wakeeper clean --container {} --path {}`",
        several.len(),
        names.join(", "),
        container.name,
        quoted(first)
    ))
}

/// How far a container's session is within reach.
async fn access(
    engine: &Engine,
    container: &Container,
    layout: &SessionLayout,
    watching: &Watching,
) -> Access {
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
    match Checkout::of(engine, container, layout, Purpose::Read).await {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::docker::testing::container_with;

    #[test]
    fn of_several_sessions_none_is_chosen_by_chance() {
        let container = container_with("waha", Vec::new(), &[]);
        let at = |path: &str| SessionLayout::at(&container, Path::new(path));
        let several = ["/app/auth", "/app/my shop"].map(PathBuf::from);
        let why = undecided(&container, &at("/app/auth"), &several).unwrap();
        for said in
            ["2 sessions", "/app/auth, /app/my shop", LABEL_AUTH_INFO, "--container waha --path /app/auth"]
        {
            assert!(why.contains(said), "{said}: {why}");
        }
        assert_eq!(undecided(&container, &at("/app/auth"), &[]), None);
        // One that the container names itself is repaired.
        let told = SessionLayout { is_one_of_many: false, ..at("/app/auth") };
        assert_eq!(undecided(&container, &told, &several), None);
        // A folder of several is none of them.
        let told = SessionLayout { is_one_of_many: false, ..at("/app") };
        assert!(undecided(&container, &told, &several).is_some());
    }
}
