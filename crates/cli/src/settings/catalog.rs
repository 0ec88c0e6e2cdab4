//! Every setting there is: its name, what it may hold, and whether it is a secret.

/// One setting. Its name is also its key in the TOML file, in lower case.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What the value may be.
    pub kind: Kind,
    /// Never shown, and also read from the file that `<name>_FILE` names.
    pub secret: bool,
    /// Who acts on it.
    pub effect: Effect,
}

/// Who acts on a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Every command that it concerns.
    Full,
    /// `wakeeper monitor` alone.
    Monitor,
}

/// What a setting's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Free text, checked by whoever uses it; the text says what is allowed.
    Text(&'static str),
    /// `true` or `false`.
    Bool,
    /// A whole number between the two, both included.
    Number(u64, u64),
    /// A time such as `60`, `60s`, `15m`, `6h` or `2d`; a bare number is seconds.
    Duration,
    /// A time as above, of a second at least.
    Time,
    /// A time as above, or `0` or `off` for never.
    Interval,
    /// A size in bytes such as `64MB`, `512KB` or `1048576`, more than nothing.
    Size,
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Kind {
    /// What is allowed, as error messages say it.
    pub fn allowed(self) -> String {
        match self {
            Self::Text(allowed) => allowed.to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Number(low, high) => format!("a whole number from {low} to {high}"),
            Self::Duration => "a time such as 60s, 15m or 6h (a bare number is seconds)".to_owned(),
            Self::Time => "a time such as 60s, 15m or 6h (a bare number is seconds), not 0".to_owned(),
            Self::Interval => "a time such as 6h or 30m (a bare number is seconds), or off".to_owned(),
            Self::Size => "a size such as 512KB, 64MB or a number of bytes, not 0".to_owned(),
            Self::Word(words) => words.join(", "),
        }
    }
}

const fn setting(name: &'static str, kind: Kind) -> Setting {
    Setting { name, kind, secret: false, effect: Effect::Full }
}

const fn secret(name: &'static str, kind: Kind) -> Setting {
    Setting { name, kind, secret: true, effect: Effect::Full }
}

/// A setting of `wakeeper monitor`.
const fn monitor(name: &'static str, kind: Kind) -> Setting {
    Setting { name, kind, secret: false, effect: Effect::Monitor }
}

const PATH: Kind = Kind::Text("a path");

/// All settings, in the order the documentation lists them.
pub const SETTINGS: &[Setting] = &[
    setting("HOST", Kind::Text("an IP address such as 0.0.0.0 or 127.0.0.1")),
    setting("PORT", Kind::Number(0, 65535)),
    setting("DATA_DIR", PATH),
    setting("AUTH_INFO_DIR", PATH),
    setting("BAILEYS_STORE", PATH),
    setting("BACKUP_DIR", PATH),
    setting("STATE_DIR", PATH),
    setting("LOG_DIR", Kind::Text("a path, or off")),
    secret("DATABASE_URL", Kind::Text("unset: this version stores its rows in SQLite under AUTH_INFO_DIR")),
    secret(
        "API_KEY",
        Kind::Text("1 to 256 visible ASCII characters, sha512:<128 hex digits>, or none (loopback only)"),
    ),
    setting("METRICS", Kind::Bool),
    setting("PUBLIC_URL", Kind::Text("an http:// or https:// address without a path")),
    setting("REQUEST_BODY_LIMIT", Kind::Size),
    setting("MEDIA_LIMIT", Kind::Size),
    setting("TRANSFER_LIMIT", Kind::Size),
    setting("MEDIA_FROM_PRIVATE_ADDRESSES", Kind::Bool),
    setting("MAX_CONNECTIONS", Kind::Number(1, 1_000_000)),
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
    Setting {
        name: "MONITOR_ALERT_URL",
        kind: Kind::Text("an http:// or https:// address"),
        secret: true,
        effect: Effect::Monitor,
    },
    Setting {
        name: "MONITOR_ALERT_HMAC_KEY",
        kind: Kind::Text("any text"),
        secret: true,
        effect: Effect::Monitor,
    },
    monitor("MONITOR_LISTEN", Kind::Text("off, or an address and port such as 127.0.0.1:8194")),
    monitor("MONITOR_STATE_DIR", PATH),
    setting("CONTAINER_NAME", Kind::Text("a container name")),
    setting("BACKUP_INTERVAL", Kind::Interval),
    setting("BACKUP_KEEP_LAST", Kind::Number(0, 100_000)),
    setting("BACKUP_KEEP_DAILY", Kind::Number(0, 100_000)),
    setting("BACKUP_KEEP_WEEKLY", Kind::Number(0, 100_000)),
    secret("BACKUP_PASSPHRASE", Kind::Text("a passphrase")),
    secret("WHATSAPP_HOOK_URL", Kind::Text("an http:// or https:// address")),
    setting("WHATSAPP_HOOK_EVENTS", Kind::Text("event names such as message, separated by commas, or *")),
    secret("WHATSAPP_HOOK_HMAC_KEY", Kind::Text("any text")),
    setting("WHATSAPP_HOOK_RETRIES_POLICY", Kind::Word(&["constant", "linear", "exponential"])),
    setting("WHATSAPP_HOOK_RETRIES_DELAY_SECONDS", Kind::Number(1, 86_400)),
    setting("WHATSAPP_HOOK_RETRIES_ATTEMPTS", Kind::Number(1, 1_000)),
    secret("WHATSAPP_HOOK_CUSTOM_HEADERS", Kind::Text("Name:value pairs separated by semicolons")),
    setting("WEBHOOK_PRIVATE_ADDRESSES", Kind::Bool),
    setting(
        "WEBHOOK_ALLOWED_TARGETS",
        Kind::Text(
            "host names, addresses and networks such as n8n, 10.0.0.7 and 10.1.0.0/16, separated by commas",
        ),
    ),
    setting(
        "WHATSAPP_WS_URL",
        Kind::Text("in demo builds only: ws:// or wss:// and a loopback or private host"),
    ),
    setting("LOG_FORMAT", Kind::Word(&["text", "json"])),
    setting("RUST_LOG", Kind::Text("a level (error, warn, info, debug, trace) or target=level pairs")),
];

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// Names that start with one of these belong to wakeeper, so an unknown one is a typing error.
/// Narrow on purpose: desktops set variables such as `SESSION_MANAGER`.
const OWN_PREFIXES: &[&str] = &[
    "WAKEEPER_",
    "WHATSAPP_",
    "SESSION_CLEANUP",
    "SESSION_ERROR",
    "BACKUP_",
    "AUTO_CLEANUP",
    "MONITOR_ALERT",
    "WEBHOOK_PRIVATE",
    "WEBHOOK_ALLOWED",
];

/// Does that environment name belong to wakeeper?
pub fn is_own_name(name: &str) -> bool {
    OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The known name that is closest to a mistyped one, when one is close.
pub fn closest(name: &str) -> Option<&'static str> {
    SETTINGS
        .iter()
        .map(|setting| (distance(name, setting.name), setting.name))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, name)| name)
}

/// Levenshtein distance in bytes; names are short ASCII.
fn distance(left: &str, right: &str) -> usize {
    let right = right.as_bytes();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
