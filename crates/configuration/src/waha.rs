//! WAHA's settings: what each means here. Their names are facts of its documentation.

use wakeeper_settings::{Foreign, Meaning};

/// Other names of WAHA's that start so are WAHA's, whatever they are.
pub const PREFIXES: &[&str] = &["WAHA_"];

/// Names of ours, of WAHA's and of other gateways start so.
pub const SHARED_PREFIXES: &[&str] = &["WHATSAPP_"];

const fn means(name: &'static str, meaning: Meaning) -> Foreign {
    Foreign { name, meaning }
}

const PASSWORD: Meaning = Meaning::Protected(
    "the page and the documentation ask for the API key instead, and /docs can be read without it",
);
const TLS: Meaning = Meaning::Protected("this gateway speaks HTTP; put a proxy that speaks HTTPS before it");
const PROXY: Meaning =
    Meaning::Protected("there is no proxy for all sessions; give each its own, config.proxy in its settings");
const DATABASE: Meaning = Meaning::NotNeeded;

/// WAHA's settings that are known by name, and one of many programs.
pub const SETTINGS: &[Foreign] = &[
    means("WAHA_API_KEY", Meaning::Same("API_KEY")),
    means("WHATSAPP_API_KEY", Meaning::Same("API_KEY")),
    means("WAHA_API_KEY_PLAIN", Meaning::Same("API_KEY")),
    means("WAHA_NO_API_KEY", Meaning::Otherwise("API_KEY", no_key)),
    means("WHATSAPP_API_PORT", Meaning::Same("PORT")),
    means("WAHA_BASE_URL", Meaning::Same("PUBLIC_URL")),
    means("WAHA_PUBLIC_URL", Meaning::Same("PUBLIC_URL")),
    means("WHATSAPP_API_HOSTNAME", Meaning::Instead("PUBLIC_URL")),
    means("WHATSAPP_API_SCHEMA", Meaning::Instead("PUBLIC_URL")),
    means("WAHA_LOG_FORMAT", Meaning::Translated("LOG_FORMAT", log_format)),
    means("WAHA_LOG_LEVEL", Meaning::Translated("RUST_LOG", log_level)),
    means("WAHA_DASHBOARD_USERNAME", PASSWORD),
    means("WAHA_DASHBOARD_PASSWORD", PASSWORD),
    means("WHATSAPP_SWAGGER_USERNAME", PASSWORD),
    means("WHATSAPP_SWAGGER_PASSWORD", PASSWORD),
    means("WAHA_DASHBOARD_ENABLED", Meaning::Protected("the page is always served; it asks for the API key")),
    means("WHATSAPP_SWAGGER_ENABLED", Meaning::Protected("/docs is always served")),
    means("WAHA_PRINT_QR", Meaning::Protected("the QR code is shown in the log")),
    means("WHATSAPP_API_KEY_EXCLUDE_PATH", Meaning::Protected("only /ping, /health and /ready need no key")),
    means("WAHA_API_KEY_EXCLUDE_PATH", Meaning::Protected("only /ping, /health and /ready need no key")),
    means("WAHA_HTTPS_ENABLED", TLS),
    means("WAHA_HTTPS_PATH_KEY", TLS),
    means("WAHA_HTTPS_PATH_CERT", TLS),
    means("WAHA_HTTPS_PATH_CA", TLS),
    means("WHATSAPP_PROXY_SERVER", PROXY),
    means("WHATSAPP_PROXY_SERVER_LIST", PROXY),
    means("WHATSAPP_PROXY_SERVER_USERNAME", PROXY),
    means("WHATSAPP_PROXY_SERVER_PASSWORD", PROXY),
    means("WHATSAPP_SESSIONS_POSTGRESQL_URL", DATABASE),
    means("WHATSAPP_SESSIONS_MONGO_URL", DATABASE),
    // Hosts such as Heroku and Railway set it for the database of whatever runs there.
    means("DATABASE_URL", Meaning::Protected("everything is stored in SQLite, in the folder AUTH_INFO_DIR")),
    means("WHATSAPP_DEFAULT_ENGINE", Meaning::NotNeeded),
    means("WHATSAPP_RESTART_ALL_SESSIONS", Meaning::NotNeeded),
    means("WHATSAPP_START_SESSION", Meaning::NotNeeded),
    means("WHATSAPP_DOWNLOAD_MEDIA", Meaning::NotNeeded),
    means("WHATSAPP_FILES_FOLDER", Meaning::NotNeeded),
    means("WHATSAPP_FILES_LIFETIME", Meaning::NotNeeded),
    means("WHATSAPP_FILES_MIMETYPES", Meaning::NotNeeded),
    means("WHATSAPP_HEALTH_MEDIA_FILES_THRESHOLD_MB", Meaning::NotNeeded),
    means("WHATSAPP_HEALTH_SESSION_FILES_THRESHOLD_MB", Meaning::NotNeeded),
    means("WHATSAPP_HEALTH_MONGO_TIMEOUT_MS", Meaning::NotNeeded),
];

/// Without a key WAHA listens to everybody; here the gateway then listens on loopback alone.
fn no_key(text: &str) -> Option<String> {
    (wakeeper_settings::parse_bool(text)?).then(|| "none".to_owned())
}

fn log_format(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "json" => Some("json".to_owned()),
        "pretty" => Some("text".to_owned()),
        _ => None,
    }
}

fn log_level(text: &str) -> Option<String> {
    let level = text.to_ascii_lowercase();
    match level.as_str() {
        "error" | "warn" | "info" | "debug" | "trace" => Some(level),
        "fatal" => Some("error".to_owned()),
        "silent" => Some("off".to_owned()),
        _ => None,
    }
}
