//! whatsapp-rust alone, with its own store and nothing else: the limit. It runs as a process of its own, and is asked over a
//! local socket: one line in, one line out. Its TCP connection sends at once, as that of the gateway does.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use wakeeper_e2e::process::Process;
use wakeeper_e2e::{Address, Binary};

use super::{Contender, Order, Running};
use crate::receiver::Arrivals;
use crate::wait::PATIENCE;

mod child;

pub use child::Child;

/// What the process is asked.
#[derive(Debug, Serialize, Deserialize)]
enum Ask {
    Open(usize),
    Send { call: u64, session: usize, to: String, text: String },
}

/// What it tells.
#[derive(Debug, Serialize, Deserialize)]
enum Tell {
    Code(usize, String),
    Works(usize),
    Lost(usize),
    Sent(u64),
    Failed(u64, String),
    Came(String),
}

/// whatsapp-rust alone.
pub struct Bare;

#[async_trait]
impl Contender for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn about(&self) -> String {
        let build = if cfg!(debug_assertions) { ", built without optimisation" } else { "" };
        format!(
            "whatsapp-rust alone with its own SQLite store{build}; no HTTP, no webhook: a line on a local socket asks for a \
             send, one tells of it, and one tells of each message that came. Its store calls fsync at checkpoints only \
             (`synchronous=NORMAL`), so a slow disk says little about it. What others are compared with"
        )
    }

    async fn start(&self, order: &Order<'_>) -> anyhow::Result<Box<dyn Running>> {
        // The name of a socket must be short.
        let place = tempfile::tempdir().context("a folder for a socket")?;
        let socket = place.path().join("bare");
        let listener = UnixListener::bind(&socket).context("a socket")?;
        let mut command = Binary::at(std::env::current_exe()?).command(order.folder);
        command.args(["bare", "--url", &order.world.simulator.websocket(), "--folder"]).arg(order.folder);
        command.arg("--socket").arg(&socket).envs(order.environment.iter().cloned());
        let process = Process::start(self.name(), &mut command, &order.world.logs());
        let (stream, _) = tokio::time::timeout(PATIENCE, listener.accept())
            .await
            .map_err(|_| anyhow!("whatsapp-rust alone does not start; see its log"))??;
        let (reader, writer) = stream.into_split();
        let told = Arc::new(Told::default());
        tokio::spawn(listen(reader, Arc::clone(&told), Arc::clone(order.world.receiver.arrivals())));
        Ok(Box::new(Sessions { process, told, writer: AsyncMutex::new(writer), calls: AtomicU64::new(0) }))
    }
}

/// What was told so far.
#[derive(Default)]
struct Told {
    codes: Mutex<HashMap<usize, String>>,
    works: Mutex<HashSet<usize>>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Result<(), String>>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    fn answer(&self, call: u64, answer: Result<(), String>) {
        if let Some(waiting) = locked(&self.waiting).remove(&call) {
            // Who gave up waiting needs no answer.
            let _ = waiting.send(answer);
        }
    }
}

async fn listen(reader: OwnedReadHalf, told: Arc<Told>, arrivals: Arc<Arrivals>) {
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Tell::Code(session, code)) => drop(locked(&told.codes).insert(session, code)),
            Ok(Tell::Works(session)) => drop(locked(&told.works).insert(session)),
            Ok(Tell::Lost(session)) => drop(locked(&told.works).remove(&session)),
            Ok(Tell::Sent(call)) => told.answer(call, Ok(())),
            Ok(Tell::Failed(call, why)) => told.answer(call, Err(why)),
            Ok(Tell::Came(text)) => arrivals.note(text.as_bytes()),
            Err(error) => eprintln!("whatsapp-rust alone: {error}: {line}"),
        }
    }
}

struct Sessions {
    process: Process,
    told: Arc<Told>,
    writer: AsyncMutex<OwnedWriteHalf>,
    calls: AtomicU64,
}

impl Sessions {
    async fn ask(&self, ask: &Ask) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        self.writer.lock().await.write_all(&line).await.context("whatsapp-rust alone is gone")
    }
}

#[async_trait]
impl Running for Sessions {
    fn process(&self) -> &Process {
        &self.process
    }

    fn into_process(self: Box<Self>) -> Process {
        self.process
    }

    async fn open(&self, session: usize) -> anyhow::Result<()> {
        self.ask(&Ask::Open(session)).await
    }

    async fn code(&self, session: usize) -> anyhow::Result<Option<String>> {
        Ok(locked(&self.told.codes).get(&session).cloned())
    }

    async fn working(&self) -> anyhow::Result<usize> {
        Ok(locked(&self.told.works).len())
    }

    async fn send(&self, session: usize, to: &Address, text: &str) -> anyhow::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        locked(&self.told.waiting).insert(call, answer);
        self.ask(&Ask::Send { call, session, to: to.jid(), text: text.to_owned() }).await?;
        let answer = tokio::time::timeout(PATIENCE, answered).await.context("no answer")??;
        answer.map_err(|why| anyhow!(why))
    }
}
