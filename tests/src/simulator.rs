//! The simulator as its own process, and its control API.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::PATIENCE;
use crate::address::Address;
use crate::journal::eventually;
use crate::lab::Binary;
use crate::process::Process;

/// How the server addresses people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// By phone number, as before LIDs.
    PhoneNumber,
    /// By LID: clients are told that their chats are migrated, groups are LID-addressed.
    Lid,
}

impl Addressing {
    fn flag(self) -> &'static str {
        match self {
            Self::PhoneNumber => "pn",
            Self::Lid => "lid",
        }
    }
}

/// What the simulator prints before its address.
const LISTENS: &str = "the simulated WhatsApp listens on ";

/// A running simulator.
pub struct Simulator {
    process: Process,
    base: String,
    port: u16,
    client: reqwest::Client,
    root: String,
}

impl Simulator {
    /// Starts `wakeeper simulator` and waits until it answers.
    pub async fn start(
        binary: &Binary,
        folder: &Path,
        logs: &Path,
        seed: u64,
        addressing: Addressing,
    ) -> Self {
        let mut command: Command = binary.command(folder);
        command.args(["simulator", "--listen", "127.0.0.1:0"]);
        command.args(["--seed", &seed.to_string(), "--addressing", addressing.flag()]);
        let mut process = Process::start("simulator", &mut command, logs);
        let line = process.wait_line(LISTENS, PATIENCE).await;
        let base = line.split_once(LISTENS).expect("its address").1.trim().to_owned();
        let port = base.rsplit(':').next().and_then(|port| port.parse().ok()).expect("its port");
        let client = reqwest::Client::new();
        let state = eventually("the simulator to answer", PATIENCE, async || {
            read(client.get(format!("{base}/sim/state"))).await
        })
        .await;
        let root = state["root_public"].as_str().expect("the simulator tells its root key").to_owned();
        Self { process, base, port, client, root }
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The address of its control API.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The WebSocket that clients connect to.
    pub fn websocket(&self) -> String {
        format!("ws://127.0.0.1:{}/ws/chat", self.port)
    }

    /// The root of the server's certificates, as hex.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Makes a phone.
    pub async fn phone(&self, number: &str, name: &str) -> Phone {
        let made = self.post("/sim/phones", json!({"number": number, "name": name})).await;
        let lid = made["lid"].as_str().expect("a phone has a LID");
        let lid = lid.split('@').next().unwrap_or(lid).to_owned();
        let address = Address { number: number.to_owned(), lid };
        Phone { address, base: self.base.clone(), client: self.client.clone() }
    }

    /// Makes a group and returns its JID.
    pub async fn group(&self, creator: &Phone, subject: &str, participants: &[&Address]) -> String {
        let numbers: Vec<_> = participants.iter().map(|address| &address.number).collect();
        let creator = &creator.address.number;
        let body = json!({"creator": creator, "subject": subject, "participants": numbers});
        let made = self.post("/sim/groups", body).await;
        made["id"].as_str().expect("a group has an id").to_owned()
    }

    /// Arms a fault: `{"kind":"corrupted","target":"62811","count":3}`.
    pub async fn fault(&self, fault: Value) {
        self.post("/sim/faults", fault).await;
    }

    /// Takes all faults back, and lets go what they held.
    pub async fn clear_faults(&self) {
        read(self.client.delete(format!("{}/sim/faults", self.base))).await.expect("no faults");
    }

    /// Accounts, devices, queues and counters.
    pub async fn state(&self) -> Value {
        read(self.client.get(format!("{}/sim/state", self.base))).await.expect("the simulator's state")
    }

    /// Fails when a ratchet key was used twice for different messages.
    pub async fn assert_no_ratchet_reuse(&self) {
        let state = self.state().await;
        let oracle = &state["oracle"];
        assert!(oracle["observed"].as_u64() > Some(0), "the oracle saw nothing: {oracle}");
        assert_eq!(oracle["reused"], 0, "a ratchet key was used twice: {oracle}");
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = read(self.client.post(format!("{}{path}", self.base)).json(&body)).await;
        answer.unwrap_or_else(|error| panic!("POST {path} {body}: {error}"))
    }

    /// Whether the simulator still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.exited().is_none()
    }
}

/// A simulated phone or contact, played through the control API.
#[derive(Debug, Clone)]
pub struct Phone {
    /// Who it is.
    pub address: Address,
    base: String,
    client: reqwest::Client,
}

impl Phone {
    /// Links the device that shows this QR code.
    pub async fn scan(&self, qr: &str) {
        self.post("scan", json!({"qr": qr})).await;
    }

    /// Links the device that shows this pairing code. Baileys 6 shows it before the server has heard of it.
    pub async fn confirm_code(&self, code: &str) {
        let heard = eventually("the pairing by code to begin", PATIENCE, async || {
            match self.try_post("confirm-code", &json!({"code": code})).await {
                Err(error) if error.contains("no_pairing_by_code") => Err(error),
                answered => Ok(answered),
            }
        });
        heard.await.unwrap_or_else(|error| panic!("confirm-code {code}: {error}"));
    }

    /// Sends a text and returns the message's id.
    pub async fn send_text(&self, to: &str, text: &str) -> String {
        self.send(json!({"to": to, "text": text})).await
    }

    /// Sends any message of the control API and returns its id.
    pub async fn send(&self, message: Value) -> String {
        let sent = self.post("send", message).await;
        sent["id"].as_str().expect("a sent message has an id").to_owned()
    }

    /// Everything that arrived, in order.
    pub async fn inbox(&self) -> Vec<Value> {
        let url = format!("{}/sim/phones/{}/inbox", self.base, self.address.number);
        let inbox = read(self.client.get(url)).await.expect("an inbox");
        inbox["messages"].as_array().expect("a list of messages").clone()
    }

    /// How many messages came that were there already.
    pub async fn duplicates(&self) -> u64 {
        let url = format!("{}/sim/phones/{}", self.base, self.address.number);
        let report = read(self.client.get(url)).await.expect("a phone");
        report["duplicates"].as_u64().expect("a number of duplicates")
    }

    /// Whether a companion device of the receiver confirmed that it has the message of that id.
    pub async fn confirmed_by_companion(&self, id: &str) -> bool {
        let url = format!("{}/sim/phones/{}/messages/{id}", self.base, self.address.number);
        let message = read(self.client.get(url)).await.expect("a sent message");
        let delivered = message["delivered"].as_array().cloned().unwrap_or_default();
        delivered.iter().filter_map(Value::as_str).any(|device| device.contains(':'))
    }

    /// Reads `GET /sim/phones/{number}/{what}`.
    pub async fn get(&self, what: &str) -> Value {
        let url = format!("{}/sim/phones/{}/{what}", self.base, self.address.number);
        read(self.client.get(url)).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Calls `POST /sim/phones/{number}/{action}`.
    pub async fn post(&self, action: &str, body: Value) -> Value {
        let answer = self.try_post(action, &body).await;
        answer.unwrap_or_else(|error| panic!("{action} {body}: {error}"))
    }

    async fn try_post(&self, action: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}/sim/phones/{}/{action}", self.base, self.address.number);
        read(self.client.post(url).json(body)).await
    }
}

/// Sends a request and reads the JSON answer; anything but success is an error with its body.
async fn read(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let response = request.timeout(PATIENCE).send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    let text = response.text().await.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("{status}: {text}"));
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
}
