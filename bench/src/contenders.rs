//! Whoever is measured keeping sessions: one file each. To add one: a file that implements [`Contender`] and [`Running`], and
//! a line in [`NAMES`] and [`named`].

use std::path::Path;

use anyhow::bail;
use async_trait::async_trait;
use wakeeper_e2e::Address;
use wakeeper_e2e::process::Process;

use crate::plan::Plan;
use crate::wait::PATIENCE;
use crate::world::World;

mod baileys;
pub mod bare;
mod wakeeper;

/// Everybody.
pub const NAMES: [&str; 4] = ["wakeeper", "bare", "baileys-6.7.18", "baileys-7.0.0-rc14"];
/// Those that need no packages of Node.
pub const WITHOUT_NODE: [&str; 2] = ["wakeeper", "bare"];

/// A contender by its name.
pub fn named(name: &str, plan: &Plan) -> anyhow::Result<Box<dyn Contender>> {
    Ok(match name {
        "wakeeper" => Box::new(wakeeper::Wakeeper::new(plan)),
        "bare" => Box::new(bare::Bare),
        "baileys-6.7.18" => Box::new(baileys::Baileys::new("baileys-6.7.18", "6")),
        "baileys-7.0.0-rc14" => Box::new(baileys::Baileys::new("baileys-7.0.0-rc14", "7")),
        other => bail!("there is no contender {other}"),
    })
}

/// What a contender is started with.
pub struct Order<'a> {
    /// Where it keeps everything; there already when it was started before.
    pub folder: &'a Path,
    /// Where it listens, when it listens.
    pub port: u16,
    /// The server it connects to, and where its webhooks go.
    pub world: &'a World,
    /// More of its environment.
    pub environment: &'a [(&'static str, String)],
}

/// Someone who keeps sessions on WhatsApp.
#[async_trait]
pub trait Contender: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// What it is, in a sentence for the results.
    fn about(&self) -> String;

    /// Starts its process, which connects all sessions that it has. Does not wait for them.
    async fn start(&self, order: &Order<'_>) -> anyhow::Result<Box<dyn Running>>;
}

/// Its process. Sessions have numbers from 0.
#[async_trait]
pub trait Running: Send + Sync {
    /// Its process.
    fn process(&self) -> &Process;

    /// Its process, to end it.
    fn into_process(self: Box<Self>) -> Process;

    /// Begins a new session.
    async fn open(&self, session: usize) -> anyhow::Result<()>;

    /// What a new session shows to be scanned.
    async fn code(&self, session: usize) -> anyhow::Result<Option<String>>;

    /// How many sessions work.
    async fn working(&self) -> anyhow::Result<usize>;

    /// Sends a text, and returns when the contender says that it is sent.
    async fn send(&self, session: usize, to: &Address, text: &str) -> anyhow::Result<()>;
}

/// Lets a contender end by itself.
pub async fn stop(running: Box<dyn Running>) -> anyhow::Result<()> {
    let status = running.into_process().terminate(PATIENCE).await;
    // Not everybody ends well, and nobody has to.
    if status.code().is_none() {
        println!("  (ended with {status})");
    }
    Ok(())
}
