//! What the gateway is told from outside: flags, environment, a TOML file.
//!
//! Flags beat the environment, the environment beats the file. Every secret `X` may also stand in
//! the file that `X_FILE` names. Anything unknown or malformed is refused before anything starts.

mod care;
pub mod catalog;
pub mod error;
mod source;
mod value;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use wakeeper_doctor::backup::Retention;
use wakeeper_doctor::secret::Passphrase;

pub use care::CareSettings;
pub use error::SettingsError;
pub use source::Sources;
use source::Values;
pub use value::parse_duration;
use value::{Interval, parse_bool, parse_interval, parse_size};
use wakeeper_delivery::addresses::{AddressPolicy, AllowedTarget};
use wakeeper_delivery::webhook::{WebhookConfigError, check_webhooks};
use wakeeper_waha::{CustomHeader, HmacConfig, RetriesConfig, RetryPolicy, WebhookConfig};

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
    /// How sessions are watched and mended.
    pub care: CareSettings,
    /// How callers prove themselves.
    pub api_key: ApiKeySetting,
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

/// How callers of the API prove themselves.
#[derive(Clone, Debug)]
pub enum ApiKeySetting {
    /// A key is generated at the first start and kept.
    Generated,
    /// This key, or its SHA-512 as `sha512:<hex>`.
    Fixed(SecretString),
    /// No key; the gateway listens on loopback only.
    Off,
}

/// How log lines look and which are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// `RUST_LOG`.
    pub filter: Option<String>,
    /// Where log files go.
    pub folder: LogFolder,
}

/// Where log files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFolder {
    /// This folder, made when it does not exist.
    Named(PathBuf),
    /// `logs` in the data folder, if it exists: a mount of the container, as a rule.
    IfPresent(PathBuf),
    /// No log files.
    Off,
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
        let values = Values::collect(sources)?;
        let data_dir = values.read("DATA_DIR", non_empty, PathBuf::from("."))?;
        let api_key = api_key(&values)?;
        let mut host = values.read("HOST", parse_host, IpAddr::V4(Ipv4Addr::UNSPECIFIED))?;
        if matches!(api_key, ApiKeySetting::Off) && !host.is_loopback() {
            host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        }
        let port = values.read("PORT", |text| text.parse().ok(), DEFAULT_PORT)?;
        if let Some(database) = values.get("DATABASE_URL") {
            return Err(database.malformed());
        }
        let media_limit =
            values.read("MEDIA_LIMIT", |text| Some(parse_size(text)? as u64), DEFAULT_MEDIA_LIMIT)?;
        let webhook_addresses = webhook_addresses(&values)?;
        let backup_dir = below(&values, "BACKUP_DIR", &data_dir, "session_backups")?;
        Ok(Self {
            listen: SocketAddr::new(host, port),
            auth_info_dir: below(&values, "AUTH_INFO_DIR", &data_dir, "auth_info")?,
            baileys_store: below(&values, "BAILEYS_STORE", &data_dir, "baileys_store.json")?,
            data_dir: data_dir.clone(),
            backup_dir: backup_dir.clone(),
            witness_dir: values
                .get("STATE_DIR")
                .map(|_| values.read("STATE_DIR", non_empty, PathBuf::new()))
                .transpose()?,
            state_dir: values.read("STATE_DIR", non_empty, state_dir)?,
            backup_interval: values.read("BACKUP_INTERVAL", parse_interval, DEFAULT_BACKUP_INTERVAL)?.every(),
            retention: retention(&values)?,
            care: CareSettings::of(&values, &backup_dir)?,
            backup_passphrase: values
                .get("BACKUP_PASSPHRASE")
                .map(|value| Passphrase::new(value.text.clone())),
            api_key,
            metrics: values.read("METRICS", parse_bool, false)?,
            public_url: values.read("PUBLIC_URL", |text| parse_origin(text).map(Some), None)?,
            body_limit: values.read("REQUEST_BODY_LIMIT", parse_size, DEFAULT_BODY_LIMIT)?,
            max_connections: values.read("MAX_CONNECTIONS", |text| text.parse().ok().map(Some), None)?,
            shutdown_timeout: values.read("SHUTDOWN_TIMEOUT", parse_duration, DEFAULT_SHUTDOWN_TIMEOUT)?,
            webhook: webhook(&values, &webhook_addresses)?,
            webhook_addresses,
            media_limit,
            transfer_limit: transfer_limit(&values, media_limit)?,
            media_from_private_addresses: values.read("MEDIA_FROM_PRIVATE_ADDRESSES", parse_bool, false)?,
            websocket_url: websocket_url(&values)?,
            log: LogSettings {
                json: values.read("LOG_FORMAT", |text| Some(text == "json"), false)?,
                filter: values.read("RUST_LOG", |text| parse_filter(text).map(Some), None)?,
                folder: log_folder(&values, &data_dir)?,
            },
        })
    }
}

fn log_folder(values: &Values, data_dir: &Path) -> Result<LogFolder, SettingsError> {
    if values.get("LOG_DIR").is_some() {
        return values.read("LOG_DIR", parse_log_folder, LogFolder::Off);
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
    if values.get(setting).is_some() {
        return values.read(setting, non_empty, PathBuf::new());
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
    let count = |name, default| values.read(name, |text| text.parse().ok(), default);
    Ok(Retention {
        last: count("BACKUP_KEEP_LAST", usual.last)?,
        daily: count("BACKUP_KEEP_DAILY", usual.daily)?,
        weekly: count("BACKUP_KEEP_WEEKLY", usual.weekly)?,
    })
}

fn api_key(values: &Values) -> Result<ApiKeySetting, SettingsError> {
    values.read(
        "API_KEY",
        |text| match text {
            "none" => Some(ApiKeySetting::Off),
            key if is_hash(key) || (is_key(key) && !key.starts_with("sha512:")) => {
                Some(ApiKeySetting::Fixed(SecretString::from(key)))
            }
            _ => None,
        },
        ApiKeySetting::Generated,
    )
}

fn is_key(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_hash(text: &str) -> bool {
    let hex = text.strip_prefix("sha512:");
    hex.is_some_and(|hex| hex.len() == 128 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The settings of the webhook, the address first: without it the others mean nothing.
const WEBHOOK: [&str; 7] = [
    "WHATSAPP_HOOK_URL",
    "WHATSAPP_HOOK_EVENTS",
    "WHATSAPP_HOOK_HMAC_KEY",
    "WHATSAPP_HOOK_RETRIES_POLICY",
    "WHATSAPP_HOOK_RETRIES_DELAY_SECONDS",
    "WHATSAPP_HOOK_RETRIES_ATTEMPTS",
    "WHATSAPP_HOOK_CUSTOM_HEADERS",
];

fn webhook_addresses(values: &Values) -> Result<AddressPolicy, SettingsError> {
    let private = values.read("WEBHOOK_PRIVATE_ADDRESSES", parse_bool, true)?;
    let allowed = values.read("WEBHOOK_ALLOWED_TARGETS", parse_targets, Vec::new())?;
    if private && !allowed.is_empty() {
        return Err(SettingsError::Conflict {
            name: "WEBHOOK_ALLOWED_TARGETS",
            reason: "has no effect unless WEBHOOK_PRIVATE_ADDRESSES is false".to_owned(),
        });
    }
    Ok(AddressPolicy { private, allowed })
}

fn parse_targets(text: &str) -> Option<Vec<AllowedTarget>> {
    text.split(',').map(|target| target.trim().parse().ok()).collect()
}

fn webhook(values: &Values, allowed: &AddressPolicy) -> Result<Option<WebhookConfig>, SettingsError> {
    let [address, events, key, policy, delay, attempts, headers] = WEBHOOK;
    let Some(url) = values.get(address) else {
        return match WEBHOOK.into_iter().find(|name| values.get(name).is_some()) {
            Some(name) => {
                Err(SettingsError::Conflict { name, reason: format!("needs {address} to be set too") })
            }
            None => Ok(None),
        };
    };
    let number = |name| values.read(name, |text| text.parse().ok().map(Some), None);
    let config = WebhookConfig {
        url: url.text.clone(),
        events: values.read(events, parse_events, vec!["*".to_owned()])?,
        hmac: values.get(key).map(|value| HmacConfig { key: Some(value.text.as_str().into()) }),
        retries: Some(RetriesConfig {
            policy: values.read(policy, |text| parse_policy(text).map(Some), None)?,
            delay_seconds: number(delay)?,
            attempts: number(attempts)?,
        }),
        custom_headers: values.read(headers, |text| parse_headers(text).map(Some), None)?,
    };
    match check_webhooks(std::slice::from_ref(&config), allowed) {
        Ok(()) => Ok(Some(config)),
        Err(error) => {
            let name = match error {
                WebhookConfigError::Refused(_)
                | WebhookConfigError::ReservedHeader(_)
                | WebhookConfigError::HeaderName
                | WebhookConfigError::HeaderValue(_) => {
                    let name =
                        if matches!(error, WebhookConfigError::Refused(_)) { address } else { headers };
                    return Err(SettingsError::Conflict { name, reason: error.to_string() });
                }
                WebhookConfigError::Url => address,
                WebhookConfigError::Event => events,
                WebhookConfigError::Key => key,
                WebhookConfigError::Delay => delay,
                WebhookConfigError::Attempts => attempts,
                WebhookConfigError::Headers => headers,
            };
            Err(values.get(name).unwrap_or(url).malformed())
        }
    }
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

fn non_empty(text: &str) -> Option<PathBuf> {
    (!text.trim().is_empty()).then(|| PathBuf::from(text))
}

fn parse_host(text: &str) -> Option<IpAddr> {
    if text == "localhost" { Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { text.parse().ok() }
}

fn parse_origin(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (bare && matches!(url.scheme(), "http" | "https")).then(|| text.trim_end_matches('/').to_owned())
}

fn parse_events(text: &str) -> Option<Vec<String>> {
    let events: Vec<String> = text.split(',').map(|event| event.trim().to_owned()).collect();
    events.iter().all(|event| !event.is_empty()).then_some(events)
}

fn parse_policy(text: &str) -> Option<RetryPolicy> {
    match text {
        "constant" => Some(RetryPolicy::Constant),
        "linear" => Some(RetryPolicy::Linear),
        "exponential" => Some(RetryPolicy::Exponential),
        _ => None,
    }
}

fn parse_headers(text: &str) -> Option<Vec<CustomHeader>> {
    let pairs = text.split(';').filter(|pair| !pair.trim().is_empty());
    let header = |pair: &str| {
        let (name, value) = pair.split_once(':')?;
        Some(CustomHeader { name: name.trim().to_owned(), value: value.trim().into() })
    };
    pairs.map(header).collect()
}

fn parse_log_folder(text: &str) -> Option<LogFolder> {
    if text.eq_ignore_ascii_case("off") {
        return Some(LogFolder::Off);
    }
    non_empty(text).map(LogFolder::Named)
}

fn parse_filter(text: &str) -> Option<String> {
    tracing_subscriber::EnvFilter::try_new(crate::logging::directives(text)).ok().map(|_| text.to_owned())
}

#[cfg(test)]
mod tests;
