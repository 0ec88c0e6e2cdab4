//! `wakeeper serve`: the gateway.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use wakeeper_delivery::webhook::{RetentionSettings, WebhookSettings};
use wakeeper_doctor::secret::Passphrase;
use wakeeper_engine::{EngineConfig, GatewaySessions, Lock};
use wakeeper_gateway::api::auth::{GeneratedKey, KeyPolicy};
use wakeeper_gateway::api::{ApiConfig, EvidenceSource};
use wakeeper_gateway::serving::{self, ServeLimits};
use wakeeper_gateway::{Gateway, GatewayConfig, IncidentConfig, measurements};
use wakeeper_offline::preflight::{self, Folders};
use wakeeper_offline::transfer::FirstStart;
use wakeeper_recovery::backups::{BackupKeeper, time};
use wakeeper_recovery::{SystemClock, incident_log};
use wakeeper_settings::SettingsError;

use crate::chosen::Places;
use crate::environment;
use crate::settings::{CATALOG, GatewaySettings, Typed};

use super::begin_logging;

/// How long the end waits for a backup that is being made.
const BACKUP_TIMEOUT: Duration = Duration::from_secs(1);

/// Flags that stand for settings, shared by commands that need them.
#[derive(Args, Default)]
pub struct SettingFlags {
    /// Settings file (TOML) [env: WAKEEPER_CONFIG; default: wakeeper.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on [env: HOST; default: 0.0.0.0]
    #[arg(long, value_name = "IP")]
    host: Option<String>,
    /// Port to listen on [env: PORT; default: 8192]
    #[arg(long)]
    port: Option<String>,
    /// Folder that holds auth_info and the rest [env: DATA_DIR; default: .]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Folder of sessions and logins [env: AUTH_INFO_DIR; default: auth_info in the data folder]
    #[arg(long, value_name = "FOLDER")]
    auth_info_dir: Option<String>,
    /// The store beside it [env: BAILEYS_STORE; default: baileys_store.json in the data folder]
    #[arg(long, value_name = "FILE")]
    store: Option<String>,
    /// Folder of backups [env: BACKUP_DIR; default: session_backups in the data folder]
    #[arg(long, value_name = "FOLDER")]
    backup_dir: Option<String>,
    /// File that holds the API key [env: API_KEY_FILE, or the key itself in API_KEY]
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<String>,
    /// Log lines as text or json [env: LOG_FORMAT; default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl SettingFlags {
    /// Settings, these flags before everything else.
    pub fn resolve<T: Typed>(self) -> Result<T, SettingsError> {
        let flags = [
            ("HOST", self.host),
            ("PORT", self.port),
            ("DATA_DIR", self.data_dir),
            ("AUTH_INFO_DIR", self.auth_info_dir),
            ("BAILEYS_STORE", self.store),
            ("BACKUP_DIR", self.backup_dir),
            ("API_KEY_FILE", self.api_key_file),
            ("LOG_FORMAT", self.log_format),
        ];
        environment::settings(flags, self.config)
    }
}

/// Run the gateway
#[derive(Args)]
#[command(after_help = after_help())]
pub struct Serve {
    #[command(flatten)]
    settings: SettingFlags,
}

fn after_help() -> String {
    let examples = "Examples:\n  wakeeper serve\n  PORT=3000 API_KEY_FILE=/run/secrets/key wakeeper serve\n  \
         wakeeper serve --data-dir /var/lib/wakeeper\n\nThen open http://localhost:8192 and scan the QR code.\n\n\
         Settings (environment, or wakeeper.toml in lower case; secrets also from the file named by <NAME>_FILE):\n";
    format!("{examples}{}", CATALOG.help())
}

impl Serve {
    /// Serves until the process is asked to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        let settings: GatewaySettings = self.settings.resolve()?;
        preflight::judge_folders(settings.named_data_dir(), &settings.auth_info_dir)?;
        let log_files = begin_logging(&settings.log, "serve")?;
        wakeeper_logging::tell(&wakeeper_settings::notes(&settings.notes));
        preflight::chown_mounts(&settings.mounts());
        wakeeper_logging::begin_files(&log_files, &settings.log);
        let auth_info = &settings.auth_info_dir;
        let folders = Folders {
            auth_info,
            baileys_store: &settings.baileys_store,
            backups: &settings.backup_dir,
            data: &settings.data_dir,
            witnesses: settings.witness_dir.as_deref(),
        };
        // The folder before the port: a busy one often means a second gateway on the same folder. A folder that is not there
        // yet is nobody's, and is not made for a gateway that cannot listen.
        let early =
            if auth_info.exists() { None } else { Some(serving::bind(settings.listen.address).await?) };
        folders.prepare(environment::in_container())?;
        // The signals are caught before the sessions start, so that no stop request is missed.
        let stop = tokio::spawn(serving::asked_to_stop()?);
        let lock = Lock::on_folder(auth_info)?;
        preflight::refuse_beside_baileys(auth_info)?;
        let (keys, generated) = settings.listen.api_key.policy(auth_info)?;
        let listener = match early {
            Some(listener) => listener,
            None => serving::bind(settings.listen.address).await?,
        };
        let places = Places::of(&settings, String::new());
        let mut config = config(&settings, &places, keys)?;
        let backups = scheduled_backups(&settings, &places)
            .map(|keeper| keeper.telling(config.engine.incidents.clone()));
        config.api.backups = backups.as_ref().map(|keeper| {
            let record = keeper.record();
            Arc::new(move || record.evidence()) as EvidenceSource
        });
        preflight::tell_of_backup(auth_info, &places.backups.shelf, &places.backups.label);
        let gateway = Gateway::open(config, lock).await?;
        announce(&settings, listener.local_addr()?, generated.as_ref());
        let stopping = CancellationToken::new();
        let backups = backups.map(|keeper| tokio::spawn(keeper.run(stopping.clone())));
        gateway
            .serve(listener, async move {
                if let Ok(signal) = stop.await {
                    tracing::info!("{signal} received, shutting down");
                } else {
                    tracing::error!("waiting for signals failed, shutting down");
                }
            })
            .await?;
        stopping.cancel();
        if let Some(backups) = backups {
            // One that is being made is worth a moment; half a one is removed when the next is made.
            let _ = tokio::time::timeout(BACKUP_TIMEOUT, backups).await;
        }
        tracing::info!("stopped, everything is on disk");
        Ok(())
    }
}

fn config(settings: &GatewaySettings, places: &Places, keys: KeyPolicy) -> anyhow::Result<GatewayConfig> {
    let metrics =
        settings.metrics.then(|| measurements::record(&measurements::REQUEST_BUCKETS)).transpose()?;
    let (log, keeper) = incident_log(settings.monitor_state_dir.clone(), Arc::new(SystemClock));
    let public_url = settings
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://localhost:{}", settings.listen.address.port()));
    Ok(GatewayConfig {
        engine: EngineConfig {
            auth_info_dir: settings.auth_info_dir.clone(),
            public_url,
            websocket_url: settings.websocket_url.clone(),
            max_media_bytes: settings.media_limit,
            max_transfer_bytes: settings.transfer_limit,
            allow_private_urls: settings.media_from_private_addresses,
            state_dir: settings.witness_dir.clone(),
            logins_per_second: settings.logins_per_second,
            first_start: Some(Arc::new(FirstStart {
                store: Some(places.store.clone()),
                backup: places.backup_place(),
            })),
            backups: Some(places.backup_place()),
            incidents: log,
            keep: settings.keep,
            compact_rows: settings.compact_database,
            message_search: settings.message_search,
            ..EngineConfig::default()
        },
        webhooks: WebhookSettings {
            global: settings.webhook.clone().into_iter().collect(),
            addresses: settings.webhook_addresses.clone(),
            retention: RetentionSettings {
                dead: settings.dead_letter_retention,
                ..RetentionSettings::default()
            },
            ..WebhookSettings::default()
        },
        api: ApiConfig {
            keys,
            body_limit: settings.body_limit,
            metrics,
            backups: None,
            settings: settings.shown.0.clone(),
            old_app: settings.old_app.clone(),
            mcp: settings.mcp,
        },
        serving: ServeLimits::for_this_process(settings.max_connections),
        shutdown_timeout: settings.shutdown_timeout,
        incidents: Some(IncidentConfig { keeper, alert: settings.alert.clone() }),
    })
}

/// Keeps the sessions backed up, unless that is switched off.
fn scheduled_backups(settings: &GatewaySettings, places: &Places) -> Option<BackupKeeper<GatewaySessions>> {
    let Some(every) = settings.backup_interval else {
        tracing::warn!("BACKUP_INTERVAL is off: sessions are not backed up by themselves");
        return None;
    };
    let shown = settings.backup_dir.display();
    if settings.backup_passphrase.as_ref().is_some_and(Passphrase::is_short) {
        tracing::warn!(
            "BACKUP_PASSPHRASE is short enough to be guessed; a longer one protects new backups better"
        );
    }
    let keep =
        if settings.prunes { "" } else { "; old ones are kept, because SESSION_CLEANUP_ENABLED is false" };
    tracing::info!("sessions are backed up to {shown} every {} when they changed{keep}", time(every));
    let sessions = GatewaySessions::new(settings.auth_info_dir.clone(), places.backup_store(settings.prunes));
    Some(BackupKeeper::new(sessions, every, Arc::new(SystemClock)))
}

/// Says where the gateway is and, at the first start, what its key is.
fn announce(settings: &GatewaySettings, address: SocketAddr, generated: Option<&GeneratedKey>) {
    tracing::info!(
        "wakeeper {} listens on http://{address} (sessions in {})",
        env!("CARGO_PKG_VERSION"),
        settings.auth_info_dir.display()
    );
    match generated {
        Some(key) if key.is_new => {
            // Shown once, on purpose: whoever reads the first lines of the log runs the gateway.
            tracing::info!(
                target: wakeeper_logging::SHOWN_ONCE,
                "API key, shown this once and kept in {}: {}",
                key.path.display(),
                key.key.expose_secret()
            );
        }
        Some(key) => tracing::info!("the API key is in {}", key.path.display()),
        None => {}
    }
    tracing::info!(
        "to link a phone open http://localhost:{} or scan the QR code in this log",
        address.port()
    );
}
