//! Contenders with what is theirs in one run: a folder with their sessions, and the phones of these.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::stream::{StreamExt, TryStreamExt, iter};
use wakeeper_e2e::port::Port;
use wakeeper_e2e::simulator::Phone;

use crate::contenders::{self, Contender, Order, Running};
use crate::meter::Totals;
use crate::plan::Plan;
use crate::wait::until;
use crate::world::World;

/// Sessions that are linked beside each other.
const LINKED_AT_ONCE: usize = 4;
/// Who wrote nothing for so long has nothing to write.
const QUIET: Duration = Duration::from_secs(1);
/// With many sessions some always keep their connections alive, so that it is never quiet.
const LONGEST: Duration = Duration::from_secs(5);

/// A contender's folder, and the phones that its sessions are linked to.
pub struct Home {
    folder: PathBuf,
    port: Port,
    /// One for each session.
    pub phones: Vec<Phone>,
}

/// One who is measured.
pub struct Entrant {
    /// Who it is.
    pub contender: Box<dyn Contender>,
    /// With one session.
    pub single: Home,
    /// With many.
    pub many: Home,
}

impl Entrant {
    /// Everybody of the plan, without sessions yet.
    pub fn all(plan: &Plan, world: &World) -> anyhow::Result<Vec<Self>> {
        plan.contenders.iter().map(|name| Self::new(contenders::named(name, plan)?, world)).collect()
    }

    fn new(contender: Box<dyn Contender>, world: &World) -> anyhow::Result<Self> {
        let home = |kind: &str| {
            let folder = world.homes().join(format!("{}-{kind}", contender.name()));
            std::fs::create_dir(&folder).context("a folder for a contender")?;
            anyhow::Ok(Home { folder, port: Port::reserve(), phones: Vec::new() })
        };
        let (single, many) = (home("single")?, home("many")?);
        Ok(Self { contender, single, many })
    }

    /// Links its one session.
    pub async fn link_single(&mut self, world: &World) -> anyhow::Result<()> {
        link(self.contender.as_ref(), &mut self.single, world, 1).await
    }

    /// Links its many sessions, when they are not.
    pub async fn link_many(&mut self, world: &World, sessions: usize) -> anyhow::Result<()> {
        link(self.contender.as_ref(), &mut self.many, world, sessions).await
    }
}

impl Home {
    /// Starts a contender here; waits for nothing.
    pub async fn start(
        &self,
        contender: &dyn Contender,
        world: &World,
        environment: &[(&'static str, String)],
    ) -> anyhow::Result<Box<dyn Running>> {
        contender.start(&Order { folder: &self.folder, port: self.port.number(), world, environment }).await
    }

    /// Waits until all of its sessions work.
    pub async fn wait_working(&self, running: &dyn Running) -> anyhow::Result<()> {
        let wanted = self.phones.len();
        let enough = async || Ok((running.working().await? >= wanted).then_some(()));
        until(&format!("{wanted} sessions to work"), enough).await
    }

    /// Starts a contender here and waits until all of its sessions work.
    pub async fn working(
        &self,
        contender: &dyn Contender,
        world: &World,
        environment: &[(&'static str, String)],
    ) -> anyhow::Result<Box<dyn Running>> {
        let running = self.start(contender, world, environment).await?;
        self.wait_working(running.as_ref()).await?;
        Ok(running)
    }

    /// Waits until the server sees none of its sessions any more.
    pub async fn wait_offline(&self, world: &World) -> anyhow::Result<()> {
        for phone in &self.phones {
            let gone = async || Ok((!world.has_device_online(phone).await?).then_some(()));
            until("the server to see that a contender ended", gone).await?;
        }
        Ok(())
    }

    /// Bytes in its files.
    pub fn bytes(&self) -> anyhow::Result<u64> {
        bytes_below(&self.folder)
    }
}

fn bytes_below(folder: &std::path::Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for item in std::fs::read_dir(folder).context("a contender's files")? {
        let item = item?;
        let metadata = item.metadata()?;
        bytes += if metadata.is_dir() { bytes_below(&item.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

async fn link(
    contender: &dyn Contender,
    home: &mut Home,
    world: &World,
    sessions: usize,
) -> anyhow::Result<()> {
    if home.phones.len() >= sessions {
        return Ok(());
    }
    println!("  {}: linking {sessions}", contender.name());
    let running = home.start(contender, world, &[]).await?;
    until("the contender to answer", async || running.working().await.map(Some)).await?;
    let ours = running.as_ref();
    let linked: Vec<Phone> = iter(home.phones.len()..sessions)
        .map(|session| link_one(ours, world, session))
        .buffered(LINKED_AT_ONCE)
        .try_collect()
        .await?;
    home.phones.extend(linked);
    home.wait_working(ours).await?;
    // Baileys 6 tells of no message before it has the keys that the phone sends after the link.
    settle(running.process().id()).await?;
    contenders::stop(running).await?;
    home.wait_offline(world).await
}

async fn link_one(running: &dyn Running, world: &World, session: usize) -> anyhow::Result<Phone> {
    let phone = world.phone("Measured").await;
    running.open(session).await?;
    let code = until("a code to scan", async || running.code(session).await).await?;
    phone.scan(&code).await;
    Ok(phone)
}

/// Waits until a process writes nothing more, for a while: some lose their login when they are killed in the middle of it.
pub async fn settle(id: u32) -> anyhow::Result<()> {
    let begun = Instant::now();
    let (mut before, mut since) = (0, begun);
    until("a contender to have nothing more to write", async || {
        let now = Totals::of(id)?.handed_over;
        if now != before {
            (before, since) = (now, Instant::now());
        }
        Ok((since.elapsed() > QUIET || begun.elapsed() > LONGEST).then_some(()))
    })
    .await
}
