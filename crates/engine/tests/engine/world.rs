//! A simulator, simulated people and a gateway's engine.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::broadcast;
use wakeeper_delivery::events::body;
use wakeeper_delivery::webhook::{WebhookSettings, Webhooks};
use wakeeper_engine::{
    EngineConfig, EngineError, IdempotencyKey, LinkPreview, Lock, Mentions, MessageOrder, MessageQuery,
    Outgoing, Sent, Sessions, Text,
};
use wakeeper_model::{ChatId, Clock, SessionName};
use wakeeper_simulator::phone::Phone;
use wakeeper_simulator::phone::log::Entry;
use wakeeper_simulator::server::Addressing;
use wakeeper_simulator::{Simulator, SimulatorConfig};
use wakeeper_storage::{EventRow, Storage, open_sqlite};
use wakeeper_waha::SessionStatus;

/// Nothing here takes longer unless it is broken.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The owner of the gateway's account.
pub const OWNER: &str = "628111000001";
/// A contact.
pub const ANN: &str = "628111000002";
/// Another contact.
pub const BEN: &str = "628111000003";

/// Everything a test needs.
pub struct World {
    pub simulator: Simulator,
    pub owner: Phone,
    pub ann: Phone,
    pub folder: TempDir,
    pub engine: Running,
}

/// An engine that can be stopped and replaced: its locks go with it.
pub struct Running(Option<Engine>);

impl Deref for Running {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        self.0.as_ref().expect("the engine is stopped")
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Engine {
        self.0.as_mut().expect("the engine is stopped")
    }
}

/// A gateway's engine with its rows.
pub struct Engine {
    pub sessions: Sessions,
    pub storage: Arc<dyn Storage>,
    events: broadcast::Receiver<Arc<EventRow>>,
}

pub fn session() -> SessionName {
    SessionName::default_session()
}

pub fn chat(text: &str) -> ChatId {
    text.parse().unwrap()
}

pub fn text(to: &str, body: &str) -> Outgoing {
    Outgoing::Text(Text {
        chat: chat(to),
        text: body.to_owned(),
        reply_to: None,
        mentions: Mentions::default(),
        id: None,
        link_preview: LinkPreview::None,
    })
}

pub fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

/// What the caller of a send is answered.
pub fn shown(sent: &Sent) -> Value {
    serde_json::to_value(&sent.payload).unwrap()
}

/// The stanza id of a sent message.
pub fn stanza_id(sent: &Sent) -> String {
    let answer = shown(sent);
    let id = answer["id"].as_str().unwrap();
    id.parse::<wakeeper_model::MessageId>().unwrap().stanza_id
}

pub async fn storage(folder: &Path) -> Arc<dyn Storage> {
    open_sqlite(folder.join("wakeeper.db")).await.unwrap()
}

pub fn config(simulator: &Simulator, folder: &Path) -> EngineConfig {
    EngineConfig {
        auth_info_dir: folder.to_owned(),
        websocket_url: Some(simulator.websocket_url()),
        allow_private_urls: true,
        ..EngineConfig::default()
    }
}

impl Engine {
    pub async fn open(simulator: &Simulator, folder: &Path) -> Self {
        Self::try_open(simulator, folder).await.unwrap()
    }

    pub async fn try_open(simulator: &Simulator, folder: &Path) -> Result<Self, EngineError> {
        Self::try_open_with(config(simulator, folder)).await
    }

    pub async fn try_open_with(config: EngineConfig) -> Result<Self, EngineError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = config.auth_info_dir.clone();
        let folder = folder.as_path();
        let lock = Lock::on_folder(folder)?;
        let storage = storage(folder).await;
        let webhooks = Webhooks::new(Arc::clone(&storage), WebhookSettings::default()).unwrap();
        let events = webhooks.sink().subscribe();
        let sessions =
            Sessions::open(config, lock, Arc::clone(&storage), webhooks.sink(), Clock::system()).await?;
        Ok(Self { sessions, storage, events })
    }

    /// Waits for an event that `wanted` accepts; events before it are passed over.
    pub async fn event(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let event = self.events.recv().await.unwrap();
                if event.name == name {
                    let body = body(&event.id, event.timestamp_ms, &event.name, &event.rest);
                    let body: Value = serde_json::from_str(&body).unwrap();
                    if wanted(&body["payload"]) {
                        return body["payload"].clone();
                    }
                }
            }
        });
        if let Ok(payload) = found.await {
            return payload;
        }
        panic!("no event {name} came; {:?}", self.sessions.get(&session()).await)
    }

    pub async fn status(&mut self, status: SessionStatus) {
        if self.sessions.get(&session()).await.unwrap().unwrap().status != status {
            self.event("session.status", |payload| payload["status"] == status.as_str()).await;
        }
    }

    /// Has the phone scan this session's QR code, and waits until the session works.
    pub async fn link(&mut self, phone: &Phone) -> u16 {
        self.status(SessionStatus::ScanQrCode).await;
        let qr = self.sessions.qr(&session()).await.unwrap();
        let device = phone.scan(&qr).await.unwrap();
        self.status(SessionStatus::Working).await;
        device
    }

    pub async fn send(&self, outgoing: Outgoing) -> Sent {
        self.sessions.send(&session(), outgoing, None).await.unwrap()
    }

    /// Stored messages of a chat, oldest first.
    pub async fn messages(&self, with: &str) -> Vec<Value> {
        let query = MessageQuery { limit: 1000, order: MessageOrder::OldestFirst, ..MessageQuery::default() };
        let list = self.sessions.messages(&session(), Some(&chat(with)), query).await.unwrap();
        list.messages.iter().map(|message| serde_json::to_value(message).unwrap()).collect()
    }
}

impl World {
    /// A simulator, an owner, a contact and an engine that is not yet linked.
    pub async fn new(addressing: Addressing) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let simulator =
            Simulator::start(SimulatorConfig { addressing, ..SimulatorConfig::default() }).await.unwrap();
        let owner = simulator.create_phone(OWNER, "Owner").unwrap();
        let ann = simulator.create_phone(ANN, "Ann").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let engine = Running(Some(Engine::open(&simulator, folder.path()).await));
        Self { simulator, owner, ann, folder, engine }
    }

    /// The same, linked.
    pub async fn linked(addressing: Addressing) -> Self {
        let mut world = Self::new(addressing).await;
        world.engine.link(&world.owner).await;
        world
    }

    /// Shuts the engine down and opens it again on the same folder.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// The same, with another configuration.
    pub async fn restart_with(&mut self, config: EngineConfig) {
        self.stop().await;
        self.restart_stopped_with(config).await;
    }

    /// Opens an engine with another configuration on the folder of the stopped one.
    pub async fn restart_stopped_with(&mut self, config: EngineConfig) {
        self.engine = Running(Some(Engine::try_open_with(config).await.unwrap()));
    }

    /// Opens an engine on the folder of the stopped one.
    pub async fn start(&mut self) {
        self.engine = Running(Some(Engine::open(&self.simulator, self.folder.path()).await));
    }

    /// Shuts the engine down.
    pub async fn stop(&mut self) {
        let engine = self.engine.0.take().expect("the engine is stopped");
        engine.sessions.shutdown().await;
        engine.storage.close().await;
    }
}

/// Waits until a person has a message that `wanted` accepts.
pub async fn received(phone: &Phone, wanted: impl Fn(&Entry) -> bool) -> Entry {
    let found = phone.wait(PATIENCE, |phone| phone.messages(0, &wanted).into_iter().next()).await;
    found.unwrap_or_else(|| panic!("the message did not come; {}", phone.report()))
}

/// Waits until a person has a message with this text.
pub async fn received_text(phone: &Phone, text: &str) -> Entry {
    received(phone, |entry| entry.content.text.as_deref() == Some(text)).await
}
