//! wakeeper itself, as people run it: `wakeeper serve` with a webhook.

use anyhow::{Context, ensure};
use async_trait::async_trait;
use http::StatusCode;
use serde_json::{Value, json};
use wakeeper_e2e::process::Process;
use wakeeper_e2e::{Address, Binary};

use super::{Contender, Order, Running};
use crate::plan::Plan;

const API_KEY: &str = "api-key-of-the-measurement";

/// The gateway.
pub struct Wakeeper {
    binary: Binary,
    about: String,
}

impl Wakeeper {
    /// The program of the plan.
    pub fn new(plan: &Plan) -> Self {
        let about =
            format!("`{} serve`, with default settings and a webhook for `message`", plan.shown_program());
        Self { binary: Binary::at(plan.wakeeper.clone()), about }
    }
}

#[async_trait]
impl Contender for Wakeeper {
    fn name(&self) -> &'static str {
        "wakeeper"
    }

    fn about(&self) -> String {
        self.about.clone()
    }

    async fn start(&self, order: &Order<'_>) -> anyhow::Result<Box<dyn Running>> {
        let mut command = self.binary.command(order.folder);
        command.arg("serve").env("HOST", "127.0.0.1").env("PORT", order.port.to_string());
        // What a login costs is measured, not what it waits for.
        command.env("DATA_DIR", order.folder).env("API_KEY", API_KEY).env("LOGINS_PER_SECOND", "0");
        command.env("WHATSAPP_WS_URL", order.world.simulator.websocket());
        command.env("WHATSAPP_HOOK_URL", order.world.receiver.url()).env("WHATSAPP_HOOK_EVENTS", "message");
        command.envs(order.environment.iter().cloned());
        Ok(Box::new(Gateway {
            process: Process::start(self.name(), &mut command, &order.world.logs()),
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
    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.client.get(format!("{}{path}", self.base)).header("X-Api-Key", API_KEY);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}{path}", self.base)).header("X-Api-Key", API_KEY);
        let answer = request.json(body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(())
    }
}

/// The session that is always there comes first.
fn name(session: usize) -> String {
    if session == 0 { "default".to_owned() } else { format!("s{session}") }
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
        if session == 0 {
            return Ok(());
        }
        self.post("/api/sessions", &json!({ "name": name(session) })).await
    }

    async fn code(&self, session: usize) -> anyhow::Result<Option<String>> {
        let path = format!("{}/api/{}/auth/qr?format=raw", self.base, name(session));
        let answer = self.client.get(path).header("X-Api-Key", API_KEY).send().await?;
        if answer.status() != StatusCode::OK {
            return Ok(None);
        }
        let answer: Value = answer.json().await?;
        Ok(answer["value"].as_str().map(str::to_owned))
    }

    async fn working(&self) -> anyhow::Result<usize> {
        let sessions = self.get("/api/sessions").await?;
        let sessions = sessions.as_array().context("a list of sessions")?;
        Ok(sessions.iter().filter(|session| session["status"] == "WORKING").count())
    }

    async fn send(&self, session: usize, to: &Address, text: &str) -> anyhow::Result<()> {
        let body = json!({ "session": name(session), "chatId": to.chat_id(), "text": text });
        self.post("/api/sendText", &body).await
    }
}
