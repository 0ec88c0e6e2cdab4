//! What contenders are made to do: send texts, and receive those that people send.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use wakeeper_e2e::Address;
use wakeeper_e2e::simulator::Phone;

use crate::contenders::Running;
use crate::receiver::text;
use crate::wait::until;
use crate::world::World;

/// Every message of a run has a number of its own.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// Numbers for so many messages.
pub fn numbers(count: usize) -> Range<u64> {
    let first = NUMBERS.fetch_add(count as u64, Ordering::Relaxed);
    first..first + count as u64
}

/// What became of sends.
#[derive(Debug, Default)]
pub struct Sent {
    /// How long each took that succeeded, in milliseconds.
    pub latencies: Vec<f64>,
    /// Why one failed that did.
    pub failure: Option<String>,
}

impl Sent {
    /// What must be known about it.
    pub fn note(&self) -> Option<String> {
        self.failure.as_ref().map(|failure| format!("a send failed: {failure}"))
    }
}

/// Sends so many texts of the first session, always so many at once, to each chat in turn.
pub async fn send(running: &dyn Running, chats: &[Phone], messages: usize, at_once: usize) -> Sent {
    let sent = Mutex::new(Sent::default());
    let numbers = numbers(messages);
    let next = AtomicUsize::new(0);
    let worker = async |_| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= messages {
                return;
            }
            let to = &chats[index % chats.len()].address;
            one(running, 0, to, numbers.start + index as u64, &sent).await;
        }
    };
    join_all((0..at_once).map(worker)).await;
    sent.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Lets each of so many sessions send one text a second, spread over the second.
pub async fn send_from_each(
    running: &dyn Running,
    sessions: usize,
    people: &[Phone],
    seconds: usize,
) -> Sent {
    let sent = Mutex::new(Sent::default());
    let numbers = numbers(sessions * seconds);
    let begun = tokio::time::Instant::now();
    let session = async |session: usize| {
        let first = begun + Duration::from_secs(1) * session as u32 / sessions as u32;
        let mut ticks = tokio::time::interval_at(first, Duration::from_secs(1));
        for second in 0..seconds {
            ticks.tick().await;
            let number = numbers.start + (second * sessions + session) as u64;
            one(running, session, &people[session % people.len()].address, number, &sent).await;
        }
    };
    join_all((0..sessions).map(session)).await;
    sent.into_inner().unwrap_or_else(PoisonError::into_inner)
}

async fn one(running: &dyn Running, session: usize, to: &Address, number: u64, sent: &Mutex<Sent>) {
    let begun = Instant::now();
    let outcome = running.send(session, to, &text(number)).await;
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(()) => sent.latencies.push(took),
        Err(error) => sent.failure = Some(format!("{error:#}")),
    }
}

/// Waits until the people have so many messages more than before, or get no more. How many they got.
pub async fn arrived(world: &World, before: u64, wanted: usize) -> anyhow::Result<usize> {
    const SILENCE: Duration = Duration::from_secs(5);
    let mut held = before;
    let mut since = Instant::now();
    until("the messages to stop coming", async || {
        let now = world.noted_by_people().await?;
        if now != held {
            (held, since) = (now, Instant::now());
        }
        let got = (now - before) as usize;
        Ok((got >= wanted || since.elapsed() > SILENCE).then_some(got))
    })
    .await
}

/// Lets the people send as fast as they can, each one after the other; eight of them at once.
pub async fn burst_from_people(people: &[Phone], to: &Phone, numbers: Range<u64>) {
    let people = &people[..people.len().min(8)];
    let send = async |(place, person): (usize, &Phone)| {
        for number in numbers.clone().skip(place).step_by(people.len()) {
            say(person, to, number).await;
        }
    };
    join_all(people.iter().enumerate().map(send)).await;
}

/// Lets the people send so many texts a second, and returns when each was begun.
pub async fn paced_from_people(
    people: &[Phone],
    to: &Phone,
    numbers: Range<u64>,
    per_second: u32,
) -> Vec<Instant> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    let begun: Vec<_> = numbers.map(|number| (number, &people[number as usize % people.len()])).collect();
    let mut sends = Vec::new();
    for (number, person) in begun {
        ticks.tick().await;
        let (person, to) = (person.clone(), to.clone());
        sends.push((Instant::now(), tokio::spawn(async move { say(&person, &to, number).await })));
    }
    let times = sends.iter().map(|(begun, _)| *begun).collect();
    join_all(sends.into_iter().map(|(_, send)| send)).await;
    times
}

async fn say(person: &Phone, to: &Phone, number: u64) {
    person.send(json!({ "to": to.address.number, "text": text(number) })).await;
}
