//! Many sessions with little to do each, so that not only the busy session gets faster.

use super::{Lists, Outcome, leave, send};
use crate::load;
use crate::meter::Meter;
use crate::plan::Plan;
use crate::rounds::{Round, Rounds};

/// How long each session sends: one message a second.
fn seconds(plan: &Plan) -> usize {
    if plan.smoke { 2 } else { 10 }
}

/// Measures.
pub async fn run(plan: &Plan, lists: &mut Lists) -> anyhow::Result<Outcome> {
    let seconds = seconds(plan);
    let mut outcome = Outcome { contenders: lists.about(), ..Outcome::default() };
    let mut rounds = Rounds::default();
    let what = format!("{} sessions, one message a second each", plan.sessions);
    lists.each(&mut outcome, async |world, entrant| entrant.link_many(world, plan.sessions).await).await;
    for _ in 0..plan.rounds {
        lists
            .each(&mut outcome, async |world, entrant| {
                let home = &entrant.many;
                let running = home.working(entrant.contender.as_ref(), world, &[]).await?;
                send::greet(world, running.as_ref()).await?;
                // The first message of each session is not counted: it makes a Signal session.
                load::send_from_each(running.as_ref(), plan.sessions, &world.people, 1).await;
                let messages = plan.sessions * seconds;
                let before = world.noted_by_people().await?;
                let meter = Meter::of(running.process().id(), world.server())?;
                let sent =
                    load::send_from_each(running.as_ref(), plan.sessions, &world.people, seconds).await;
                let taken = meter.end(running.process().id())?;
                let arrived = load::arrived(world, before, messages).await?;
                let round = Round { messages, arrived, note: sent.note(), latencies: sent.latencies, taken };
                rounds.add(&what, entrant.contender.name(), round);
                leave(world, home, running).await
            })
            .await;
    }
    outcome.figures = rounds.figures();
    Ok(outcome)
}
