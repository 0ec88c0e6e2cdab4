//! What the gateway is told from outside: flags, environment, a TOML file.
//!
//! [`catalog`] declares them; here their texts become what the program works with.

pub mod catalog;
mod monitor;
mod webhook;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use wakeeper_delivery::{addresses::AddressPolicy, webhook::RetentionSettings};
use wakeeper_doctor::backup::Retention;
use wakeeper_doctor::secret::Passphrase;
use wakeeper_gateway::api::auth::KeySetting;
use wakeeper_logging::{LogFolder, LogSettings, is_filter};
use wakeeper_settings::{Interval, SettingsError, Sources, Values, parse_interval, parse_size};
use wakeeper_waha::WebhookConfig;

pub use monitor::MonitorSettings;

use catalog::CATALOG;

/// Port of the gateway when none is set.
pub const DEFAULT_PORT: u16 = 8192;
/// Largest request body when none is set: a file of the largest size in base64, and a little.
const DEFAULT_BODY_LIMIT: usize = 140 << 20;
/// WhatsApp takes documents of up to 2 GB; a gateway on a small server should not.
const DEFAULT_MEDIA_LIMIT: u64 = 100 << 20;
/// Room for files on their way when none is set.
const DEFAULT_TRANSFER_LIMIT: u64 = 1 << 30;
/// How often sessions are backed up when nothing else is said.
const DEFAULT_BACKUP_INTERVAL: Interval = Interval::Every(Duration::from_hours(6));
/// Docker kills a container 10 s after asking it to stop.
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(9);

/// All settings that have an effect, typed.
#[derive(Debug)]
pub struct Settings {
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// What everything else lies in, unless it is set.
    pub data_dir: PathBuf,
    /// Sessions, credentials and rows.
    pub auth_info_dir: PathBuf,
    /// The Baileys store that guides mount beside `auth_info`.
    pub baileys_store: PathBuf,
    /// Where backups go.
    pub backup_dir: PathBuf,
    /// Folder of notes on containers that are stopped for the time of a repair; nobody else may write to it.
    pub state_dir: PathBuf,
    /// `STATE_DIR`, when it is set: there the gateway also keeps how far each login is.
    pub witness_dir: Option<PathBuf>,
    /// How often sessions are backed up; `None` is never.
    pub backup_interval: Option<Duration>,
    /// Which backups pruning keeps.
    pub retention: Retention,
    /// Encrypts backups.
    pub backup_passphrase: Option<Passphrase>,
    /// How sessions are watched and repaired.
    pub monitor: MonitorSettings,
    /// How callers prove themselves.
    pub api_key: KeySetting,
    /// Is `/metrics` served?
    pub metrics: bool,
    /// What callers put before `/api/files/...`; `None` is this machine's own address.
    pub public_url: Option<String>,
    /// Largest request body in bytes.
    pub body_limit: usize,
    /// Most connections of callers at the same time; `None` follows the limit of descriptors.
    pub max_connections: Option<usize>,
    /// How long a graceful shutdown may take.
    pub shutdown_timeout: Duration,
    /// The webhook for every session, `WHATSAPP_HOOK_*`.
    pub webhook: Option<WebhookConfig>,
    /// How long dead letters are kept.
    pub dead_letter_retention: Duration,
    /// Where webhooks may go, `WEBHOOK_PRIVATE_ADDRESSES` and `WEBHOOK_ALLOWED_TARGETS`.
    pub webhook_addresses: AddressPolicy,
    /// Largest file in bytes that is sent by address, or received.
    pub media_limit: u64,
    /// Most bytes of all files together that are on their way from callers to WhatsApp.
    pub transfer_limit: u64,
    /// May files be fetched from loopback and private addresses?
    pub media_from_private_addresses: bool,
    /// The simulator's address, in demo builds.
    pub websocket_url: Option<String>,
    /// How log lines look.
    pub log: LogSettings,
}

/// Where this user's programs keep their state. Never below the data folder, which may be mounted into a container.
fn usual_state_dir(environment: &[(OsString, OsString)]) -> PathBuf {
    let variable = |wanted: &str| {
        let found = environment.iter().find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value)).filter(|path| path.is_absolute())
    };
    variable("XDG_STATE_HOME")
        .or_else(|| Some(variable("HOME")?.join(".local/state")))
        .unwrap_or_else(|| PathBuf::from("/var/lib"))
        .join("wakeeper")
}

impl Settings {
    /// Reads, checks and types all settings.
    pub fn resolve(sources: Sources) -> Result<Self, SettingsError> {
        let state_dir = usual_state_dir(&sources.environment);
        let values = Values::collect(&CATALOG, sources)?;
        let data_dir = values.path("DATA_DIR")?.unwrap_or_else(|| PathBuf::from("."));
        let api_key = values.read("API_KEY", KeySetting::parse, KeySetting::Generated)?;
        let mut host = values.read("HOST", parse_host, IpAddr::V4(Ipv4Addr::UNSPECIFIED))?;
        if matches!(api_key, KeySetting::Off) && !host.is_loopback() {
            host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        }
        let port = values.number("PORT", DEFAULT_PORT)?;
        if let Some(database) = values.get("DATABASE_URL") {
            return Err(database.malformed());
        }
        let media_limit =
            values.read("MEDIA_LIMIT", |text| Some(parse_size(text)? as u64), DEFAULT_MEDIA_LIMIT)?;
        let webhook_addresses = webhook::addresses(&values)?;
        let witness_dir = values.path("STATE_DIR")?;
        let backup_dir = below(&values, "BACKUP_DIR", &data_dir, "session_backups")?;
        Ok(Self {
            listen: SocketAddr::new(host, port),
            auth_info_dir: below(&values, "AUTH_INFO_DIR", &data_dir, "auth_info")?,
            baileys_store: below(&values, "BAILEYS_STORE", &data_dir, "baileys_store.json")?,
            data_dir: data_dir.clone(),
            backup_dir: backup_dir.clone(),
            state_dir: witness_dir.clone().unwrap_or(state_dir),
            witness_dir,
            backup_interval: values.read("BACKUP_INTERVAL", parse_interval, DEFAULT_BACKUP_INTERVAL)?.every(),
            retention: retention(&values)?,
            monitor: MonitorSettings::of(&values, &backup_dir)?,
            backup_passphrase: values
                .get("BACKUP_PASSPHRASE")
                .map(|value| Passphrase::new(value.text.clone())),
            api_key,
            metrics: values.flag("METRICS", false)?,
            public_url: values.read("PUBLIC_URL", |text| parse_origin(text).map(Some), None)?,
            body_limit: values.read("REQUEST_BODY_LIMIT", parse_size, DEFAULT_BODY_LIMIT)?,
            max_connections: values.number_if_set("MAX_CONNECTIONS")?,
            dead_letter_retention: values
                .duration("DEAD_LETTER_RETENTION", RetentionSettings::default().dead)?,
            shutdown_timeout: values.duration("SHUTDOWN_TIMEOUT", DEFAULT_SHUTDOWN_TIMEOUT)?,
            webhook: webhook::of_every_session(&values, &webhook_addresses)?,
            webhook_addresses,
            media_limit,
            transfer_limit: transfer_limit(&values, media_limit)?,
            media_from_private_addresses: values.flag("MEDIA_FROM_PRIVATE_ADDRESSES", false)?,
            websocket_url: websocket_url(&values)?,
            log: LogSettings {
                json: values.read("LOG_FORMAT", |text| Some(text == "json"), false)?,
                filter: values.read(
                    "RUST_LOG",
                    |text| is_filter(text).then(|| Some(text.to_owned())),
                    None,
                )?,
                folder: log_folder(&values, &data_dir)?,
            },
        })
    }
}

fn log_folder(values: &Values, data_dir: &Path) -> Result<LogFolder, SettingsError> {
    if values.get("LOG_DIR").is_some() {
        return values.read("LOG_DIR", LogFolder::parse, LogFolder::Off);
    }
    Ok(LogFolder::IfPresent(below(values, "LOG_DIR", data_dir, "logs")?))
}

/// A path that is set, or that name in the data folder.
fn below(
    values: &Values,
    setting: &'static str,
    data_dir: &Path,
    name: &str,
) -> Result<PathBuf, SettingsError> {
    if let Some(path) = values.path(setting)? {
        return Ok(path);
    }
    wakeeper_private_fs::beneath(data_dir, Path::new(name))
        .map_err(|error| SettingsError::Conflict { name: setting, reason: error.to_string() })
}

/// A file lies on disk twice on its way, as it is and encrypted; with less room than that for the
/// largest file, it could never be sent.
fn transfer_limit(values: &Values, media_limit: u64) -> Result<u64, SettingsError> {
    let least = media_limit.saturating_mul(2).saturating_add(1 << 20);
    let usual = DEFAULT_TRANSFER_LIMIT.max(least);
    let wanted = values.read("TRANSFER_LIMIT", |text| Some(parse_size(text)? as u64), usual)?;
    if wanted < least {
        return Err(SettingsError::Conflict {
            name: "TRANSFER_LIMIT",
            reason: format!("must be at least {least} bytes: twice MEDIA_LIMIT and 1 MB"),
        });
    }
    Ok(wanted)
}

fn retention(values: &Values) -> Result<Retention, SettingsError> {
    let usual = Retention::default();
    Ok(Retention {
        last: values.number("BACKUP_KEEP_LAST", usual.last)?,
        daily: values.number("BACKUP_KEEP_DAILY", usual.daily)?,
        weekly: values.number("BACKUP_KEEP_WEEKLY", usual.weekly)?,
    })
}

fn websocket_url(values: &Values) -> Result<Option<String>, SettingsError> {
    let Some(value) = values.get("WHATSAPP_WS_URL") else { return Ok(None) };
    if cfg!(not(feature = "demo")) {
        return Err(SettingsError::Conflict {
            name: "WHATSAPP_WS_URL",
            reason:
                "only demo builds may talk to a server other than WhatsApp's (cargo build --features demo)"
                    .to_owned(),
        });
    }
    value.read(|text| {
        let uri = reqwest::Url::parse(text).ok()?;
        (matches!(uri.scheme(), "ws" | "wss") && uri.has_host()).then(|| Some(text.to_owned()))
    })
}

fn parse_host(text: &str) -> Option<IpAddr> {
    if text == "localhost" { Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { text.parse().ok() }
}

fn parse_origin(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (bare && matches!(url.scheme(), "http" | "https")).then(|| text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests;
