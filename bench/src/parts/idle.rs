//! What sessions take that have nothing to do.

use std::collections::BTreeMap;

use super::{Lists, Outcome, leave};
use crate::entrants::{Entrant, Home};
use crate::figures::{Figure, median};
use crate::meter;
use crate::plan::Plan;
use crate::world::World;

/// What one process takes.
struct Held {
    memory: f64,
    descriptors: f64,
    disk: f64,
}

/// Measures.
pub async fn run(plan: &Plan, lists: &mut Lists) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome { contenders: lists.about(), about: about(), ..Outcome::default() };
    let mut held: BTreeMap<&str, Vec<(Held, Held)>> = BTreeMap::new();
    lists
        .each(&mut outcome, async |world, entrant| {
            entrant.link_single(world).await?;
            entrant.link_many(world, plan.sessions).await
        })
        .await;
    for _ in 0..plan.rounds {
        lists
            .each(&mut outcome, async |world, entrant| {
                let single = look(world, entrant, &entrant.single).await?;
                let many = look(world, entrant, &entrant.many).await?;
                held.entry(entrant.contender.name()).or_default().push((single, many));
                Ok(())
            })
            .await;
    }
    let more = (plan.sessions - 1) as f64;
    let case = format!("1 and {} sessions", plan.sessions);
    outcome.figures = plan
        .contenders
        .iter()
        .filter_map(|name| {
            let all = held.get(name.as_str())?;
            let of = |part: fn(&Held) -> f64| {
                let with =
                    |which: fn(&(Held, Held)) -> &Held| median(all.iter().map(|both| part(which(both))));
                let (single, many) = (with(|both| &both.0), with(|both| &both.1));
                (single, many, (many - single) / more)
            };
            let (memory, descriptors, disk) =
                (of(|one| one.memory), of(|one| one.descriptors), of(|one| one.disk));
            let figure = Figure::new(&case, name)
                .with("PSS MB with 1", memory.0)
                .with("PSS MB with many", memory.1)
                .with("PSS MB per session", memory.2)
                .with("descriptors with 1", descriptors.0)
                .with("descriptors with many", descriptors.1)
                .with("descriptors per session", descriptors.2)
                .with("disk KB per session", disk.1 / plan.sessions as f64);
            Some(figure)
        })
        .collect();
    Ok(outcome)
}

fn about() -> Vec<String> {
    vec![
        "Looked at when all sessions work after a start and have nothing to do. Per session: what many take more than one, \
         by each session more. On the disk: all files of the many, by session; in a whole run each of them sent a few \
         messages."
            .to_owned(),
    ]
}

async fn look(world: &World, entrant: &Entrant, home: &Home) -> anyhow::Result<Held> {
    let running = home.working(entrant.contender.as_ref(), world, &[]).await?;
    let id = running.process().id();
    println!("  {}: {} sessions", entrant.contender.name(), home.phones.len());
    let held = Held {
        memory: meter::share_of_memory(id)? as f64 / 1e6,
        descriptors: meter::descriptors(id)? as f64,
        disk: home.bytes()? as f64 / 1000.0,
    };
    leave(world, home, running).await?;
    Ok(held)
}
