//! The demo: a simulated WhatsApp, a real gateway, and a conversation between them, each step of it checked on both sides.
//!
//! Everything runs in this process and talks over HTTP, as other programs would.

/// Ends the demo over something that is not as it should be.
macro_rules! fail {
    ($($said:tt)*) => { return Err($crate::DemoError::Unexpected(format!($($said)*))) };
}

/// Ends the demo unless it is so.
macro_rules! require {
    ($so:expr, $($said:tt)*) => { if !$so { fail!($($said)*) } };
}

mod conversation;
mod output;
mod people;
mod wait;
mod webhook_sink;
mod world;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use wakeeper_delivery::webhook::WebhookSettings;
use wakeeper_engine::{EngineConfig, EngineError, Lock};
use wakeeper_gateway::api::ApiConfig;
use wakeeper_gateway::api::auth::{KeyError, KeyPolicy, kept_or_generated};
use wakeeper_gateway::measurements::{self, REQUEST_BUCKETS, RecordError};
use wakeeper_gateway::serving::{BindError, ServeLimits, bind, reachable};
use wakeeper_gateway::{Gateway, GatewayConfig, GatewayError};
use wakeeper_simulator::{Simulator, SimulatorConfig, SimulatorError};
use wakeeper_waha::{HmacConfig, WebhookConfig};

pub use output::Output;
use webhook_sink::WebhookSink;
use world::World;

/// How a demo runs.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Folder of sessions, which exists.
    pub auth_info: PathBuf,
    /// Where the gateway listens; port 0 takes a free one. The simulated WhatsApp listens on loopback only.
    pub listen: SocketAddr,
    /// Is `/metrics` served?
    pub metrics: bool,
    /// Port of the simulated WhatsApp; 0 takes a free one.
    pub simulator_port: u16,
    /// What the simulated WhatsApp keeps between two demos; only a kept gateway needs a server that still knows its device.
    pub simulator_state: Option<PathBuf>,
    /// Stay up after the conversation, for somebody to play with.
    pub stays: bool,
    /// Where this process logs to, for people.
    pub log: PathBuf,
}

/// Why a demo did not start, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Another process holds the folder.
    #[error(transparent)]
    Lock(#[from] EngineError),
    /// The gateway's port cannot be listened on.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The receiver of the webhook cannot listen.
    #[error("the webhook's receiver cannot listen: {0}")]
    Receiver(#[source] std::io::Error),
    /// The simulated WhatsApp did not start, or not end.
    #[error("the simulated WhatsApp failed: {0}")]
    Simulator(#[from] SimulatorError),
    /// There is no API key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nothing can be measured.
    #[error(transparent)]
    Measurements(#[from] RecordError),
    /// The gateway did not start, or broke off.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// One of the programs broke off.
    #[error("the gateway broke off: {0}")]
    BrokeOff(#[from] tokio::task::JoinError),
    /// The HTTP client cannot be made, or something was not answered.
    #[error("no answer: {0}")]
    NoAnswer(#[from] reqwest::Error),
    /// An answer is no JSON.
    #[error("no JSON: {0}")]
    NoJson(#[from] serde_json::Error),
    /// Something was refused.
    #[error("the {program} refused {method} {path}: {answer}")]
    Refused {
        /// By whom.
        program: &'static str,
        /// The request's method.
        method: String,
        /// The request's path.
        path: String,
        /// What it said.
        answer: String,
    },
    /// Something did not happen.
    #[error("waited {seconds} s in vain for {what}")]
    Waited {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// Something happened that should not.
    #[error("{0}")]
    Unexpected(String),
    /// The conversation broke off.
    #[error("the story broke off; the gateway's log is {}: {source}", log.display())]
    Conversation {
        /// The log.
        log: PathBuf,
        /// Why.
        source: Box<DemoError>,
    },
}

/// Runs the demo to its end; one that stays up ends when this is dropped.
///
/// # Errors
/// When something does not start, and at the first thing that is not as it should be.
pub async fn run(demo: DemoConfig, output: Output) -> Result<(), DemoError> {
    let lock = Lock::on_folder(&demo.auth_info)?;
    let listener = bind(demo.listen).await?;
    let address =
        listener.local_addr().map_err(|source| BindError::Other { address: demo.listen, source })?;
    let simulator = Simulator::start(SimulatorConfig {
        listen: loopback(demo.simulator_port),
        seed: rand::random(),
        state_file: demo.simulator_state.clone(),
        ..SimulatorConfig::default()
    })
    .await?;
    let sink = WebhookSink::open().await?;
    let key = kept_or_generated(&demo.auth_info)?.key;
    let mut config =
        config(&demo.auth_info, reachable(address), &simulator, &sink, KeyPolicy::required(&key));
    config.api.metrics = demo.metrics.then(|| measurements::record(&REQUEST_BUCKETS)).transpose()?;
    let gateway = Gateway::open(config, lock).await?;
    let stopping = CancellationToken::new();
    let serving = tokio::spawn(gateway.serve(listener, stopping.clone().cancelled_owned()));
    let world = World::new(reachable(address), key.expose_secret(), simulator.base_url(), sink)?;
    output.opening(&world, &demo.log);
    let ended = conversation::run(&world, &output).await;
    if ended.is_ok() && demo.stays {
        output.your_turn(&world, address.ip().is_loopback());
        std::future::pending::<()>().await;
    }
    stopping.cancel();
    serving.await??;
    simulator.stop().await?;
    ended.map_err(|source| DemoError::Conversation { log: demo.log, source: Box::new(source) })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn config(
    auth_info: &Path,
    address: SocketAddr,
    simulator: &Simulator,
    sink: &WebhookSink,
    keys: KeyPolicy,
) -> GatewayConfig {
    let webhook = WebhookConfig {
        url: sink.url(),
        events: vec!["*".to_owned()],
        hmac: Some(HmacConfig { key: Some(sink.key().into()) }),
        retries: None,
        custom_headers: None,
    };
    GatewayConfig {
        engine: EngineConfig {
            auth_info_dir: auth_info.to_owned(),
            public_url: format!("http://{address}"),
            websocket_url: Some(simulator.websocket_url()),
            allow_private_urls: true,
            message_search: true,
            ..EngineConfig::default()
        },
        webhooks: WebhookSettings { global: vec![webhook], ..WebhookSettings::default() },
        api: ApiConfig {
            keys,
            body_limit: 140 << 20,
            metrics: None,
            backups: None,
            incidents: None,
            settings: BTreeMap::new(),
            old_app: None,
            mcp: true,
        },
        serving: ServeLimits::default(),
        shutdown_timeout: Duration::from_secs(9),
        incidents: None,
    }
}
