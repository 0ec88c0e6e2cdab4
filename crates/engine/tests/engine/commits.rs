//! How many commits a message costs: each is a sync of the disk. They are counted in the databases' own logs.

use std::fs;
use std::path::Path;

use wakeeper_simulator::phone::message::Outgoing as FromPhone;
use wakeeper_simulator::server::Addressing;

use super::world::*;

/// Messages that are counted together, each by itself on its way.
const MESSAGES: usize = 10;

/// How often they are counted at most.
const ROUNDS: usize = 10;

/// What a write-ahead log holds: see "The Write-Ahead Log" in SQLite's file format (sqlite.org/fileformat2.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Log {
    /// Another one when it was begun anew.
    salt: [u8; 8],
    commits: usize,
    pages: usize,
}

impl Log {
    fn of(database: &Path) -> Self {
        let log = fs::read(database.with_extension("db-wal")).unwrap();
        let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
        let (size, salt) = (number(8) as usize + 24, log[16..24].try_into().unwrap());
        let (mut commits, mut pages) = (0, 0);
        for frame in (32..).step_by(size).take_while(|at| at + size <= log.len()) {
            if log[frame + 8..frame + 16] != salt {
                break;
            }
            pages += 1;
            commits += usize::from(number(frame + 4) != 0);
        }
        Self { salt, commits, pages }
    }
}

/// The logs of the rows and of the engine.
fn logs(world: &World) -> [Log; 2] {
    let folder = world.folder.path();
    [Log::of(&folder.join("wakeeper.db")), Log::of(&engine_database(world))]
}

fn engine_database(world: &World) -> std::path::PathBuf {
    world.folder.path().join("sessions/default/engine.db")
}

/// Waits until the engine's database was committed once more: the ratchet of a message is written moments after it.
async fn until_ratchet(world: &World, before: Log) {
    let written = async {
        loop {
            let log = Log::of(&engine_database(world));
            if log.salt != before.salt || log.commits > before.commits {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.expect("the ratchet is written");
}

async fn send_one(world: &mut World, body: &str) {
    let before = Log::of(&engine_database(world));
    let sent = world.engine.send(text(ANN, body)).await;
    let is_receipt = |ack: &serde_json::Value| ack["id"] == shown(&sent)["id"] && ack["ackName"] == "DEVICE";
    world.engine.event("message.ack", is_receipt).await;
    until_ratchet(world, before).await;
}

async fn receive_one(world: &mut World, body: &str) {
    let before = Log::of(&engine_database(world));
    world.ann.send(OWNER, &FromPhone::text(body)).await.unwrap();
    world.engine.event("message", |message| message["body"] == body).await;
    until_ratchet(world, before).await;
}

/// Commits and pages of both databases for messages that go out, then for as many that come in, one after the other.
async fn cost(world: &mut World) -> [[Log; 2]; 3] {
    let start = logs(world);
    for n in 0..MESSAGES {
        send_one(world, &format!("out {n}")).await;
    }
    let sent = logs(world);
    for n in 0..MESSAGES {
        receive_one(world, &format!("in {n}")).await;
    }
    [start, sent, logs(world)]
}

/// Commits and pages of the rows and of the engine.
#[derive(Debug)]
struct Spent {
    sending: [(usize, usize); 2],
    receiving: [(usize, usize); 2],
}

impl Spent {
    /// Now and then one more: a sending chain's next lease, what the session writes of itself.
    fn is_no_more_than_it_must(&self) -> bool {
        let spare = MESSAGES / 3;
        // The send, and what became of it; the ratchet, and with it the secret.
        let [(rows, _), (engine, _)] = self.sending;
        let sending = rows <= 2 * MESSAGES + spare && engine <= MESSAGES + spare;
        // The message; the ratchet.
        let [(rows, _), (engine, _)] = self.receiving;
        sending && rows <= MESSAGES + spare && engine <= MESSAGES + spare
    }
}

/// Nothing, when a log was begun anew meanwhile.
fn spent([start, sent, received]: [[Log; 2]; 3]) -> Option<Spent> {
    let between = |from: [Log; 2], to: [Log; 2]| {
        let same = from.map(|log| log.salt) == to.map(|log| log.salt);
        same.then(|| [0, 1].map(|which| (to[which].commits - from[which].commits, to[which].pages - from[which].pages)))
    };
    Some(Spent { sending: between(start, sent)?, receiving: between(sent, received)? })
}

/// What can wait waits for some milliseconds only. Where the machine is busy just then, others are later than that, and a
/// round costs more; what writes more than it must does so in each.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_message_costs_no_more_commits_than_it_must() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    // First contact writes keys, devices and names.
    send_one(&mut world, "first out").await;
    receive_one(&mut world, "first in").await;
    let mut rounds = Vec::new();
    let fits = loop {
        let spent = spent(cost(&mut world).await);
        let fits = spent.as_ref().is_some_and(Spent::is_no_more_than_it_must);
        rounds.push(spent);
        if fits || rounds.len() == ROUNDS {
            break fits;
        }
    };
    assert!(fits, "in no round, commits and pages of rows and engine: {rounds:?}");
    world.stop().await;
}
