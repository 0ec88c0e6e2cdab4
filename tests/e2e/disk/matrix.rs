//! The table of failures: each cause, at a write that the seed chooses of either database, with each kind of message.
//!
//! In every cell: what was acknowledged to WhatsApp is stored, nothing is lost, a send is made once under its key, the session
//! comes back by itself, and no ratchet key is used twice. At the end the gateway is killed, and everything is still there.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::Party;
use wakeeper_e2e::seeds::seeds;
use wakeeper_e2e::{Addressing, FailingDisk, Gateway, Lab, PATIENCE, Phone};

/// Messages that are tried at most until the failure strikes.
const TRIES: usize = 8;
/// How long a message may take to strike it.
const STRIKE: Duration = Duration::from_millis(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Full,
    Quota,
    Failed,
    ReadOnly,
    Sync,
    Locked,
    Gone,
}

impl Cause {
    /// The rule that makes writes of a file fail in this way, after the first few.
    fn rule(self, file: &str, after: u32) -> String {
        let (calls, error) = match self {
            Self::Full => ("write,allocate,create", "ENOSPC"),
            Self::Quota => ("write,allocate,create", "EDQUOT"),
            Self::Failed => ("write,truncate,allocate", "EIO"),
            Self::ReadOnly => ("write,truncate,allocate,create,openw", "EROFS"),
            Self::Sync => ("sync", "EIO"),
            Self::Locked | Self::Gone => return String::new(),
        };
        format!("fail {calls} {error} {file} after={after}\n")
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Single,
    Group,
    Media,
    Offline,
    Send,
}

const KINDS: [Kind; 5] = [Kind::Single, Kind::Group, Kind::Media, Kind::Offline, Kind::Send];

#[derive(Clone, Copy, Debug)]
enum Database {
    Engine,
    Rows,
}

impl Database {
    fn path(self) -> &'static str {
        match self {
            Self::Engine => "auth_info/sessions/default/engine.db",
            Self::Rows => "auth_info/wakeeper.db",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Engine => "engine.db",
            Self::Rows => "wakeeper.db",
        }
    }
}

struct Cell {
    cause: Cause,
    database: Database,
    kind: Kind,
    after: u32,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = format!("{:?}", self.kind);
        let cause = format!("{:?}", self.cause);
        write!(f, "{cause:9} {:12} after {} writes  {kind:8}", self.database.file(), self.after)
    }
}

/// One message on its way in.
struct Coming {
    id: String,
    text: String,
    chat: String,
}

struct Scene {
    lab: Lab,
    party: Party,
    ann: Phone,
    group: String,
    disk: FailingDisk,
    number: usize,
}

/// What makes the database fail now; dropping it does not end it, [`Scene::heal`] does.
enum Fault {
    Rules,
    Lock(SqliteConnection),
    Aside(PathBuf, PathBuf),
}

impl Scene {
    async fn new() -> Self {
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let phone = lab.simulator().phone("491701500001", "Owner").await;
        let ann = lab.simulator().phone("491701500002", "Ann").await;
        let webhooks = wakeeper_e2e::Webhooks::start().await;
        let mut gateway = lab.gateway("gateway", &webhooks);
        let disk = FailingDisk::under(&mut gateway, lab.folder());
        gateway.start().await;
        phone.scan(&gateway.qr().await).await;
        gateway.wait_working().await;
        let group = lab.simulator().group(&ann, "the group", &[&phone.address]).await;
        let party = Party::gateway("gateway", phone, gateway, webhooks);
        let mut scene = Self { lab, party, ann, group, disk, number: 0 };
        for kind in [Kind::Single, Kind::Group] {
            let coming = scene.send_in(kind).await;
            scene.stored(&[coming]).await;
        }
        scene
    }

    fn gateway(&mut self) -> &mut Gateway {
        self.party.as_gateway().0
    }

    async fn send_in(&mut self, kind: Kind) -> Coming {
        self.number += 1;
        let text = format!("in {}", self.number);
        let me = self.party.address().jid();
        let to = if matches!(kind, Kind::Group) { self.group.clone() } else { me };
        let chat = if matches!(kind, Kind::Group) { self.group.clone() } else { self.ann.address.chat_id() };
        let message = match kind {
            Kind::Media => {
                json!({"to": to, "image": {"data": STANDARD.encode(b"\x89PNG\r\n"), "caption": text}})
            }
            _ => json!({"to": to, "text": text}),
        };
        let id = self.ann.send(message).await;
        Coming { id, text, chat }
    }

    async fn begin(&mut self, cell: &Cell) -> Fault {
        let path = self.gateway().folder().join(cell.database.path());
        match cell.cause {
            Cause::Locked => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
                let mut connection = options.connect().await.expect("the database");
                sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await.expect("the lock");
                Fault::Lock(connection)
            }
            Cause::Gone => {
                let aside = self.lab.folder().join("aside");
                std::fs::rename(&path, &aside).expect("moved aside");
                Fault::Aside(aside, path)
            }
            _ => {
                self.disk.set(&cell.cause.rule(cell.database.file(), cell.after));
                Fault::Rules
            }
        }
    }

    async fn heal(&mut self, fault: Fault) {
        match fault {
            Fault::Rules => self.disk.set(""),
            Fault::Lock(connection) => connection.close().await.expect("the lock is given back"),
            Fault::Aside(aside, path) => std::fs::rename(aside, path).expect("moved back"),
        }
    }

    /// Waits until all of these are stored, each once.
    async fn stored(&mut self, coming: &[Coming]) {
        let gateway = self.party.as_gateway().0;
        let chats: HashSet<&String> = coming.iter().map(|coming| &coming.chat).collect();
        for chat in chats {
            eventually("every message in the store", PATIENCE, async || {
                let stored = gateway.messages(chat).await;
                let count = |coming: &&Coming| {
                    stored.iter().filter(|message| message["body"] == *coming.text).count() != 1
                };
                let wrong: Vec<_> = coming
                    .iter()
                    .filter(|coming| coming.chat == *chat)
                    .filter(count)
                    .map(|coming| &coming.text)
                    .collect();
                if wrong.is_empty() { Ok(()) } else { Err(format!("not there, or not once: {wrong:?}")) }
            })
            .await;
        }
    }

    /// What was acknowledged must be stored, now.
    async fn nothing_acknowledged_in_vain(&mut self, coming: &[Coming]) {
        for one in coming {
            if self.ann.confirmed_by_companion(&one.id).await {
                let stored = self.gateway().messages(&one.chat).await;
                assert!(
                    stored.iter().any(|message| message["body"] == *one.text),
                    "{} is acknowledged, not stored",
                    one.text
                );
            }
        }
    }

    async fn struck(&mut self, cell: &Cell, before: usize) -> bool {
        if matches!(cell.cause, Cause::Locked | Cause::Gone) {
            return true;
        }
        let disk = &self.disk;
        let strike = eventually("a failed call", PATIENCE, async || {
            if disk.strikes() > before { Ok(()) } else { Err("none yet") }
        });
        tokio::time::timeout(STRIKE, strike).await.is_ok()
    }

    async fn play(&mut self, cell: &Cell) -> bool {
        let before = self.disk.strikes();
        let mut coming = Vec::new();
        if matches!(cell.kind, Kind::Offline) {
            self.gateway().call(Method::POST, "/api/sessions/default/stop", None).await;
            for _ in 0..3 {
                coming.push(self.send_in(Kind::Single).await);
            }
        }
        let fault = self.begin(cell).await;
        if matches!(cell.kind, Kind::Offline) {
            let start = self.gateway().request(Method::POST, "/api/sessions/default/start");
            // It may well be refused; what the owner wants is asked for again below.
            let _ = self.gateway().answer(start).await;
        }
        let mut sending = Vec::new();
        let mut struck = false;
        for _ in 0..TRIES {
            match cell.kind {
                Kind::Send => sending.push(self.send_out()),
                Kind::Offline => {}
                kind => coming.push(self.send_in(kind).await),
            }
            struck = self.struck(cell, before).await;
            if struck {
                break;
            }
        }
        coming.push(self.send_in(Kind::Single).await);
        self.nothing_acknowledged_in_vain(&coming).await;
        self.heal(fault).await;
        if matches!(cell.kind, Kind::Offline) {
            self.started_again().await;
        }
        self.stored(&coming).await;
        for (key, text, task) in sending {
            self.sent_once(&key, &text, task.await.expect("a send")).await;
        }
        self.gateway().wait_working().await;
        struck
    }

    async fn started_again(&mut self) {
        let gateway = self.party.as_gateway().0;
        eventually("the session to start", PATIENCE, async || {
            let request = gateway.request(Method::POST, "/api/sessions/default/start");
            let answer = gateway.answer(request).await.map_err(|error| error.to_string())?;
            if answer.status.is_success() { Ok(()) } else { Err(answer.body.to_string()) }
        })
        .await;
    }

    fn send_out(&mut self) -> (String, String, tokio::task::JoinHandle<Option<(StatusCode, Value)>>) {
        self.number += 1;
        let (key, text) = (format!("key {}", self.number), format!("out {}", self.number));
        let request = self.request(&key, &text).timeout(Duration::from_secs(5));
        let task = tokio::spawn(async move {
            let response = request.send().await.ok()?;
            let status = response.status();
            Some((status, response.json().await.unwrap_or_default()))
        });
        (key, text, task)
    }

    fn request(&mut self, key: &str, text: &str) -> reqwest::RequestBuilder {
        let chat = self.ann.address.chat_id();
        self.gateway()
            .request(Method::POST, "/api/sendText")
            .header("Idempotency-Key", key)
            .json(&Gateway::text(&chat, text))
    }

    /// The same key gives the same message, once, whatever was answered before.
    async fn sent_once(&mut self, key: &str, text: &str, first: Option<(StatusCode, Value)>) {
        let mut id =
            first.filter(|(status, _)| *status == StatusCode::CREATED).map(|(_, body)| body["id"].clone());
        let request = self.request(key, text);
        let gateway = self.party.as_gateway().0;
        let again = eventually("a 201 under the same key", PATIENCE, async || {
            let request = request.try_clone().expect("a request that can be repeated");
            let answer = gateway.answer(request).await.map_err(|error| error.to_string())?;
            match answer.status {
                StatusCode::CREATED => Ok(answer.body["id"].clone()),
                status => Err(format!("{status} {}", answer.body)),
            }
        })
        .await;
        assert_eq!(*id.get_or_insert(again.clone()), again, "{text}: another message under the same key");
        let inbox = self.ann.inbox().await;
        let copies: Vec<_> = inbox.iter().filter(|message| message["text"] == *text).collect();
        assert_eq!(copies.len(), 1, "{text} arrived {} times", copies.len());
    }
}

async fn table(causes: &[Cause]) {
    for seed in seeds() {
        once(causes, StdRng::seed_from_u64(seed)).await;
    }
}

async fn once(causes: &[Cause], mut rng: StdRng) {
    let mut scene = Scene::new().await;
    let (mut cells, mut struck) = (0, 0);
    for &cause in causes {
        for database in [Database::Engine, Database::Rows] {
            for kind in KINDS {
                if cause == Cause::Gone && matches!(kind, Kind::Offline) {
                    // A database that is missing when a session starts is another matter: nobody has it open.
                    continue;
                }
                // A commit is several writes, and one sync.
                let most = if cause == Cause::Sync { 3 } else { 6 };
                let cell = Cell { cause, database, kind, after: rng.random_range(0..most) };
                eprintln!("{cell} ...");
                let hit = scene.play(&cell).await;
                cells += 1;
                struck += usize::from(hit);
                eprintln!(
                    "{cell} lost 0, acknowledged unstored 0{}",
                    if hit { "" } else { " (nothing failed)" }
                );
            }
        }
    }
    let chat = scene.ann.address.chat_id();
    let all = scene.gateway().messages(&chat).await.len();
    scene.gateway().kill().await;
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    let after = scene.gateway().messages(&chat).await.len();
    assert_eq!(after, all, "a kill loses nothing");
    scene.lab.simulator().assert_no_ratchet_reuse().await;
    eprintln!(
        "{cells} cells, {struck} with a failure that struck: nothing lost, nothing acknowledged in vain"
    );
    assert!(struck * 4 >= cells * 3, "the failures hardly struck: {struck} of {cells}");
}

#[tokio::test]
async fn no_room_loses_nothing() {
    table(&[Cause::Full, Cause::Quota]).await;
}

#[tokio::test]
async fn failed_writes_and_syncs_lose_nothing() {
    table(&[Cause::Failed, Cause::Sync]).await;
}

#[tokio::test]
async fn what_cannot_be_written_or_found_loses_nothing() {
    table(&[Cause::ReadOnly, Cause::Gone]).await;
}

#[tokio::test]
async fn a_locked_database_loses_nothing() {
    table(&[Cause::Locked]).await;
}
