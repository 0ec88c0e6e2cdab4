//! What the gateway uses.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use wakeeper_delivery::{addresses::AddressPolicy, alerts::AlertReceiver, webhook::RetentionSettings};
use wakeeper_gateway::KeepLimits;
use wakeeper_gateway::api::auth::KeySetting;
use wakeeper_gateway::api::old_app::OldAppConfig;
use wakeeper_logging::{LogFolder, LogSettings};
use wakeeper_settings::{Interval, Names, Note, SettingsError, Told, Values, parse_interval, parse_size};
use wakeeper_waha::WebhookConfig;

use crate::catalog::CATALOG;
use crate::monitor::alert;
use crate::{Settings, Surroundings, Typed, backup_interval, log_settings, webhook};

/// Port of the gateway when none is set.
pub const DEFAULT_PORT: u16 = 8192;
/// Largest request body when none is set: a file of the largest size in base64, and a little.
const DEFAULT_BODY_LIMIT: usize = 140 << 20;
/// WhatsApp takes documents of up to 2 GB; a gateway on a small server should not.
const DEFAULT_MEDIA_LIMIT: u64 = 100 << 20;
/// Room for files on their way when none is set.
const DEFAULT_TRANSFER_LIMIT: u64 = 1 << 30;
/// Logins a second after a start when nothing is set: WhatsApp sees one address log many devices in, and each costs this machine
/// time.
const DEFAULT_LOGINS_PER_SECOND: u32 = 10;
/// Docker kills a container 10 s after asking it to stop.
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(9);

/// Where the gateway listens, and who may use it.
#[derive(Debug)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// How callers prove themselves.
    pub api_key: KeySetting,
}

impl Typed for Listen {
    const NAMES: Names = Names::LikeUsed;

    fn read(values: &Values, _: &Surroundings) -> Result<Self, SettingsError> {
        let api_key = values.read("API_KEY", KeySetting::parse, KeySetting::Generated)?;
        let mut host = values.read("HOST", parse_host, IpAddr::V4(Ipv4Addr::UNSPECIFIED))?;
        if matches!(api_key, KeySetting::Off) && !host.is_loopback() {
            host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        }
        let port = values.number("PORT", DEFAULT_PORT)?;
        Ok(Self { address: SocketAddr::new(host, port), api_key })
    }
}

/// What a command uses that changes API keys.
#[derive(Debug)]
pub struct KeySettings {
    /// Where the gateway's files are.
    pub session: Settings,
    /// Where it listens, and who may use it.
    pub listen: Listen,
}

impl Typed for KeySettings {
    const NAMES: Names = Names::LikeUsed;

    fn read(values: &Values, surroundings: &Surroundings) -> Result<Self, SettingsError> {
        Ok(Self {
            session: Settings::read(values, surroundings)?,
            listen: Listen::read(values, surroundings)?,
        })
    }
}

/// What `wakeeper serve` uses.
#[derive(Debug)]
pub struct GatewaySettings {
    /// Where its files are.
    pub session: Settings,
    /// Where it listens, and who may use it.
    pub listen: Listen,
    /// How often sessions are backed up; `None` is never.
    pub backup_interval: Option<Duration>,
    /// Old backups are removed.
    pub prunes: bool,
    /// Who hears of incidents of its sessions.
    pub alert: Option<AlertReceiver>,
    /// Is `/metrics` served?
    pub metrics: bool,
    /// What callers put before `/api/files/...`; `None` is this machine's own address.
    pub public_url: Option<String>,
    /// Largest request body in bytes.
    pub body_limit: usize,
    /// Most connections of callers at the same time; `None` follows the limit of descriptors.
    pub max_connections: Option<usize>,
    /// Sessions that log in each second after the start; 0 is all at once.
    pub logins_per_second: u32,
    /// How long a graceful shutdown may take.
    pub shutdown_timeout: Duration,
    /// The webhook for every session, `WHATSAPP_HOOK_*`.
    pub webhook: Option<WebhookConfig>,
    /// How long dead letters are kept.
    pub dead_letter_retention: Duration,
    /// How long messages and received files are kept.
    pub keep: KeepLimits,
    /// A large database is written anew at the start, once, so that it gives room back.
    pub compact_database: bool,
    /// Words of messages are kept, so that they can be searched.
    pub message_search: bool,
    /// Where webhooks may go, `WEBHOOK_PRIVATE_ADDRESSES` and `WEBHOOK_ALLOWED_TARGETS`.
    pub webhook_addresses: AddressPolicy,
    /// Largest file in bytes that is sent by address, or received.
    pub media_limit: u64,
    /// Most bytes of all files together that are on their way from callers to WhatsApp.
    pub transfer_limit: u64,
    /// May files be fetched from loopback and private addresses?
    pub media_from_private_addresses: bool,
    /// Where the program is that converts files; `None` when it is switched off, or not there.
    pub ffmpeg: Option<PathBuf>,
    /// Who may use the old app's calls; `None` is nobody.
    pub old_app: Option<OldAppConfig>,
    /// Tools for language models are served at `/mcp`.
    pub mcp: bool,
    /// The simulator's address, in demo builds.
    pub websocket_url: Option<String>,
    /// How log lines look.
    pub log: LogSettings,
    /// What became of WAHA's settings, and of ours that do not count.
    pub notes: Vec<Note>,
    /// Every setting as callers of the API may see it: its value, secrets hidden, where it is set.
    pub shown: Shown,
}

/// Every setting by its name: its value, secrets hidden, where it is set.
pub struct Shown(pub BTreeMap<String, Option<String>>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // How a setting was written says nothing about what it came to.
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl GatewaySettings {
    /// What may be mounted from outside of a container, and has to be usable.
    pub fn mounts(&self) -> Vec<&Path> {
        let mut mounts = vec![&*self.auth_info_dir, &*self.backup_dir, &*self.baileys_store];
        if let LogFolder::Named(logs) | LogFolder::IfPresent(logs) = &self.log.folder {
            mounts.push(logs);
        }
        mounts
    }
}

impl Deref for GatewaySettings {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.session
    }
}

impl Typed for GatewaySettings {
    const NAMES: Names = Names::All;

    fn read(values: &Values, surroundings: &Surroundings) -> Result<Self, SettingsError> {
        let session = Settings::read(values, surroundings)?;
        let listen = Listen::read(values, surroundings)?;
        let notes = values.notes().iter().cloned().chain(host_is_overruled(values, &listen)).collect();
        let media_limit =
            values.read("MEDIA_LIMIT", |text| Some(parse_size(text)? as u64), DEFAULT_MEDIA_LIMIT)?;
        let webhook_addresses = webhook::addresses(values)?;
        Ok(Self {
            listen,
            backup_interval: backup_interval(values)?,
            prunes: values.flag("SESSION_CLEANUP_ENABLED", true)?,
            alert: alert(values)?,
            metrics: values.flag("METRICS", false)?,
            public_url: values.read("PUBLIC_URL", |text| parse_origin(text).map(Some), None)?,
            body_limit: values.read("REQUEST_BODY_LIMIT", parse_size, DEFAULT_BODY_LIMIT)?,
            max_connections: values.number_if_set("MAX_CONNECTIONS")?,
            logins_per_second: values.number("LOGINS_PER_SECOND", DEFAULT_LOGINS_PER_SECOND)?,
            dead_letter_retention: values
                .duration("DEAD_LETTER_RETENTION", RetentionSettings::default().dead)?,
            keep: keep_limits(values)?,
            compact_database: values.flag("COMPACT_DATABASE", false)?,
            message_search: values.flag("MESSAGE_SEARCH", false)?,
            shutdown_timeout: values.duration("SHUTDOWN_TIMEOUT", DEFAULT_SHUTDOWN_TIMEOUT)?,
            webhook: webhook::of_every_session(values, &webhook_addresses)?,
            webhook_addresses,
            media_limit,
            transfer_limit: transfer_limit(values, media_limit)?,
            media_from_private_addresses: values.flag("MEDIA_FROM_PRIVATE_ADDRESSES", false)?,
            ffmpeg: ffmpeg(values, surroundings)?,
            old_app: old_app(values, &session)?,
            mcp: values.flag("MCP", false)?,
            websocket_url: websocket_url(values)?,
            log: log_settings(values, &session.data_dir)?,
            notes,
            shown: shown(values),
            session,
        })
    }
}

/// The program that converts files. One that is named by its path has to be there; of a name alone the log says when it is not.
fn ffmpeg(values: &Values, surroundings: &Surroundings) -> Result<Option<PathBuf>, SettingsError> {
    let parse = |text: &str| Some((text != "off").then(|| PathBuf::from(text)));
    let Some(named) = values.read("FFMPEG", parse, Some(PathBuf::from("ffmpeg")))? else { return Ok(None) };
    let found = surroundings.program(&named);
    if found.is_none() && named.components().count() > 1 {
        let reason =
            "there is no program at that path; a name alone is looked for on the PATH, off converts nothing";
        return Err(SettingsError::Conflict { name: "FFMPEG", reason: reason.to_owned() });
    }
    Ok(found)
}

/// What is repeated to an old message, such as a delivery or a request under a known key, finds it for at least a day.
const LEAST_MESSAGE_RETENTION: Duration = Duration::from_hours(24);

/// The old app's calls ask for no key, so they are there only for networks that somebody named.
fn old_app(values: &Values, session: &Settings) -> Result<Option<OldAppConfig>, SettingsError> {
    let networks = values.read("OLD_APP_NETWORKS", parse_networks, Vec::new())?;
    let is_code =
        |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let code = |text: &str| is_code(text).then(|| Some(text.to_owned()));
    let country_code = values.read("OLD_APP_COUNTRY_CODE", code, None)?;
    if networks.is_empty() {
        return Ok(None);
    }
    let (auth_info, store) = (session.auth_info_dir.clone(), session.baileys_store.clone());
    Ok(Some(OldAppConfig { networks, country_code, auth_info, store }))
}

/// Addresses and networks between commas.
fn parse_networks(text: &str) -> Option<Vec<IpNet>> {
    let one = |part: &str| part.parse().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from));
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

fn keep_limits(values: &Values) -> Result<KeepLimits, SettingsError> {
    let age = |name| Ok::<_, SettingsError>(values.read(name, parse_interval, Interval::Off)?.every());
    let size = |name| values.read(name, |text| parse_size(text).map(|size| Some(size as u64)), None);
    let usual = KeepLimits::default();
    let keep = KeepLimits {
        message_age: age("MESSAGE_RETENTION")?,
        message_bytes: size("MESSAGE_RETENTION_SIZE")?,
        media_age: age("MEDIA_RETENTION")?,
        media_bytes: size("MEDIA_RETENTION_SIZE")?.unwrap_or(usual.media_bytes),
    };
    if keep.message_age.is_some_and(|age| age < LEAST_MESSAGE_RETENTION) {
        let reason =
            "must be at least 1d, or off; what WhatsApp delivers twice is told by the stored message"
                .to_owned();
        return Err(SettingsError::Conflict { name: "MESSAGE_RETENTION", reason });
    }
    Ok(keep)
}

fn shown(values: &Values) -> Shown {
    let all = CATALOG.settings.iter().map(|setting| (setting.name.to_owned(), None));
    let set = values.list().into_iter().map(|listed| (listed.name.to_owned(), Some(unquoted(&listed.value))));
    Shown(all.chain(set).collect())
}

/// Lists of settings show texts between quotation marks.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value).to_owned()
}

/// A host that everybody reaches does not count without a key.
fn host_is_overruled(values: &Values, listen: &Listen) -> Option<Note> {
    let host = values.get("HOST").and_then(|value| parse_host(&value.text))?;
    let told = Told::Protected("without an API key (API_KEY=none) the gateway listens on 127.0.0.1 alone");
    (host != listen.address.ip()).then(|| Note { name: "HOST".to_owned(), told })
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

/// An address to listen on; `localhost` is 127.0.0.1.
pub fn parse_host(text: &str) -> Option<IpAddr> {
    if text == "localhost" { Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { text.parse().ok() }
}

fn parse_origin(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok()?;
    let is_anybody = url.username().is_empty() && url.password().is_none() && !text.contains('@');
    let bare = is_anybody && url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (bare && matches!(url.scheme(), "http" | "https")).then(|| text.trim_end_matches('/').to_owned())
}
