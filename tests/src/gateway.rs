//! The gateway as its own process, and its HTTP API.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::PATIENCE;
use crate::journal::eventually;
use crate::lab::{Binary, Lab};
use crate::port::Port;
use crate::process::Process;
use crate::webhook::HMAC_KEY;

/// The API key of every gateway in the tests.
pub const API_KEY: &str = "api-key-of-the-end-to-end-tests";

/// A gateway's settings and, while it runs, its process.
pub struct Gateway {
    name: String,
    binary: Binary,
    folder: PathBuf,
    logs: PathBuf,
    port: Port,
    websocket: String,
    hook: String,
    settings: Vec<(&'static str, String)>,
    client: reqwest::Client,
    process: Option<Process>,
}

/// What the gateway answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body, `null` when it is empty or no JSON.
    pub body: Value,
}

impl Gateway {
    pub(crate) fn new(name: &str, lab: &Lab, hook: String) -> Self {
        let folder = lab.folder().join(name);
        std::fs::create_dir(&folder).expect("a folder for the gateway");
        Self {
            name: name.to_owned(),
            binary: lab.binary().clone(),
            folder,
            logs: lab.logs(),
            port: Port::reserve(),
            websocket: lab.simulator().websocket(),
            hook,
            settings: Vec::new(),
            client: reqwest::Client::new(),
            process: None,
        }
    }

    /// Sets a setting for its next start.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.settings.push((name, value.into()));
    }

    /// Its data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts another process on this gateway's folder, which is to be refused, without waiting.
    pub fn second(&self, name: &str) -> Process {
        self.spawn(name, 0)
    }

    /// Runs a command of the same program with this gateway's settings, to its end.
    pub async fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = self.binary.command(&self.folder);
        command.args(arguments).env("DATA_DIR", &self.folder).env("API_KEY", API_KEY);
        command.env("HOST", "127.0.0.1").env("PORT", self.port().to_string());
        command.output().await.expect("the program runs")
    }

    fn spawn(&self, name: &str, port: u16) -> Process {
        let mut command = self.binary.command(&self.folder);
        command.arg("serve");
        command.env("HOST", "127.0.0.1").env("PORT", port.to_string()).env("DATA_DIR", &self.folder);
        command.env("API_KEY", API_KEY).env("WHATSAPP_WS_URL", &self.websocket);
        command.env("WHATSAPP_HOOK_URL", &self.hook).env("WHATSAPP_HOOK_EVENTS", "*");
        command.env("WHATSAPP_HOOK_HMAC_KEY", HMAC_KEY);
        command.env("WHATSAPP_HOOK_RETRIES_DELAY_SECONDS", "1");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        Process::start(name, &mut command, &self.logs)
    }

    /// Starts it and waits until it answers.
    pub async fn start(&mut self) {
        assert!(self.process.is_none(), "{} runs already", self.name);
        self.process = Some(self.spawn(&self.name, self.port()));
        let url = self.url("/ping");
        let client = self.client.clone();
        eventually("the gateway to answer", PATIENCE, async || {
            let status = self.process.as_mut().and_then(Process::exited);
            assert!(status.is_none(), "the gateway ended: {status:?}");
            client.get(&url).send().await.and_then(reqwest::Response::error_for_status)
        })
        .await;
    }

    /// Ends it with SIGKILL.
    pub async fn kill(&mut self) {
        self.process.take().expect("a running gateway").kill().await;
    }

    /// Cuts the power of its machine, as far as its disk goes: a [`crate::FailingDisk`] that loses what was not synced.
    pub async fn cut_power(&mut self) {
        self.process.take().expect("a running gateway").cut_power(PATIENCE).await;
    }

    /// Ends it with SIGTERM; it must shut down by itself.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.process.take().expect("a running gateway").terminate(PATIENCE).await
    }

    /// Waits until it has ended by itself, which must be in order.
    pub async fn ended(&mut self) {
        let mut process = self.process.take().expect("a running gateway");
        let status = process.wait_exit(PATIENCE).await;
        assert!(status.success(), "the gateway ended with {status}");
    }

    /// Waits for a line in its log.
    pub async fn wait_line(&mut self, text: &str) -> String {
        self.process.as_mut().expect("a running gateway").wait_line(text, PATIENCE).await
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("a running gateway").id()
    }

    /// Memory of its process that is in RAM now, in bytes.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(path).expect("the status of the gateway's process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
        kilobytes << 10
    }

    /// How many descriptors its process has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).expect("its descriptors").count()
    }

    /// The port it listens on, the same after each start.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port())
    }

    /// A request with the API key.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path)).header("X-Api-Key", API_KEY).timeout(PATIENCE)
    }

    /// Sends a request and reads its answer, whatever the status.
    pub async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let status = response.status();
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Answer { status, body })
    }

    /// A call that must succeed.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = self.answer(request).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert!(answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// The raw QR code of session `default`, once there is one.
    pub async fn qr(&self) -> String {
        eventually("a QR code", PATIENCE, async || {
            let request = self.request(Method::GET, "/api/default/auth/qr?format=raw");
            let answer = self.answer(request).await.map_err(|error| error.to_string())?;
            let value = answer.body["value"].as_str().map(str::to_owned);
            value.ok_or_else(|| format!("{} {}", answer.status, answer.body))
        })
        .await
    }

    /// Waits until session `default` has this status.
    pub async fn wait_status(&self, wanted: &str) {
        eventually(&format!("session status {wanted}"), PATIENCE, async || {
            let answer = self.answer(self.request(Method::GET, "/api/sessions/default")).await;
            let body = answer.map_err(|error| error.to_string())?.body;
            if body["status"] == wanted { Ok(()) } else { Err(body.to_string()) }
        })
        .await;
    }

    /// What it tells of its own health.
    pub async fn health(&self) -> Value {
        self.call(Method::GET, "/health", None).await
    }

    /// Waits until session `default` works.
    pub async fn wait_working(&self) {
        self.wait_status("WORKING").await;
    }

    /// All stored messages of a chat of session `default`, oldest or newest first as the API has it.
    pub async fn messages(&self, chat: &str) -> Vec<Value> {
        const PAGE: usize = 100;
        let mut all = Vec::new();
        loop {
            let query = format!("limit={PAGE}&offset={}&downloadMedia=false", all.len());
            let path = format!("/api/default/chats/{chat}/messages?{query}");
            let page = self.call(Method::GET, &path, None).await;
            let page = page.as_array().expect("a list of messages");
            all.extend(page.iter().cloned());
            if page.len() < PAGE {
                return all;
            }
        }
    }

    /// The body of a `sendText`.
    pub fn text(chat: &str, text: &str) -> Value {
        json!({"session": "default", "chatId": chat, "text": text})
    }
}
