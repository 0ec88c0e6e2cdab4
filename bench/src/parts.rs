//! What can be measured. To add a part: a file with `run`, a variant of [`Part`], and its line in [`measured`].

use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::contenders::{self, Running};
use crate::entrants::Entrant;
use crate::figures::Figure;
use crate::plan::Plan;
use crate::results::{self, Section};
use crate::rounds::Rounds;
use crate::world::World;

mod burst;
mod folder;
mod idle;
mod logs;
mod receive;
mod send;
mod sessions;
mod start;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Sends of one session: alone and 32 at once, in one chat and in 32
    Send,
    /// Messages to one session: paced, and a full offline queue
    Receive,
    /// Many sessions with one message a second each
    Sessions,
    /// From SIGKILL until many sessions work again
    Start,
    /// Memory, descriptors and disk of idle sessions
    Idle,
    /// `examine` and `backup` of a large session folder, against tar and jq
    Folder,
    /// A log of mixed lines, classified, against grep; fails below half of grep's speed
    Logs,
    /// The monitor's memory during a quiet night and the worst one
    Burst,
}

/// What came of a part.
#[derive(Default)]
pub struct Outcome {
    /// The numbers.
    pub figures: Vec<Figure>,
    /// What each contender is.
    pub contenders: Vec<String>,
    /// How they were measured, in sentences.
    pub about: Vec<String>,
    /// What could not be measured, and why.
    pub troubles: Vec<String>,
    /// What was asked for and not reached.
    pub missed: Vec<String>,
    /// Contenders that failed.
    out: Vec<&'static str>,
}

/// The contenders, and their world.
pub struct Lists {
    world: World,
    entrants: Vec<Entrant>,
}

/// Measures everything of the plan, and writes down what came out after each part.
pub async fn run(plan: Plan) -> anyhow::Result<ExitCode> {
    // Only the first one of a process finds none installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut lists = None;
    let mut failed = false;
    for part in &plan.parts {
        println!("\n== {}", name(*part));
        let outcome = measured(*part, &plan, &mut lists).await?;
        failed |= !outcome.missed.is_empty() || (plan.smoke && !outcome.troubles.is_empty());
        for line in &outcome.missed {
            println!("  {line}");
        }
        results::write(&plan, &Section::new(*part, outcome, &plan))?;
    }
    println!("\n{}", results::page(&plan.output).display());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The part's name.
pub fn name(part: Part) -> String {
    part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

async fn measured(part: Part, plan: &Plan, lists: &mut Option<Lists>) -> anyhow::Result<Outcome> {
    let of_programs = match part {
        Part::Folder => Some(folder::run as fn(&Plan) -> anyhow::Result<Outcome>),
        Part::Logs => Some(logs::run as _),
        Part::Burst => Some(burst::run as _),
        _ => None,
    };
    if let Some(run) = of_programs {
        let plan = plan.clone();
        return tokio::task::spawn_blocking(move || run(&plan)).await?;
    }
    let lists = match lists {
        Some(lists) => lists,
        none => none.insert(Lists::enter(plan).await?),
    };
    match part {
        Part::Send => send::run(plan, lists).await,
        Part::Receive => receive::run(plan, lists).await,
        Part::Sessions => sessions::run(plan, lists).await,
        Part::Start => start::run(plan, lists).await,
        _ => idle::run(plan, lists).await,
    }
}

impl Lists {
    async fn enter(plan: &Plan) -> anyhow::Result<Self> {
        let world = World::start(plan).await?;
        let entrants = Entrant::all(plan, &world)?;
        Ok(Self { world, entrants })
    }

    /// What each contender is.
    fn about(&self) -> Vec<String> {
        let told =
            |entrant: &Entrant| format!("**{}**: {}.", entrant.contender.name(), entrant.contender.about());
        self.entrants.iter().map(told).collect()
    }

    /// Does something with each contender, one after the other, so that a busy machine is busy for all. One that fails is left
    /// out of the rest of the part, and said.
    async fn each(
        &mut self,
        outcome: &mut Outcome,
        mut deed: impl AsyncFnMut(&World, &mut Entrant) -> anyhow::Result<()>,
    ) {
        for entrant in &mut self.entrants {
            let name = entrant.contender.name();
            if outcome.out.contains(&name) {
                continue;
            }
            if let Err(error) = deed(&self.world, entrant).await {
                println!("  {name}: {error:#}");
                outcome.troubles.push(format!("{name} was left out from here on: {error:#}"));
                outcome.out.push(name);
            }
        }
    }
}

/// Measures every contender's one session: in each round everybody on each disk, and at last once more with system calls counted.
async fn interleaved(
    plan: &Plan,
    lists: &mut Lists,
    mut turn: impl AsyncFnMut(&World, &Entrant, u64, &mut Rounds) -> anyhow::Result<()>,
    mut counted: impl AsyncFnMut(&World, &Entrant, &mut Rounds) -> anyhow::Result<()>,
) -> Outcome {
    let mut outcome = Outcome { contenders: lists.about(), ..Outcome::default() };
    let mut rounds = Rounds::default();
    lists.each(&mut outcome, async |world, entrant| entrant.link_single(world).await).await;
    for _ in 0..plan.rounds {
        for delay in &plan.delays {
            lists
                .each(&mut outcome, async |world, entrant| turn(world, entrant, *delay, &mut rounds).await)
                .await;
        }
    }
    lists
        .each(&mut outcome, async |world, entrant| {
            println!("  {}: counting system calls", entrant.contender.name());
            counted(world, entrant, &mut rounds).await.context("system calls are not counted")
        })
        .await;
    outcome.figures = rounds.figures();
    outcome
}

/// What a case is called under a disk.
fn case(what: &str, delay: u64) -> String {
    if delay == 0 { what.to_owned() } else { format!("{what}; fsync {delay} ms slower") }
}

/// Lets a contender end, and its sessions with it.
async fn leave(world: &World, home: &crate::entrants::Home, running: Box<dyn Running>) -> anyhow::Result<()> {
    contenders::stop(running).await?;
    home.wait_offline(world).await
}
