//! Drives a real Baileys client (`tests/peers/peer.mjs`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, Command};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use crate::PATIENCE;
use crate::journal::Journal;
use crate::process::Process;
use crate::simulator::Phone;

/// A version of Baileys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baileys {
    /// 6.7.18, which speaks the older token dictionary.
    Six,
    /// 7.0.0-rc14.
    Seven,
    /// Another one, by its full version.
    Release(&'static str),
}

impl Baileys {
    /// The version as `peer.mjs` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Six => "6",
            Self::Seven => "7",
            Self::Release(version) => version,
        }
    }

    /// Whether it is a 7.x.
    pub fn is_seven(self) -> bool {
        self.name().starts_with('7')
    }
}

type Pending = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// A running client.
pub struct Peer {
    name: String,
    version: Baileys,
    process: Process,
    stdin: AsyncMutex<ChildStdin>,
    calls: AtomicU64,
    pending: Pending,
    events: Arc<Journal<Value>>,
}

/// What a client needs to start.
pub struct PeerSettings<'a> {
    /// Its name in logs.
    pub name: &'a str,
    /// Which Baileys.
    pub version: Baileys,
    /// Where its login is kept.
    pub auth: &'a Path,
    /// The simulator's WebSocket.
    pub url: &'a str,
    /// The root of the simulator's certificates, as hex.
    pub root: &'a str,
    /// The folder for its log.
    pub logs: &'a Path,
}

impl Peer {
    /// Starts a client; it connects when told to.
    pub async fn start(settings: &PeerSettings<'_>) -> Self {
        let script = peers_folder().join("peer.mjs");
        let modules = peers_folder().join("node_modules");
        assert!(modules.is_dir(), "run `npm ci --ignore-scripts` in tests/peers first");
        let mut command = Command::new("node");
        // The simulator's media host shows a certificate of its own.
        command.env("NODE_TLS_REJECT_UNAUTHORIZED", "0").env("NODE_NO_WARNINGS", "1").arg(script);
        command.args(["--version", settings.version.name(), "--url", settings.url, "--root", settings.root]);
        command.arg("--auth").arg(settings.auth);
        command.arg("--log").arg(settings.logs.join(format!("{}.library.log", settings.name)));
        let mut process = Process::start(settings.name, &mut command, settings.logs);
        let stdin = AsyncMutex::new(process.take_stdin());
        let pending = Pending::default();
        let events = Arc::new(Journal::default());
        tokio::spawn(sort(Arc::clone(process.lines()), Arc::clone(&pending), Arc::clone(&events)));
        process.wait_line("\"event\":\"ready\"", PATIENCE).await;
        let name = settings.name.to_owned();
        Self { name, version: settings.version, process, stdin, calls: AtomicU64::new(1), pending, events }
    }

    /// Which Baileys it is.
    pub fn version(&self) -> Baileys {
        self.version
    }

    /// Everything that happened at this client.
    pub fn events(&self) -> &Arc<Journal<Value>> {
        &self.events
    }

    /// Runs a command and returns its answer.
    ///
    /// # Panics
    /// When the client refuses or does not answer.
    pub async fn call(&self, command: &str, arguments: Value) -> Value {
        match self.try_call(command, arguments).await {
            Ok(answer) => answer,
            Err(error) => panic!("{}: {command}: {error}", self.name),
        }
    }

    /// As [`Peer::call`], with the refusal as an error.
    pub async fn try_call(&self, command: &str, mut arguments: Value) -> Result<Value, String> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        arguments["call"] = json!(call);
        arguments["cmd"] = json!(command);
        let (sender, receiver) = oneshot::channel();
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(call, sender);
        let line = format!("{arguments}\n");
        self.stdin.lock().await.write_all(line.as_bytes()).await.map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(PATIENCE, receiver).await;
        let answer = answer.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
        let answer = answer.map_err(|_| "the client ended".to_owned())?;
        if answer["ok"] == true { Ok(answer) } else { Err(answer["error"].to_string()) }
    }

    /// Waits for an event of this name that satisfies `is`.
    pub async fn wait(&self, event: &str, deadline: Duration, is: impl Fn(&Value) -> bool) -> Value {
        let found = |all: &[Value]| all.iter().find(|e| e["event"] == event && is(e)).cloned();
        self.events.wait(&format!("{}: event {event}", self.name), deadline, found).await
    }

    /// Connects, links to `phone` by QR code, and waits until the linked device has what the phone sends it first.
    ///
    /// A Baileys that sends while it decrypts that may write one Signal session over the other: seen with 7.0.0-rc14, which
    /// then used a ratchet key twice.
    pub async fn link(&self, phone: &Phone) {
        self.call("connect", json!({})).await;
        let shown = self.wait("qr", PATIENCE, |_| true).await;
        phone.scan(shown["qr"].as_str().expect("a QR code")).await;
        self.call("wait-open", json!({})).await;
        let synced = |all: &[Value]| all.iter().any(is_history).then_some(());
        self.events.wait(&format!("{}: history", self.name), PATIENCE, synced).await;
    }

    /// How many events of this name there were; to wait for the next one.
    pub fn count(&self, event: &str) -> usize {
        self.events.read(|all| all.iter().filter(|e| e["event"] == event).count())
    }

    /// Ends the client with SIGKILL, as a power cut would.
    pub async fn kill(self) {
        self.process.kill().await;
    }

    /// Ends the client and waits until its login is on disk.
    pub async fn stop(self) {
        let Self { mut process, stdin, .. } = self;
        drop(stdin);
        process.wait_exit(PATIENCE).await;
    }
}

/// Where the Node project is.
pub fn peers_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The last of what a phone sends to a new device. Baileys 6 tells of the message that holds it, Baileys 7 of what is in it.
fn is_history(event: &Value) -> bool {
    const HISTORY_SYNC_NOTIFICATION: u8 = 5;
    event["event"] == "history" || event["content"]["type"] == HISTORY_SYNC_NOTIFICATION
}

async fn sort(lines: Arc<Journal<String>>, pending: Pending, events: Arc<Journal<Value>>) {
    let mut taken = 0;
    loop {
        let day = Duration::from_hours(24);
        let fresh = lines.find(day, |all| (all.len() > taken).then(|| all[taken..].to_vec())).await;
        for line in fresh.unwrap_or_default() {
            taken += 1;
            let Ok(document) = serde_json::from_str::<Value>(&line) else { continue };
            if let Some(call) = document["reply"].as_u64() {
                let waiting = pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&call);
                // Nobody may be waiting any more.
                if let Some(waiting) = waiting {
                    let _ = waiting.send(document);
                }
            } else if document.get("event").is_some() {
                events.push(document);
            }
        }
    }
}
