//! `wakeeper demo`: a simulated WhatsApp, a real gateway, and a conversation between them.

mod cast;
mod ear;
mod narrator;
mod patience;
mod stage;
mod story;

use std::fs::OpenOptions;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use wakeeper_gateway::api::ApiConfig;
use wakeeper_gateway::api::auth::{KeyPolicy, kept_or_generated};
use wakeeper_gateway::serving::ServeLimits;
use wakeeper_gateway::{Gateway, GatewayConfig};
use wakeeper_simulator::{Simulator, SimulatorConfig};

use crate::logging::{self, Output};
use crate::settings::{DEFAULT_PORT, LogFolder, LogSettings};
use crate::surroundings;

use super::asked_to_stop;
use super::serve::listen;
use ear::Ear;
use narrator::Narrator;
use stage::Stage;
use wakeeper_delivery::webhook::WebhookSettings;
use wakeeper_engine::{EngineConfig, Lock};
use wakeeper_waha::{HmacConfig, WebhookConfig};

/// Run the gateway against a simulated WhatsApp, with simulated contacts: no phone needed
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper demo\n  wakeeper demo --exit\n  wakeeper demo --data-dir ./demo"
)]
pub struct Demo {
    /// End after the story; the exit code is 0 only if every message arrived
    #[arg(long)]
    exit: bool,
    /// Port of the gateway; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Port of the simulated WhatsApp; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    simulator_port: u16,
    /// Folder to keep everything in for a next demo; without it all is thrown away at the end
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl Demo {
    /// Tells the story, then stays up unless told to exit.
    pub async fn run(self) -> anyhow::Result<()> {
        let thrown_away = match self.data_dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("wakeeper-demo-").tempdir()?),
        };
        let folder = match (&self.data_dir, &thrown_away) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) => folder.path().to_owned(),
            (None, None) => bail!("no folder for the demo"),
        };
        let stop = tokio::spawn(asked_to_stop()?);
        tokio::select! {
            asked = stop => asked.map(drop).map_err(anyhow::Error::from),
            played = self.play(&folder) => played,
        }
    }

    async fn play(&self, folder: &Path) -> anyhow::Result<()> {
        let auth_info = folder.join("auth_info");
        surroundings::prepare_auth_info(&auth_info)?;
        let log = folder.join("demo.log");
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        let filter = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
        logging::init(&LogSettings { json: false, filter, folder: LogFolder::Off }, Output::File(file))?;

        let lock = Lock::on_folder(&auth_info)?;
        let listener = listen(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)).await?;
        let address = listener.local_addr()?;
        let simulator = self.simulator(folder).await?;
        let ear = Ear::open().await?;
        let key = kept_or_generated(&auth_info)?.key;
        let config = config(&auth_info, address, &simulator, &ear, KeyPolicy::required(&key));
        let gateway = Gateway::open(config, lock).await?;
        let stopping = CancellationToken::new();
        let serving = tokio::spawn(gateway.serve(listener, stopping.clone().cancelled_owned()));

        let narrator = Narrator::new();
        let stage = Stage::new(address, key.expose_secret(), simulator.base_url(), ear)?;
        narrator.opening(&stage, &log);
        let told = story::tell(&stage, &narrator).await;
        if told.is_ok() && !self.exit {
            narrator.your_turn(&stage);
            std::future::pending::<()>().await;
        }
        stopping.cancel();
        serving.await??;
        simulator.stop().await?;
        told.with_context(|| format!("the story broke off; the gateway's log is {}", log.display()))
    }

    async fn simulator(&self, folder: &Path) -> anyhow::Result<Simulator> {
        let config = SimulatorConfig {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.simulator_port),
            seed: rand::random(),
            // Only a kept gateway needs a server that still knows its device.
            state_file: self.data_dir.as_ref().map(|_| folder.join("simulator.json")),
            ..SimulatorConfig::default()
        };
        Simulator::start(config).await.context("the simulated WhatsApp cannot start")
    }
}

fn config(
    auth_info: &Path,
    address: SocketAddr,
    simulator: &Simulator,
    ear: &Ear,
    keys: KeyPolicy,
) -> GatewayConfig {
    let webhook = WebhookConfig {
        url: ear.url(),
        events: vec!["*".to_owned()],
        hmac: Some(HmacConfig { key: Some(ear.key().into()) }),
        retries: None,
        custom_headers: None,
    };
    GatewayConfig {
        engine: EngineConfig {
            auth_info_dir: auth_info.to_owned(),
            public_url: format!("http://{address}"),
            websocket_url: Some(simulator.websocket_url()),
            allow_private_urls: true,
            ..EngineConfig::default()
        },
        webhooks: WebhookSettings { global: vec![webhook], ..WebhookSettings::default() },
        api: ApiConfig { keys, body_limit: 140 << 20, metrics: None, backups: None },
        serving: ServeLimits::default(),
        shutdown_timeout: Duration::from_secs(9),
    }
}
