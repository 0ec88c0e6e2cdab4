//! How many commits a message costs: each is a sync of the disk. They are counted in the databases' own logs.

use std::fs;
use std::path::Path;

use wakeeper_simulator::phone::message::Outgoing as FromPhone;
use wakeeper_simulator::server::Addressing;

use super::world::*;

/// Messages that are counted together, each by itself on its way.
const MESSAGES: usize = 10;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_message_costs_no_more_commits_than_it_must() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    // First contact writes keys, devices and names.
    send_one(&mut world, "first out").await;
    receive_one(&mut world, "first in").await;
    let mut logs = cost(&mut world).await;
    for _ in 0..2 {
        if (0..2).all(|which| logs[0][which].salt == logs[2][which].salt) {
            break;
        }
        // A log was begun anew meanwhile.
        logs = cost(&mut world).await;
    }
    let [start, sent, received] = logs;
    let spent = |from: [Log; 2], to: [Log; 2]| {
        assert_eq!(from.map(|log| log.salt), to.map(|log| log.salt), "the logs were begun anew each time");
        [0, 1].map(|which| (to[which].commits - from[which].commits, to[which].pages - from[which].pages))
    };
    let (out, incoming) = (spent(start, sent), spent(sent, received));
    eprintln!("out: rows, engine {out:?}; in: {incoming:?}");
    // Now and then one more: a sending chain's next lease, a receipt that comes late, what the session writes of itself.
    let spare = MESSAGES / 3;
    assert!(out[0].0 <= 2 * MESSAGES + spare, "the send, and what became of it: {out:?}");
    assert!(out[1].0 <= MESSAGES + spare, "the ratchet, and with it the secret: {out:?}");
    assert!(incoming[0].0 <= MESSAGES + spare, "the message: {incoming:?}");
    assert!(incoming[1].0 <= MESSAGES + spare, "the ratchet: {incoming:?}");
    world.stop().await;
}
