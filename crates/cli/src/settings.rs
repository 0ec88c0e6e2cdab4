//! What the gateway is told from outside: flags, environment, a TOML file.
//!
//! Flags beat the environment, the environment beats the file. Every secret `X` may also stand in
//! the file that `X_FILE` names. Anything unknown or malformed is refused before anything starts.

pub mod catalog;
pub mod error;
mod source;
mod value;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

pub use error::SettingsError;
pub use source::Sources;
use source::Values;
use value::{parse_bool, parse_duration, parse_size};

/// Port of the gateway when none is set.
pub const DEFAULT_PORT: u16 = 8192;
/// Largest request body when none is set: WhatsApp's 16 MB of video and 64 MB documents as base64.
const DEFAULT_BODY_LIMIT: usize = 100 << 20;
/// Docker kills a container 10 s after asking it to stop.
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(9);

/// All settings that have an effect, typed.
#[derive(Debug)]
pub struct Settings {
    /// Where the gateway listens.
    pub listen: SocketAddr,
    /// Sessions, credentials and rows.
    pub auth_info_dir: PathBuf,
    /// The Baileys store that guides mount beside `auth_info`.
    pub baileys_store: PathBuf,
    /// How callers prove themselves.
    pub api_key: ApiKeySetting,
    /// Is `/metrics` served?
    pub metrics: bool,
    /// What callers put before `/api/files/...`; `None` is this machine's own address.
    pub public_url: Option<String>,
    /// Largest request body in bytes.
    pub body_limit: usize,
    /// How long a graceful shutdown may take.
    pub shutdown_timeout: Duration,
    /// The webhook for every session.
    pub webhook: Option<WebhookSettings>,
    /// The simulator's address, in demo builds.
    pub websocket_url: Option<String>,
    /// How log lines look.
    pub log: LogSettings,
    /// Settings that were given and change nothing in this version.
    pub without_effect: Vec<&'static str>,
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

/// `WHATSAPP_HOOK_*`, named as WAHA names them.
#[derive(Debug)]
pub struct WebhookSettings {
    /// Where events are posted.
    pub url: String,
    /// Event names; `*` is all.
    pub events: Vec<String>,
    /// Key of the HMAC-SHA512 signature.
    pub hmac_key: Option<SecretString>,
    /// `constant`, `linear` or `exponential`.
    pub retries_policy: Option<String>,
    /// Seconds before the first retry.
    pub retries_delay_seconds: Option<u32>,
    /// How often a delivery is tried again.
    pub retries_attempts: Option<u32>,
    /// Headers to add; values may be credentials.
    pub custom_headers: Vec<(String, SecretString)>,
}

/// How log lines look and which are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// `RUST_LOG`.
    pub filter: Option<String>,
}

impl Settings {
    /// Reads, checks and types all settings.
    pub fn resolve(sources: Sources) -> Result<Self, SettingsError> {
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
        Ok(Self {
            listen: SocketAddr::new(host, port),
            auth_info_dir: values.read("AUTH_INFO_DIR", non_empty, data_dir.join("auth_info"))?,
            baileys_store: values.read("BAILEYS_STORE", non_empty, data_dir.join("baileys_store.json"))?,
            api_key,
            metrics: values.read("METRICS", parse_bool, false)?,
            public_url: values.read("PUBLIC_URL", |text| parse_origin(text).map(Some), None)?,
            body_limit: values.read("REQUEST_BODY_LIMIT", parse_size, DEFAULT_BODY_LIMIT)?,
            shutdown_timeout: values.read("SHUTDOWN_TIMEOUT", parse_duration, DEFAULT_SHUTDOWN_TIMEOUT)?,
            webhook: webhook(&values)?,
            websocket_url: websocket_url(&values)?,
            log: LogSettings {
                json: values.read("LOG_FORMAT", |text| Some(text == "json"), false)?,
                filter: values.read("RUST_LOG", |text| parse_filter(text).map(Some), None)?,
            },
            without_effect: values.without_effect(),
        })
    }
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

fn webhook(values: &Values) -> Result<Option<WebhookSettings>, SettingsError> {
    const NEEDS_URL: [&str; 6] = [
        "WHATSAPP_HOOK_EVENTS",
        "WHATSAPP_HOOK_HMAC_KEY",
        "WHATSAPP_HOOK_RETRIES_POLICY",
        "WHATSAPP_HOOK_RETRIES_DELAY_SECONDS",
        "WHATSAPP_HOOK_RETRIES_ATTEMPTS",
        "WHATSAPP_HOOK_CUSTOM_HEADERS",
    ];
    let Some(url) = values.get("WHATSAPP_HOOK_URL") else {
        return match NEEDS_URL.into_iter().find(|name| values.get(name).is_some()) {
            Some(name) => {
                Err(SettingsError::Conflict { name, reason: "needs WHATSAPP_HOOK_URL to be set too".to_owned() })
            }
            None => Ok(None),
        };
    };
    let number = |name| values.read(name, |text| text.parse().ok().map(Some), None);
    Ok(Some(WebhookSettings {
        url: url.read(parse_http_url)?,
        events: values.read("WHATSAPP_HOOK_EVENTS", parse_events, vec!["*".to_owned()])?,
        hmac_key: values.get("WHATSAPP_HOOK_HMAC_KEY").map(|value| SecretString::from(value.text.as_str())),
        retries_policy: values.get("WHATSAPP_HOOK_RETRIES_POLICY").map(|value| value.text.clone()),
        retries_delay_seconds: number("WHATSAPP_HOOK_RETRIES_DELAY_SECONDS")?,
        retries_attempts: number("WHATSAPP_HOOK_RETRIES_ATTEMPTS")?,
        custom_headers: values.read("WHATSAPP_HOOK_CUSTOM_HEADERS", parse_headers, Vec::new())?,
    }))
}

fn websocket_url(values: &Values) -> Result<Option<String>, SettingsError> {
    let Some(value) = values.get("WHATSAPP_WS_URL") else { return Ok(None) };
    if cfg!(not(feature = "demo")) {
        return Err(SettingsError::Conflict {
            name: "WHATSAPP_WS_URL",
            reason: "only demo builds may talk to a server other than WhatsApp's (cargo build --features demo)"
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

fn parse_http_url(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| text.to_owned())
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

fn parse_headers(text: &str) -> Option<Vec<(String, SecretString)>> {
    text.split(';').filter(|pair| !pair.trim().is_empty()).map(parse_header).collect()
}

fn parse_header(pair: &str) -> Option<(String, SecretString)> {
    let (name, value) = pair.split_once(':')?;
    let (name, value) = (name.trim(), value.trim());
    reqwest::header::HeaderName::from_bytes(name.as_bytes()).ok()?;
    reqwest::header::HeaderValue::from_str(value).ok()?;
    Some((name.to_owned(), SecretString::from(value)))
}

fn parse_filter(text: &str) -> Option<String> {
    tracing_subscriber::EnvFilter::try_new(text).ok().map(|_| text.to_owned())
}

#[cfg(test)]
mod tests;
