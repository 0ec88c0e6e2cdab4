//! Every setting there is: its name, what it may hold, and whether it is a secret.

use wakeeper_gateway::api::auth::KeySetting;
use wakeeper_settings::{Catalog, Kind, Setting};

use crate::waha;

/// All settings, and whose names are ours.
pub const CATALOG: Catalog = Catalog {
    settings: SETTINGS,
    own_prefixes: OWN_PREFIXES,
    file_variable: "WAKEEPER_CONFIG",
    usual_file: "wakeeper.toml",
    foreign: waha::SETTINGS,
    foreign_prefixes: waha::PREFIXES,
    shared_prefixes: waha::SHARED_PREFIXES,
    others: OTHERS,
    same,
};

/// A key and its hash are the same key.
fn same(setting: &'static Setting, one: &str, other: &str) -> bool {
    let keys = || KeySetting::parse(one).zip(KeySetting::parse(other));
    one == other || (setting.name == "API_KEY" && keys().is_some_and(|(one, other)| one.is_same(&other)))
}

const fn setting(name: &'static str, kind: Kind) -> Setting {
    Setting::new(name, kind)
}

/// A setting of `wakeeper monitor`.
const fn monitor(name: &'static str, kind: Kind) -> Setting {
    Setting::new(name, kind).of("wakeeper monitor")
}

const PATH: Kind = Kind::Text("a path");

/// All settings, in the order the documentation lists them.
const SETTINGS: &[Setting] = &[
    setting("HOST", Kind::Text("an IP address such as 0.0.0.0 or 127.0.0.1")),
    setting("PORT", Kind::Number(0, 65535)),
    setting("DATA_DIR", PATH),
    setting("AUTH_INFO_DIR", PATH),
    setting("BAILEYS_STORE", PATH),
    setting("BACKUP_DIR", PATH),
    setting("STATE_DIR", PATH),
    setting("LOG_DIR", Kind::Text("a path, or off")),
    setting(
        "API_KEY",
        Kind::Text("1 to 256 visible ASCII characters, sha512:<128 hex digits>, or none (loopback only)"),
    )
    .secret(),
    setting("METRICS", Kind::Bool),
    setting(
        "PUBLIC_URL",
        Kind::Text("an address that begins with http:// or https://, without a path, a user and a password"),
    ),
    setting("REQUEST_BODY_LIMIT", Kind::Size),
    setting("MEDIA_LIMIT", Kind::Size),
    setting("TRANSFER_LIMIT", Kind::Size),
    setting("MEDIA_FROM_PRIVATE_ADDRESSES", Kind::Bool),
    setting("FFMPEG", Kind::Text("a path, the name of a program on the PATH, or off")),
    setting("MAX_CONNECTIONS", Kind::Number(1, 1_000_000)),
    setting("LOGINS_PER_SECOND", Kind::Number(0, 1_000)),
    setting("SHUTDOWN_TIMEOUT", Kind::Time),
    setting("SESSION_CLEANUP_ENABLED", Kind::Bool),
    monitor("SESSION_CLEANUP_WAIT", Kind::Duration),
    monitor("SESSION_CLEANUP_VERIFY", Kind::Duration),
    monitor("SESSION_CLEANUP_COOL_DOWN", Kind::Duration),
    monitor("SESSION_CLEANUP_TRIES", Kind::Number(1, 100)),
    monitor("SESSION_ERROR_THRESHOLD", Kind::Number(1, 1_000_000)),
    monitor("SESSION_ERROR_WINDOW", Kind::Time),
    monitor("SESSION_ERROR_PEER_THRESHOLD", Kind::Number(1, 64)),
    monitor("SESSION_ERROR_PEER_WINDOW", Kind::Time),
    monitor("AUTO_CLEANUP_ON_ERROR", Kind::Bool),
    monitor("ENABLE_ERROR_MONITORING", Kind::Bool),
    setting("MONITOR_ALERT_URL", Kind::Text("an address that begins with http:// or https://")).secret(),
    setting("MONITOR_ALERT_HMAC_KEY", Kind::Text("any text")).secret(),
    monitor("MONITOR_LISTEN", Kind::Text("off, or an address and port such as 127.0.0.1:8194")),
    setting("MONITOR_STATE_DIR", PATH),
    setting("CONTAINER_NAME", Kind::Text("a container name")),
    setting("BACKUP_INTERVAL", Kind::Interval),
    setting("BACKUP_KEEP_LAST", Kind::Number(0, 100_000)),
    setting("BACKUP_KEEP_DAILY", Kind::Number(0, 100_000)),
    setting("BACKUP_KEEP_WEEKLY", Kind::Number(0, 100_000)),
    setting("BACKUP_PASSPHRASE", Kind::Text("a passphrase")).secret(),
    setting("WHATSAPP_HOOK_URL", Kind::Text("an address that begins with http:// or https://")).secret(),
    setting("WHATSAPP_HOOK_EVENTS", Kind::Text("event names such as message, separated by commas, or *"))
        .list(),
    setting("WHATSAPP_HOOK_HMAC_KEY", Kind::Text("any text")).secret(),
    setting("WHATSAPP_HOOK_RETRIES_POLICY", Kind::Word(&["constant", "linear", "exponential"])),
    setting("WHATSAPP_HOOK_RETRIES_DELAY_SECONDS", Kind::Number(1, 86_400)),
    setting("WHATSAPP_HOOK_RETRIES_ATTEMPTS", Kind::Number(1, 1_000)),
    setting("WHATSAPP_HOOK_CUSTOM_HEADERS", Kind::Text("Name:value pairs separated by semicolons")).secret(),
    setting("WEBHOOK_PRIVATE_ADDRESSES", Kind::Bool),
    setting("DEAD_LETTER_RETENTION", Kind::Time),
    setting("MESSAGE_RETENTION", Kind::Interval),
    setting("MESSAGE_RETENTION_SIZE", Kind::Size),
    setting("MEDIA_RETENTION", Kind::Interval),
    setting("MEDIA_RETENTION_SIZE", Kind::Size),
    setting("COMPACT_DATABASE", Kind::Bool),
    setting("MESSAGE_SEARCH", Kind::Bool),
    setting(
        "WEBHOOK_ALLOWED_TARGETS",
        Kind::Text(
            "host names, addresses and networks such as n8n, 10.0.0.7 and 10.1.0.0/16, separated by commas",
        ),
    )
    .list(),
    setting(
        "OLD_APP_NETWORKS",
        Kind::Text("addresses and networks such as 127.0.0.1 and 172.16.0.0/12, separated by commas"),
    )
    .list(),
    setting("MCP", Kind::Bool),
    setting("OLD_APP_COUNTRY_CODE", Kind::Text("1 to 3 digits such as 62")),
    setting(
        "WHATSAPP_WS_URL",
        Kind::Text("in demo builds only: ws:// or wss:// and a loopback or private host"),
    ),
    setting("LOG_FORMAT", Kind::Word(&["text", "json"])),
    setting("RUST_LOG", Kind::Text("a level (error, warn, info, debug, trace) or target=level pairs")).list(),
];

/// Names of other programs that are a letter or two away from a setting here.
const OTHERS: &[&str] = &["LOGDIR", "BACKUPDIR"];

/// Names that start with one of these belong to wakeeper, so an unknown one is a typing error.
/// Narrow on purpose: desktops set variables such as `SESSION_MANAGER`, other programs `BACKUP_HOST` and `DEAD_LETTER_QUEUE`.
const OWN_PREFIXES: &[&str] = &[
    "WAKEEPER",
    "WHATSAPP_HOOK_",
    "SESSION_CLEANUP",
    "SESSION_ERROR",
    "AUTO_CLEANUP",
    "MONITOR_ALERT",
    "WEBHOOK_PRIVATE",
    "WEBHOOK_ALLOWED",
    "OLD_APP_",
];
