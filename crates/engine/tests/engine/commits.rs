//! How many commits a message costs: each is a sync of the disk. They are counted in the databases' own logs.

use std::fs;
use std::path::Path;

use wakeeper_simulator::phone::message::Outgoing as FromPhone;
use wakeeper_simulator::server::Addressing;

use super::world::*;

/// Messages of a round, one after the other.
const MESSAGES: usize = 5;
/// The cheapest round counts: on a busy machine a message may miss the commit that it could have joined.
const ROUNDS: usize = 6;

/// What a write-ahead log holds: see "The Write-Ahead Log" in SQLite's file format (sqlite.org/fileformat2.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Log {
    /// Another one when it was begun anew.
    salt: [u8; 8],
    commits: usize,
}

impl Log {
    fn of(database: &Path) -> Self {
        let log = fs::read(database.with_extension("db-wal")).unwrap();
        let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
        let (size, salt) = (number(8) as usize + 24, log[16..24].try_into().unwrap());
        let mut commits = 0;
        for frame in (32..).step_by(size).take_while(|at| at + size <= log.len()) {
            if log[frame + 8..frame + 16] != salt {
                break;
            }
            commits += usize::from(number(frame + 4) != 0);
        }
        Self { salt, commits }
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

/// Commits of the rows and of the engine since then; nothing when a log was begun anew.
fn spent(world: &World, before: [Log; 2]) -> Option<[usize; 2]> {
    let after = logs(world);
    let same = before.map(|log| log.salt) == after.map(|log| log.salt);
    same.then(|| [0, 1].map(|which| after[which].commits - before[which].commits))
}

/// That the cheapest round cost no more than `most` commits of the rows and of the engine a message. One more in a round may
/// be of what the session writes of itself.
fn assert_cost(what: &str, rounds: &[[usize; 2]], most: [usize; 2]) {
    for (which, database) in ["wakeeper.db", "engine.db"].into_iter().enumerate() {
        let cheapest = rounds.iter().map(|round| round[which]).min().expect("a round in one log");
        assert!(cheapest <= most[which] * MESSAGES + 1, "{what}, commits of {database}: {rounds:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_message_costs_no_more_commits_than_it_must() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    // First contact writes keys, devices and names.
    send_one(&mut world, "first out").await;
    receive_one(&mut world, "first in").await;
    let (mut out, mut incoming) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let before = logs(&world);
        for n in 0..MESSAGES {
            send_one(&mut world, &format!("out {round} {n}")).await;
        }
        out.extend(spent(&world, before));
        let before = logs(&world);
        for n in 0..MESSAGES {
            receive_one(&mut world, &format!("in {round} {n}")).await;
        }
        incoming.extend(spent(&world, before));
    }
    eprintln!("commits of wakeeper.db and engine.db for {MESSAGES}: out {out:?}, in {incoming:?}");
    // The send, then its end with the receipt; the ratchet with the secret.
    assert_cost("out", &out, [2, 1]);
    // The message; the ratchet.
    assert_cost("in", &incoming, [1, 1]);
    world.stop().await;
}
