//! Messages to one session.

use std::time::Instant;

use super::{Lists, Outcome, case, interleaved, leave};
use crate::contenders::Running;
use crate::entrants::Entrant;
use crate::load;
use crate::meter::{Meter, Taken};
use crate::plan::Plan;
use crate::rounds::{Round, Rounds};
use crate::strace::Counting;
use crate::world::World;

const PER_SECOND: u32 = 20;
const PACED: &str = "20 a second";
const BURST: &str = "a full offline queue";
const TOO_FEW: &str = "the rate is from the first message to the last, and too high: there were so few that a start takes longer";

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
        format!(
            "Texts of eight simulated people to one linked session, until the webhook. \"{PACED}\": latency is from the \
             request to the simulator, which encrypts the message, until the webhook is there."
        ),
        format!(
            "\"{BURST}\": the contender is stopped, the people send, then it is started and measured from there until the \
             last webhook, so that nobody who sends takes the cores. A start with an empty queue, in the same round, is taken \
             off from time, CPU, bytes and system calls."
        ),
    ]
}

async fn turn(
    plan: &Plan,
    world: &World,
    entrant: &Entrant,
    delay: u64,
    rounds: &mut Rounds,
) -> anyhow::Result<()> {
    let (home, name) = (&entrant.single, entrant.contender.name());
    let environment = world.slow_disk(delay)?;
    let meter = Meter::of_a_start(world.server())?;
    let running = home.working(entrant.contender.as_ref(), world, &environment).await?;
    let start = meter.end(running.process().id())?;
    rounds.add(&case(PACED, delay), name, paced(plan, world, entrant, running.as_ref()).await?);
    leave(world, home, running).await?;

    let numbers = load::numbers(plan.messages);
    load::burst_from_people(&world.people, &home.phones[0], numbers.clone()).await;
    let meter = Meter::of_a_start(world.server())?;
    let running = home.start(entrant.contender.as_ref(), world, &environment).await?;
    let came = world.receiver.arrivals().of(numbers).await;
    let last = came.values().max().copied().unwrap_or_else(Instant::now);
    let first = came.values().min().copied().unwrap_or(last);
    let mut taken = meter.end_at(running.process().id(), last)?.without(start);
    let span = (last - first).as_secs_f64().max(0.001);
    let note = (taken.seconds < span).then(|| TOO_FEW.to_owned());
    taken.seconds = taken.seconds.max(span);
    let round = Round { messages: plan.messages, arrived: came.len(), taken, note, ..Round::default() };
    rounds.add(&case(BURST, delay), name, round);
    home.wait_working(running.as_ref()).await?;
    leave(world, home, running).await
}

async fn paced(
    plan: &Plan,
    world: &World,
    entrant: &Entrant,
    running: &dyn Running,
) -> anyhow::Result<Round> {
    let (people, to) = (&world.people[..8], &entrant.single.phones[0]);
    // The first of each is not counted: it makes a Signal session.
    let first = load::numbers(people.len());
    load::burst_from_people(people, to, first.clone()).await;
    world.receiver.arrivals().of(first).await;
    let (messages, numbers) = (plan.paced(), load::numbers(plan.paced()));
    let meter = Meter::of(running.process().id(), world.server())?;
    let begun = load::paced_from_people(people, to, numbers.clone(), PER_SECOND).await;
    let came = world.receiver.arrivals().of(numbers.clone()).await;
    let taken: Taken = meter.end(running.process().id())?;
    let latencies = numbers.zip(begun).filter_map(|(number, begun)| {
        Some(came.get(&number)?.saturating_duration_since(begun).as_secs_f64() * 1000.0)
    });
    Ok(Round { messages, arrived: came.len(), latencies: latencies.collect(), taken, note: None })
}

async fn counts(plan: &Plan, world: &World, entrant: &Entrant, rounds: &mut Rounds) -> anyhow::Result<()> {
    let (home, contender) = (&entrant.single, entrant.contender.as_ref());
    let running = home.start(contender, world, &[]).await?;
    let counting = Counting::of(running.process().id(), world.folder()).await?;
    home.wait_working(running.as_ref()).await?;
    let start = counting.end().await?;
    let counting = Counting::of(running.process().id(), world.folder()).await?;
    let round = paced(plan, world, entrant, running.as_ref()).await?;
    let messages = round.messages + 8;
    rounds.count(&case(PACED, 0), contender.name(), counting.end().await?, messages);
    leave(world, home, running).await?;

    let numbers = load::numbers(plan.messages);
    load::burst_from_people(&world.people, &home.phones[0], numbers.clone()).await;
    let running = home.start(contender, world, &[]).await?;
    let counting = Counting::of(running.process().id(), world.folder()).await?;
    world.receiver.arrivals().of(numbers).await;
    home.wait_working(running.as_ref()).await?;
    let counts = counting.end().await?.without(start);
    rounds.count(&case(BURST, 0), contender.name(), counts, plan.messages);
    leave(world, home, running).await
}
