//! Stories that are told with real Baileys, and the two races of Baileys 7.0.0-rc14 with itself that can spoil one.
//!
//! It sends under one lock and decrypts under another, and may then use a ratchet key twice; and it decrypts messages of
//! a group side by side, so that one may be taken up before the message that brings its sender key. Neither is wakeeper's
//! doing. A story that fails is told a second time only when the evidence of one of the two is there, of a client that
//! only Baileys ever touched; any other failure stands at once. Each second telling leaves a line in
//! `target/told-again.txt`, which `cargo xtask ci` counts.

use std::any::Any;
use std::fs::OpenOptions;
use std::future::poll_fn;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;

use serde_json::Value;

use crate::address::Address;
use crate::lab::Lab;
use crate::simulator::Addressing;

/// What Baileys 7 logs when it takes a message of a group up before its sender key.
const BEFORE_ITS_KEY: [&str; 2] = ["No session found to decrypt message", "No SenderKeyRecord found"];

/// A race of Baileys with itself, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race(pub String);

/// A Baileys 7 client of a lab.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its name in logs.
    pub name: String,
    /// Whose it is.
    pub address: Address,
    /// Its session was repaired, moved or restored by wakeeper: what it does wrong may be our fault, and excuses nothing.
    pub tended: bool,
}

/// Tells a story in a lab of its own.
///
/// # Panics
/// When the story does, unless the evidence of a race was seen and it can be told to its end the second time.
pub async fn told(addressing: Addressing, story: impl AsyncFn(&Lab)) {
    let name = std::thread::current().name().unwrap_or("a story").to_owned();
    let stage = async || Lab::start(addressing).await;
    tell(&name, &record(), stage, async |lab: &Lab| race_in(lab).await, story).await;
}

/// Where second tellings are noted.
pub fn record() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/told-again.txt")
}

/// Something that a failed story leaves its traces in.
pub trait Stage {
    /// The story failed: whatever helps to see why is to be kept.
    fn spoilt(&self);
}

impl Stage for Lab {
    fn spoilt(&self) {
        self.keep();
    }
}

async fn tell<S: Stage>(
    name: &str,
    record: &Path,
    stage: impl AsyncFn() -> S,
    race: impl AsyncFn(&S) -> Option<Race>,
    story: impl AsyncFn(&S),
) {
    let first = stage().await;
    let Err(panic) = caught(story(&first)).await else { return };
    first.spoilt();
    let Some(Race(why)) = race(&first).await else {
        drop(first);
        resume_unwind(panic);
    };
    drop(first);
    let line = format!("{name}\t{why}\n");
    let file = OpenOptions::new().create(true).append(true).open(record);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("a note of the second telling");
    let second = stage().await;
    if let Err(panic) = caught(story(&second)).await {
        second.spoilt();
        drop(second);
        resume_unwind(panic);
    }
}

async fn caught(story: impl Future<Output = ()>) -> Result<(), Box<dyn Any + Send>> {
    let mut story = pin!(story);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| story.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

async fn race_in(lab: &Lab) -> Option<Race> {
    let clients = lab.clients();
    let log = |name: &str| {
        let files = [format!("{name}.log"), format!("{name}.library.log")];
        files.map(|file| std::fs::read(lab.logs().join(file)).unwrap_or_default()).concat()
    };
    let logs = clients.iter().map(|client| String::from_utf8_lossy(&log(&client.name)).into_owned());
    let logs: Vec<String> = logs.collect();
    race_of(&lab.simulator().state().await["oracle"], &clients, &logs)
}

/// Which race the evidence shows. `logs` are those of the clients, in their order.
fn race_of(oracle: &Value, clients: &[Client], logs: &[String]) -> Option<Race> {
    let untended = |jid: &str| clients.iter().find(|client| !client.tended && client.address.is(jid));
    for reuse in oracle["reuses"].as_array().into_iter().flatten() {
        if let Some(client) = reuse["sender"].as_str().and_then(untended) {
            return Some(Race(format!("{} (Baileys 7) used a ratchet key twice: {reuse}", client.name)));
        }
    }
    for (client, log) in clients.iter().zip(logs).filter(|(client, _)| !client.tended) {
        for line in log.lines().filter(|line| BEFORE_ITS_KEY.iter().any(|text| line.contains(text))) {
            // Whoever sent it must be such a client too: a key that a gateway forgot to send is no race.
            let participant =
                line.split_once("\"participant\":\"").and_then(|(_, rest)| rest.split('"').next());
            if participant.and_then(untended).is_some() {
                let name = &client.name;
                return Some(Race(format!("{name} (Baileys 7) took a message up before its sender key")));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use super::*;

    struct Bare;

    impl Stage for Bare {
        fn spoilt(&self) {}
    }

    /// How often a story is told, whether it failed in the end, and what was noted.
    async fn outcome(races: &[bool], failures: usize) -> (usize, bool, String) {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("record");
        let (told, looked) = (Cell::new(0), Cell::new(0));
        let race = async |_: &Bare| {
            let seen = races[looked.replace(looked.get() + 1)];
            seen.then(|| Race("seen".to_owned()))
        };
        let story = async |_: &Bare| {
            told.set(told.get() + 1);
            assert!(told.get() > failures, "the story fails");
        };
        let failed = caught(tell("name", &record, async || Bare, race, story)).await.is_err();
        (told.get(), failed, std::fs::read_to_string(record).unwrap_or_default())
    }

    #[tokio::test]
    async fn a_failure_without_a_race_is_not_repeated() {
        assert_eq!(outcome(&[false], 1).await, (1, true, String::new()));
    }

    #[tokio::test]
    async fn a_story_that_a_race_spoilt_is_told_once_more_and_noted() {
        assert_eq!(outcome(&[true], 1).await, (2, false, "name\tseen\n".to_owned()));
    }

    #[tokio::test]
    async fn a_second_failure_stands_whatever_was_seen() {
        assert_eq!(outcome(&[true, true], 2).await, (2, true, "name\tseen\n".to_owned()));
    }

    #[tokio::test]
    async fn a_story_that_went_well_is_told_once() {
        assert_eq!(outcome(&[], 0).await, (1, false, String::new()));
    }

    fn client(name: &str, number: &str, tended: bool) -> Client {
        let address = Address { number: number.to_owned(), lid: format!("9{number}") };
        Client { name: name.to_owned(), address, tended }
    }

    #[test]
    fn only_what_untouched_baileys_did_is_a_race() {
        let clients = [client("ben", "49170", false), client("anna", "49171", true)];
        let none = [String::new(), String::new()];
        let reuse = |sender: &str| json!({"reused": 1, "reuses": [{"sender": sender, "kind": "msg"}]});
        for sender in ["49170:1@s.whatsapp.net", "949170:1@lid"] {
            assert!(race_of(&reuse(sender), &clients, &none).is_some(), "{sender}");
        }
        // The session of the doctor, a gateway, and one whose number only begins alike.
        for sender in ["49171:1@s.whatsapp.net", "49172:1@s.whatsapp.net", "491701:1@s.whatsapp.net"] {
            assert_eq!(race_of(&reuse(sender), &clients, &none), None, "{sender}");
        }
        assert_eq!(race_of(&json!({"reused": 0, "reuses": []}), &clients, &none), None);
    }

    #[test]
    fn a_sender_key_that_was_late_counts_only_between_untouched_clients() {
        let clients = [client("ben", "49170", false), client("anna", "49171", true)];
        let line = |participant: &str, text: &str| {
            format!("{{\"level\":50,\"key\":{{\"participant\":\"{participant}\"}},\"err\":\"{text}\"}}\n")
        };
        let of = |at: usize, log: String| {
            let mut logs = [String::new(), String::new()];
            logs[at] = log;
            race_of(&Value::Null, &clients, &logs)
        };
        let late = BEFORE_ITS_KEY[0];
        assert!(of(0, line("49170:1@s.whatsapp.net", late)).is_some());
        assert_eq!(of(0, line("49172:1@s.whatsapp.net", late)), None, "a gateway sent it");
        assert_eq!(of(0, line("49170:1@s.whatsapp.net", "Bad MAC")), None);
        assert_eq!(
            of(1, line("49170:1@s.whatsapp.net", late)),
            None,
            "the damaged session could not read it"
        );
        assert_eq!(of(0, late.to_owned()), None, "nobody is named");
    }
}
