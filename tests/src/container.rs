//! A Baileys gateway in its own container (`tests/peers/gateway.mjs`), as the users of gateways have it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::PATIENCE;
use crate::docker::{Engine, Removal};
use crate::journal::eventually;
use crate::lab::Lab;
use crate::peer::{Baileys, peers_folder};
use crate::port::Port;
use crate::simulator::Phone;

/// The image's name.
const IMAGE: &str = "wakeeper-test-baileys-gateway";
/// Built once in a test process; the engine's cache makes it quick in the next one.
static BUILT: OnceCell<()> = OnceCell::const_new();

/// A linked gateway in a container. Dropping it removes the container; its files are the lab's.
pub struct BaileysContainer {
    /// The container's name.
    pub name: String,
    /// The phone it is linked to.
    pub phone: Phone,
    engine: Engine,
    folder: PathBuf,
    base: String,
    client: reqwest::Client,
    // Dropped after the container.
    _removal: Removal,
    _port: Port,
}

impl BaileysContainer {
    /// Builds the image, starts a container, links it to a new phone, and waits until it is open.
    pub async fn linked(lab: &Lab, engine: &Engine, version: Baileys, name: &str, number: &str) -> Self {
        BUILT
            .get_or_init(async || {
                let modules = peers_folder().join("node_modules");
                assert!(modules.is_dir(), "run `npm ci --ignore-scripts` in tests/peers first");
                engine.build(IMAGE, &peers_folder().join("Dockerfile"), &peers_folder(), &[]).await;
            })
            .await;
        let folder = lab.folder().join(name);
        for part in ["auth_info", "logs"] {
            std::fs::create_dir_all(folder.join(part)).expect("a folder to mount");
        }
        let phone = lab.simulator().phone(number, name).await;
        // Several engines, and several test runs, share this machine's memory of names.
        let name = format!("{name}-{}", std::process::id());
        let port = Port::reserve();
        let mount = |part: &str| format!("{}:/app/{part}", folder.join(part).display());
        let settings = [
            format!("PORT={}", port.number()),
            format!("BAILEYS={}", version.name()),
            format!("WHATSAPP_WS_URL={}", lab.simulator().websocket()),
            format!("SIMULATOR_ROOT={}", lab.simulator().root()),
        ];
        let (auth_info, logs) = (mount("auth_info"), mount("logs"));
        let removal = engine.removes(&name);
        let words = ["run", "--detach", "--name", &name, "--network", "host", "--restart", "unless-stopped"];
        let mounts = ["--volume", &auth_info, "--volume", &logs];
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--env", setting.as_str()]).collect();
        engine.docker(&[&words[..], &mounts[..], &settings[..], &[IMAGE]].concat()).await;
        let gateway = Self {
            name,
            phone,
            engine: engine.clone(),
            folder,
            base: format!("http://127.0.0.1:{}", port.number()),
            client: reqwest::Client::new(),
            _removal: removal,
            _port: port,
        };
        let shown = gateway.wait("qr", 0, |_| true).await;
        gateway.phone.scan(shown["qr"].as_str().expect("a QR code")).await;
        gateway.wait("open", 0, |_| true).await;
        gateway
    }

    /// The folder of its session, on this machine.
    pub fn auth_info(&self) -> PathBuf {
        self.folder.join("auth_info")
    }

    /// Everything that happened, oldest first.
    pub fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("logs/events.jsonl")).unwrap_or_default();
        // The last line may be half written.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for an event of this name, at or after a time in milliseconds since 1970, that satisfies `is`.
    pub async fn wait(&self, event: &str, since_ms: i64, is: impl Fn(&Value) -> bool) -> Value {
        let what = format!("{}: event {event}", self.name);
        let found = |e: &Value| e["event"] == event && e["at"].as_i64() >= Some(since_ms) && is(e);
        eventually(&what, PATIENCE, async || {
            let events = self.events();
            events.iter().find(|e| found(e)).cloned().ok_or_else(|| format!("{} events", events.len()))
        })
        .await
    }

    /// Texts that arrived from others, each as often as it did.
    pub fn texts(&self) -> Vec<String> {
        let texts = self.events().into_iter().filter(|e| {
            e["event"] == "message" && e["key"]["fromMe"] == false && e["content"]["kind"] == "text"
        });
        texts.filter_map(|e| e["content"]["text"].as_str().map(str::to_owned)).collect()
    }

    /// Those of `texts` that have not arrived when `deadline` has passed.
    pub async fn missing(&self, texts: &[String], deadline: Duration) -> Vec<String> {
        let missing = || {
            let arrived = self.texts();
            texts.iter().filter(|text| !arrived.contains(text)).cloned().collect::<Vec<_>>()
        };
        let arriving = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(50));
            while !missing().is_empty() {
                ticks.tick().await;
            }
        };
        // What is missing then is the answer.
        let _ = tokio::time::timeout(deadline, arriving).await;
        missing()
    }

    /// Sends a text and returns the message's id.
    pub async fn send(&self, to: &str, text: &str) -> String {
        let sent = self.post("/send", json!({"to": to, "text": text})).await;
        sent["key"]["id"].as_str().unwrap_or_else(|| panic!("no message id: {sent}")).to_owned()
    }

    /// Calls its HTTP API.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.base)).json(&body).timeout(PATIENCE);
        let response = request.send().await.unwrap_or_else(|error| panic!("{}: {path}: {error}", self.name));
        let status = response.status();
        let document: Value = response.json().await.expect("a JSON answer");
        assert!(status.is_success(), "{}: {path}: {document}", self.name);
        document
    }

    /// `docker COMMAND CONTAINER`.
    pub async fn docker(&self, command: &[&str]) {
        self.engine.docker(&[command, &[self.name.as_str()]].concat()).await;
    }

    /// Everything it logged, for a test that failed.
    pub async fn log(&self) -> String {
        let output = self.engine.try_docker(&["logs", &self.name]).await;
        [output.stdout, output.stderr].iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    /// The folder that holds its mounts.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
