//! A session in a container, for the policy's hands.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use wakeeper_containers::docker::volumes::VolumeError;
use wakeeper_containers::docker::{Checkout, Container, Engine, Patience, Purpose, SessionLayout, Stopped};
use wakeeper_doctor::symptoms::PeerTrouble;
use wakeeper_private_fs::Folder;
use wakeeper_recovery::{CareError, Clock, Look, ManagedSession, Mended, Order, Reach, SessionFolder};

use super::Shared;
use crate::care::container::{blocking, no_notes, places};
use crate::care::health::database_in;
use crate::care::{Places, backup};
use crate::upkeep::{self, Outcome, Routine};

/// A session in a container, found by name: the container may be made anew under it.
pub struct ContainerSession {
    engine: Engine,
    name: String,
    here: Places,
    clock: Arc<dyn Clock>,
    reach: Reach,
    /// Old backups are removed.
    prune: bool,
    held: Mutex<Option<Stopped>>,
}

impl ContainerSession {
    /// Looks at a container, and at how far care for it can go.
    pub async fn of(engine: Engine, container: &Container, shared: &Shared) -> Self {
        let reach = reach(&engine, container).await;
        Self {
            engine,
            name: container.name.clone(),
            here: shared.here.clone(),
            clock: Arc::clone(&shared.clock),
            reach,
            prune: shared.care.rules.mend,
            held: Mutex::default(),
        }
    }

    async fn open(&self, purpose: Purpose) -> Result<(Checkout, Vec<Folder>, SessionFolder), CareError> {
        let (container, layout, places) = self.look().await?;
        let checkout =
            Checkout::of(&self.engine, &container, &layout, purpose).await.map_err(CareError::of)?;
        let folder = SessionFolder {
            auth_info: checkout.auth_info().to_owned(),
            store: Some(checkout.store().to_owned()),
            shelf: places.backups,
            label: places.label,
            passphrase: places.passphrase,
            clock: Arc::clone(&self.clock),
        };
        // The backup folder may be the container's, and open: as long as the handles are there, so are the paths.
        Ok((checkout, places.handles, folder))
    }

    async fn look(&self) -> Result<(Container, SessionLayout, Places), CareError> {
        let container = self.engine.find(&self.name).await.map_err(CareError::of)?;
        let layout = SessionLayout::of(&container);
        let places = self.places(&container, &layout).await?;
        Ok((container, layout, places))
    }

    async fn places(&self, container: &Container, layout: &SessionLayout) -> Result<Places, CareError> {
        places(&self.engine, container, layout, &self.here)
            .await
            .map_err(|error| CareError(format!("{error:#}")))
    }
}

/// How far care for a container can go.
async fn reach(engine: &Engine, container: &Container) -> Reach {
    let layout = SessionLayout::of(container);
    if container.auto_remove {
        return Reach::Report("it was started with --rm, so a stop would remove it and its files".to_owned());
    }
    // The container may be stopped, or have no session yet: then the purpose tells nothing but what is mounted how.
    if let Some((mount, _)) = container.mount_of(&layout.auth_info)
        && !mount.writable
    {
        return Reach::Report(format!("{} is mounted read-only", layout.auth_info.display()));
    }
    match Checkout::of(engine, container, &layout, Purpose::Read).await {
        Ok(checkout) if database_in(checkout.auth_info()).is_some() => Reach::Report(
            "it runs wakeeper's own gateway, which mends itself; `wakeeper clean` does what it cannot"
                .to_owned(),
        ),
        _ => Reach::Full,
    }
}

#[async_trait]
impl ManagedSession for ContainerSession {
    fn name(&self) -> &str {
        &self.name
    }

    fn reach(&self) -> Reach {
        self.reach.clone()
    }

    async fn examine(&self, troubles: &[PeerTrouble]) -> Result<Look, CareError> {
        let (_checkout, _handles, folder) = self.open(Purpose::Read).await?;
        folder.examine(troubles).await
    }

    async fn plan(&self, order: &Order) -> Result<Mended, CareError> {
        let (_checkout, _handles, folder) = self.open(Purpose::Read).await?;
        folder.plan(order).await
    }

    async fn stop(&self) -> Result<(), CareError> {
        let (container, _, places) = self.look().await?;
        let notes = places.notes().map_err(|error| CareError(format!("{}: {error}", no_notes(&places))))?;
        let stopped = Stopped::hold(&self.engine, &container, &notes, Patience::default()).await;
        *self.held.lock().await = Some(stopped.map_err(CareError::of)?);
        Ok(())
    }

    async fn mend(&self, order: &Order) -> Result<Mended, CareError> {
        let held = self.held.lock().await;
        let Some(stopped) = held.as_ref() else {
            return Err(CareError(format!("container {} is not held still; nothing is written", self.name)));
        };
        let (checkout, _handles, folder) = self.open(Purpose::Write).await?;
        stopped.still().await.map_err(CareError::of)?;
        let mended = folder.mend(order).await?;
        stopped.still().await.map_err(CareError::of)?;
        checkout.put_back(&self.engine).await.map_err(CareError::of)?;
        Ok(mended)
    }

    async fn start(&self) -> Result<(), CareError> {
        match self.held.lock().await.take() {
            None => Ok(()),
            Some(stopped) => stopped.release().await.map(drop).map_err(CareError::of),
        }
    }
}

#[async_trait]
impl Routine for ContainerSession {
    fn name(&self) -> &str {
        &self.name
    }

    async fn newest_ms(&self) -> Option<i64> {
        let (.., places) = self.look().await.ok()?;
        upkeep::newest_ms(&places)
    }

    /// The container goes on running: files that change while they are copied are copied again.
    async fn back_up(&self) -> anyhow::Result<Outcome> {
        let (container, layout, places) = self.look().await?;
        let checkout = match Checkout::of(&self.engine, &container, &layout, Purpose::Read).await {
            Err(error @ VolumeError::NoSession { .. }) => return Ok(Outcome::Nothing(error.to_string())),
            checkout => checkout?,
        };
        if database_in(checkout.auth_info()).is_some() {
            return Ok(Outcome::Nothing("it runs wakeeper's own gateway, which does it itself".to_owned()));
        }
        if checkout.auth_info().join("creds.json").symlink_metadata().is_err() {
            return Ok(Outcome::Nothing("there is no login in it".to_owned()));
        }
        let places = Places {
            auth_info: checkout.auth_info().to_owned(),
            store: checkout.store().to_owned(),
            ..places
        };
        let copied = places.clone();
        let created = blocking(move || backup::create_routine(&copied)).await?;
        upkeep::settle(places, created, self.prune).await
    }
}
