//! From SIGKILL until all sessions work again.

use std::collections::BTreeMap;

use super::{Lists, Outcome, leave};
use crate::entrants::settle;
use crate::figures::{Figure, median};
use crate::meter::{Meter, Taken};
use crate::plan::Plan;

/// Measures.
pub async fn run(plan: &Plan, lists: &mut Lists) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome { contenders: lists.about(), about: about(), ..Outcome::default() };
    let mut taken: BTreeMap<&str, Vec<Taken>> = BTreeMap::new();
    lists.each(&mut outcome, async |world, entrant| entrant.link_many(world, plan.sessions).await).await;
    for _ in 0..plan.rounds {
        lists
            .each(&mut outcome, async |world, entrant| {
                let (home, contender) = (&entrant.many, entrant.contender.as_ref());
                let running = home.working(contender, world, &[]).await?;
                settle(running.process().id()).await?;
                running.into_process().kill().await;
                let meter = Meter::of_a_start(world.server())?;
                let running = home.working(contender, world, &[]).await?;
                let one = meter.end(running.process().id())?;
                println!("  {}: {:.2} s", contender.name(), one.seconds);
                taken.entry(contender.name()).or_default().push(one);
                leave(world, home, running).await
            })
            .await;
    }
    let sessions = plan.sessions as f64;
    let case = format!("{} sessions", plan.sessions);
    outcome.figures = plan
        .contenders
        .iter()
        .filter_map(|name| {
            let all = taken.get(name.as_str())?;
            let of = |part: fn(&Taken) -> f64| median(all.iter().map(part));
            let figure = Figure::new(&case, name)
                .with("ms until all work", of(|one| one.seconds * 1000.0))
                .with("CPU ms per session", of(|one| one.totals.cpu_ms) / sessions)
                .with("server cores", of(Taken::server_cores));
            Some(figure)
        })
        .collect();
    Ok(outcome)
}

fn about() -> Vec<String> {
    vec![
        "The contender is killed once it is quiet, and started at once. Time and CPU are from its start until the last of its sessions works, \
         which is asked for 100 times a second."
            .to_owned(),
    ]
}
