//! Sends of one session.

use super::{Lists, Outcome, case, interleaved, leave};
use crate::contenders::Running;
use crate::entrants::Entrant;
use crate::load;
use crate::meter::Meter;
use crate::plan::Plan;
use crate::rounds::{Round, Rounds};
use crate::strace::Counting;
use crate::world::World;

/// How many at once, into how many chats.
const SHAPES: [(usize, usize, &str); 4] = [
    (1, 1, "one at a time, 1 chat"),
    (1, 32, "one at a time, 32 chats"),
    (32, 1, "32 at once, 1 chat"),
    (32, 32, "32 at once, 32 chats"),
];

/// Measures.
pub async fn run(plan: &Plan, lists: &mut Lists) -> anyhow::Result<Outcome> {
    let turn = async |world: &World, entrant: &Entrant, delay, rounds: &mut Rounds| {
        turn(plan, world, entrant, delay, rounds).await
    };
    let counted = async |world: &World, entrant: &Entrant, rounds: &mut Rounds| {
        counts(plan, world, entrant, rounds).await
    };
    Ok(Outcome { about: about(), ..interleaved(plan, lists, turn, counted).await })
}

fn about() -> Vec<String> {
    vec![
        "Texts of one linked session to simulated people, after one to each of them that is not counted. Latency is from the \
         request until the answer. A message counts as arrived when the phone of its recipient has it."
            .to_owned(),
    ]
}

fn messages(plan: &Plan, at_once: usize) -> usize {
    if at_once == 1 { plan.few() } else { plan.messages }
}

async fn turn(
    plan: &Plan,
    world: &World,
    entrant: &Entrant,
    delay: u64,
    rounds: &mut Rounds,
) -> anyhow::Result<()> {
    let home = &entrant.single;
    let running = home.working(entrant.contender.as_ref(), world, &world.slow_disk(delay)?).await?;
    greet(world, running.as_ref()).await?;
    for (at_once, chats, what) in SHAPES {
        let messages = messages(plan, at_once);
        let before = world.noted_by_people().await?;
        let meter = Meter::of(running.process().id(), world.server())?;
        let sent = load::send(running.as_ref(), &world.people[..chats], messages, at_once).await;
        let taken = meter.end(running.process().id())?;
        let arrived = load::arrived(world, before, messages).await?;
        let round = Round { messages, arrived, note: sent.note(), latencies: sent.latencies, taken };
        rounds.add(&case(what, delay), entrant.contender.name(), round);
    }
    leave(world, home, running).await
}

/// One message to everybody, so that everybody is known.
pub async fn greet(world: &World, running: &dyn Running) -> anyhow::Result<()> {
    let before = world.noted_by_people().await?;
    let sent = load::send(running, &world.people, world.people.len(), 4).await;
    if let Some(failure) = sent.failure {
        anyhow::bail!("the first messages failed: {failure}");
    }
    load::arrived(world, before, world.people.len()).await.map(drop)
}

async fn counts(plan: &Plan, world: &World, entrant: &Entrant, rounds: &mut Rounds) -> anyhow::Result<()> {
    let home = &entrant.single;
    let running = home.working(entrant.contender.as_ref(), world, &[]).await?;
    greet(world, running.as_ref()).await?;
    for (at_once, chats, what) in SHAPES {
        let messages = messages(plan, at_once);
        let before = world.noted_by_people().await?;
        let counting = Counting::of(running.process().id(), world.folder()).await?;
        load::send(running.as_ref(), &world.people[..chats], messages, at_once).await;
        load::arrived(world, before, messages).await?;
        let counts = counting.end().await?;
        rounds.count(&case(what, 0), entrant.contender.name(), counts, messages);
    }
    leave(world, home, running).await
}
