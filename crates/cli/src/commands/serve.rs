//! `wakeeper serve`: the gateway.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wakeeper_delivery::webhook::WebhookSettings;
use wakeeper_doctor::backup::Shelf;
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_engine::{BackupPlace, EngineConfig, FirstStart, GatewaySessions, Lock, users};
use wakeeper_gateway::api::auth::{GeneratedKey, KeyPolicy, kept_or_generated};
use wakeeper_gateway::api::{ApiConfig, EvidenceSource};
use wakeeper_gateway::measurements;
use wakeeper_gateway::serving::ServeLimits;
use wakeeper_gateway::{Gateway, GatewayConfig};
use wakeeper_recovery::SystemClock;
use wakeeper_recovery::backups::{BackupKeeper, time};

use crate::care::Places;
use crate::logging;
use crate::settings::catalog::Effect;
use crate::settings::{ApiKeySetting, LogFolder, Settings, Sources};
use crate::surroundings;

use super::asked_to_stop;

/// How long the end waits for a backup that is being made.
const BACKUP_PATIENCE: Duration = Duration::from_secs(1);

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
    /// File that holds the API key [env: API_KEY_FILE, or the key itself in API_KEY]
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<String>,
    /// Log lines as text or json [env: LOG_FORMAT; default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl SettingFlags {
    /// These flags and everything else that settings are read from.
    pub fn sources(self) -> Sources {
        let flags = [
            ("HOST", self.host),
            ("PORT", self.port),
            ("DATA_DIR", self.data_dir),
            ("AUTH_INFO_DIR", self.auth_info_dir),
            ("API_KEY_FILE", self.api_key_file),
            ("LOG_FORMAT", self.log_format),
        ];
        Sources {
            flags: flags.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            config: self.config,
            environment: std::env::vars_os().collect(),
            working_dir: PathBuf::from("."),
        }
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
    use std::fmt::Write;
    let mut help = String::from(
        "Examples:\n  wakeeper serve\n  PORT=3000 API_KEY_FILE=/run/secrets/key wakeeper serve\n  \
         wakeeper serve --data-dir /var/lib/wakeeper\n\nThen open http://localhost:8192 and scan the QR code.\n\n\
         Settings (environment, or wakeeper.toml in lower case; secrets also from the file named by <NAME>_FILE):\n",
    );
    for setting in crate::settings::catalog::SETTINGS {
        let note = match setting.effect {
            Effect::Full => "",
            Effect::Monitor => " (wakeeper monitor)",
        };
        let _ = writeln!(help, "  {:<36} {}{note}", setting.name, setting.kind.allowed());
    }
    help
}

impl Serve {
    /// Serves until the process is asked to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        let settings = Settings::resolve(self.settings.sources())?;
        let log_files = logging::init_with_files(&settings.log, "serve")?;
        adopt_mounts(&settings);
        logging::begin_files(&log_files, &settings.log);
        surroundings::prepare_auth_info(&settings.auth_info_dir)?;
        surroundings::make_private(&settings.backup_dir);
        for warning in surroundings::warnings(&settings.auth_info_dir, &settings.baileys_store) {
            tracing::warn!("{warning}");
        }
        if let Some(state) = &settings.witness_dir
            && let Some(warning) = surroundings::of_witnesses(state, &settings.data_dir)
        {
            tracing::warn!("{warning}");
        }
        // The signals are caught before the sessions start, so that no stop request is missed.
        let stop = tokio::spawn(asked_to_stop()?);
        // Before the port: a busy one often means a second gateway on the same folder.
        let lock = Lock::on_folder(&settings.auth_info_dir)?;
        refuse_beside_baileys(&settings.auth_info_dir)?;
        let (keys, generated) = keys(&settings)?;
        let listener = listen(settings.listen).await?;
        let mut config = config(&settings, keys)?;
        let backups = scheduled_backups(&settings);
        config.api.backups = backups.as_ref().map(|keeper| {
            let record = keeper.record();
            Arc::new(move || record.evidence()) as EvidenceSource
        });
        tell_of_backups(&settings);
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
            let _ = tokio::time::timeout(BACKUP_PATIENCE, backups).await;
        }
        tracing::info!("stopped, everything is on disk");
        Ok(())
    }
}

/// Makes mounts usable that the settings name, where that is necessary.
fn adopt_mounts(settings: &Settings) {
    let mut mounts = vec![&*settings.auth_info_dir, &*settings.backup_dir, &*settings.baileys_store];
    if let LogFolder::Named(logs) | LogFolder::IfPresent(logs) = &settings.log.folder {
        mounts.push(logs);
    }
    surroundings::adopt_mounts(&mounts);
}

/// A Baileys session in the folder is taken over, but not from a program that still runs on it.
fn refuse_beside_baileys(auth_info: &Path) -> anyhow::Result<()> {
    if !auth_info.join(CREDENTIALS).exists() {
        return Ok(());
    }
    let owners = users::others(auth_info);
    if !owners.is_empty() {
        bail!(
            "a Baileys session lies in {} and is still in use by {}: stop it first, then wakeeper takes the session over",
            auth_info.display(),
            owners.join(", ")
        );
    }
    Ok(())
}

/// A folder of sessions without anything in it is how people begin anew; one line says what would bring the old session back.
fn tell_of_backups(settings: &Settings) {
    let auth_info = &settings.auth_info_dir;
    let used = [wakeeper_storage::ROWS_DATABASE, CREDENTIALS, "creds.json.moved"];
    let sessions =
        std::fs::read_dir(auth_info.join("sessions")).is_ok_and(|mut items| items.next().is_some());
    if sessions || used.iter().any(|name| auth_info.join(name).exists()) {
        return;
    }
    let places = Places::of(settings);
    let archives = Shelf::at(&places.backups).archives(Some(&places.label)).unwrap_or_default();
    let Some((newest, ..)) = archives.first() else { return };
    tracing::info!(
        "{} is empty, so a new session starts with a QR code. The newest backup of the last one is {}; stop this gateway, \
         run `wakeeper restore --auth-info-dir {} --backup-dir {} {}`, and start it again to have that login back",
        auth_info.display(),
        newest.display(),
        quoted(auth_info),
        quoted(&places.backups),
        quoted(newest),
    );
}

/// A path as a shell takes it, from any folder.
fn quoted(path: &Path) -> String {
    let text = path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string();
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The key policy, and the generated key when there is one.
fn keys(settings: &Settings) -> anyhow::Result<(KeyPolicy, Option<GeneratedKey>)> {
    Ok(match &settings.api_key {
        ApiKeySetting::Off => {
            tracing::warn!(
                "API_KEY=none: everybody on this machine may use the gateway; it listens on loopback only"
            );
            (KeyPolicy::Off, None)
        }
        ApiKeySetting::Fixed(key) => {
            if key.expose_secret().len() < 16 {
                tracing::warn!("API_KEY is short enough to be guessed; 32 random characters are better");
            }
            (KeyPolicy::required(key), None)
        }
        ApiKeySetting::Generated => {
            let generated = kept_or_generated(&settings.auth_info_dir)?;
            (KeyPolicy::required(&generated.key), Some(generated))
        }
    })
}

/// The listener, or one line that says what to do.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => bail!(
            "port {} on {} is in use by another program; stop it or set PORT to another one",
            address.port(),
            address.ip()
        ),
        Err(error) => {
            Err(error).with_context(|| format!("cannot listen on {address} (settings HOST and PORT)"))
        }
    }
}

fn config(settings: &Settings, keys: KeyPolicy) -> anyhow::Result<GatewayConfig> {
    let metrics = settings.metrics.then(|| measurements::record(&BUCKETS)).transpose()?;
    let public_url =
        settings.public_url.clone().unwrap_or_else(|| format!("http://localhost:{}", settings.listen.port()));
    Ok(GatewayConfig {
        engine: EngineConfig {
            auth_info_dir: settings.auth_info_dir.clone(),
            public_url,
            websocket_url: settings.websocket_url.clone(),
            max_media_bytes: settings.media_limit,
            max_transfer_bytes: settings.transfer_limit,
            allow_private_urls: settings.media_from_private_addresses,
            state_dir: settings.witness_dir.clone(),
            first_start: Some(first_start(settings)),
            ..EngineConfig::default()
        },
        webhooks: WebhookSettings {
            global: settings.webhook.clone().into_iter().collect(),
            addresses: settings.webhook_addresses.clone(),
            ..WebhookSettings::default()
        },
        api: ApiConfig { keys, body_limit: settings.body_limit, metrics, backups: None },
        serving: ServeLimits::with_connections(connections(settings.max_connections)),
        shutdown_timeout: settings.shutdown_timeout,
    })
}

/// Most connections of callers when none are set.
const MOST_CONNECTIONS: usize = 1_000;

/// How many connections of callers there may be. Half of the descriptors stay for sessions, files
/// and webhooks: a gateway without descriptors loses messages, one without connections only callers.
fn connections(wanted: Option<usize>) -> usize {
    let descriptors = raised_descriptors();
    let room = (descriptors / 2).max(1);
    let chosen = wanted.unwrap_or(MOST_CONNECTIONS);
    if let Some(wanted) = wanted
        && wanted > room
    {
        tracing::warn!(
            "MAX_CONNECTIONS is {wanted}, but this process may open only {descriptors} files: it takes {room} \
             connections. Raise the limit of open files (ulimit -n) or lower MAX_CONNECTIONS"
        );
    }
    chosen.min(room)
}

/// How many files this process may open, after it asked for as many as it may ask for: shells and
/// service managers set the first limit low for the sake of old programs.
fn raised_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) =
            setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| most as usize)
}

/// Keeps the sessions backed up, unless that is switched off.
fn scheduled_backups(settings: &Settings) -> Option<BackupKeeper<GatewaySessions>> {
    let Some(every) = settings.backup_interval else {
        tracing::warn!("BACKUP_INTERVAL is off: sessions are not backed up by themselves");
        return None;
    };
    let shown = settings.backup_dir.display();
    let prune = settings.care.rules.mend;
    let keep = if prune { "" } else { "; old ones are kept, because SESSION_CLEANUP_ENABLED is false" };
    tracing::info!("sessions are backed up to {shown} every {} when they changed{keep}", time(every));
    let backups = Places::of(settings).backup_store(prune, Arc::new(SystemClock));
    let sessions = GatewaySessions::new(settings.auth_info_dir.clone(), backups);
    Some(BackupKeeper::new(sessions, every, Arc::new(SystemClock)))
}

/// A Baileys session that lies in the folder is taken over.
fn first_start(settings: &Settings) -> FirstStart {
    let Places { store, backups, label, passphrase, .. } = Places::of(settings);
    FirstStart { store: Some(store), backup: BackupPlace { shelf: backups, label, passphrase } }
}

/// Upper bounds, in seconds, of the buckets that request times are counted in.
const BUCKETS: [f64; 9] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Says where the gateway is and, at the first start, what its key is.
fn announce(settings: &Settings, address: SocketAddr, generated: Option<&GeneratedKey>) {
    tracing::info!(
        "wakeeper {} listens on http://{address} (sessions in {})",
        env!("CARGO_PKG_VERSION"),
        settings.auth_info_dir.display()
    );
    match generated {
        Some(key) if key.is_new => {
            // Shown once, on purpose: whoever reads the first lines of the log runs the gateway.
            tracing::info!(
                target: logging::SHOWN_ONCE,
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
