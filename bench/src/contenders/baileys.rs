//! Baileys behind a gateway of a few lines, as many people write theirs: `tests/peers/measured.mjs`.

use anyhow::{Context, ensure};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::process::Command;
use wakeeper_e2e::Address;
use wakeeper_e2e::process::Process;

use super::{Contender, Order, Running};
use crate::plan::workspace;

/// One release of it.
pub struct Baileys {
    name: &'static str,
    /// As `tests/peers` calls it.
    release: &'static str,
}

impl Baileys {
    /// The release that `tests/peers` calls so.
    pub fn new(name: &'static str, release: &'static str) -> Self {
        Self { name, release }
    }
}

#[async_trait]
impl Contender for Baileys {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> String {
        "behind `tests/peers/measured.mjs`: node:http, `useMultiFileAuthState` with its cache, one fetch per message. A send \
         is answered when it is written to the socket; the others wait for WhatsApp's answer. Its files are written without \
         fsync"
            .to_owned()
    }

    async fn start(&self, order: &Order<'_>) -> anyhow::Result<Box<dyn Running>> {
        let peers = workspace().join("tests/peers");
        ensure!(peers.join("node_modules").is_dir(), "Baileys is not installed; `cargo xtask bench` does it");
        let mut command = Command::new("node");
        command.arg(peers.join("measured.mjs")).current_dir(order.folder).env("NODE_NO_WARNINGS", "1");
        command.env("BAILEYS", self.release).env("PORT", order.port.to_string());
        command.env("FOLDER", order.folder).env("WEBHOOK", order.world.receiver.url());
        command.env("WHATSAPP_WS_URL", order.world.simulator.websocket());
        command.env("SIMULATOR_ROOT", order.world.simulator.root());
        command.envs(order.environment.iter().cloned());
        Ok(Box::new(Gateway {
            process: Process::start(self.name, &mut command, &order.world.logs()),
            base: format!("http://127.0.0.1:{}", order.port),
            client: reqwest::Client::new(),
        }))
    }
}

struct Gateway {
    process: Process,
    base: String,
    client: reqwest::Client,
}

impl Gateway {
    async fn call(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await?;
        let status = answer.status();
        let body: Value = answer.json().await.context("an answer in JSON")?;
        ensure!(status.is_success(), "{status} {body}");
        Ok(body)
    }

    async fn sessions(&self) -> anyhow::Result<Value> {
        self.call(self.client.get(format!("{}/sessions", self.base))).await
    }
}

fn name(session: usize) -> String {
    format!("s{session}")
}

#[async_trait]
impl Running for Gateway {
    fn process(&self) -> &Process {
        &self.process
    }

    fn into_process(self: Box<Self>) -> Process {
        self.process
    }

    async fn open(&self, session: usize) -> anyhow::Result<()> {
        let body = json!({ "name": name(session) });
        self.call(self.client.post(format!("{}/sessions", self.base)).json(&body)).await.map(drop)
    }

    async fn code(&self, session: usize) -> anyhow::Result<Option<String>> {
        Ok(self.sessions().await?[name(session)]["qr"].as_str().map(str::to_owned))
    }

    async fn working(&self) -> anyhow::Result<usize> {
        let sessions = self.sessions().await?;
        let sessions = sessions.as_object().context("sessions by name")?;
        Ok(sessions.values().filter(|session| session["open"] == true).count())
    }

    async fn send(&self, session: usize, to: &Address, text: &str) -> anyhow::Result<()> {
        let body = json!({ "session": name(session), "to": to.jid(), "text": text });
        self.call(self.client.post(format!("{}/send", self.base)).json(&body)).await.map(drop)
    }
}
