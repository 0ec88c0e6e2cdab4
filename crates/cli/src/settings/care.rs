//! How sessions are watched and mended: the settings of `wakeeper monitor`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use wakeeper_delivery::alerts::AlertReceiver;
use wakeeper_recovery::Rules;

use super::error::SettingsError;
use super::source::Values;
use super::value::{parse_bool, parse_duration};

/// Where the monitor serves its metrics when nothing else is said.
const LISTEN: &str = "127.0.0.1:8194";

/// How sessions are watched and mended.
#[derive(Debug, Clone)]
pub struct CareSettings {
    /// Thresholds and permissions.
    pub rules: Rules,
    /// Who hears of incidents.
    pub alert: Option<AlertReceiver>,
    /// Where metrics are served.
    pub listen: Option<SocketAddr>,
    /// The folder of incidents and of what was read.
    pub state_dir: PathBuf,
}

impl CareSettings {
    /// Reads them.
    pub(super) fn of(values: &Values, backup_dir: &Path) -> Result<Self, SettingsError> {
        let listen = |text: &str| match text {
            "off" => Some(None),
            address => address.parse().ok().map(Some),
        };
        let state = |text: &str| (!text.trim().is_empty()).then(|| PathBuf::from(text));
        Ok(Self {
            rules: rules(values)?,
            alert: alert(values)?,
            listen: values.read("MONITOR_LISTEN", listen, LISTEN.parse().ok())?,
            state_dir: values.read("MONITOR_STATE_DIR", state, backup_dir.join("monitor"))?,
        })
    }
}

fn rules(values: &Values) -> Result<Rules, SettingsError> {
    let usual = Rules::default();
    let flag = |name, default| values.read(name, parse_bool, default);
    let time = |name, default| values.read(name, parse_duration, default);
    let count = |name, default| values.read(name, |text| text.parse().ok(), default);
    Ok(Rules {
        watch: flag("ENABLE_ERROR_MONITORING", usual.watch)?,
        mend: flag("SESSION_CLEANUP_ENABLED", usual.mend)?,
        full_reset: flag("AUTO_CLEANUP_ON_ERROR", usual.full_reset)?,
        session_errors: count("SESSION_ERROR_THRESHOLD", usual.session_errors)?,
        session_window: time("SESSION_ERROR_WINDOW", usual.session_window)?,
        peer_messages: count("SESSION_ERROR_PEER_THRESHOLD", usual.peer_messages)?,
        peer_window: time("SESSION_ERROR_PEER_WINDOW", usual.peer_window)?,
        handshake: time("SESSION_CLEANUP_WAIT", usual.handshake)?,
        verify: time("SESSION_CLEANUP_VERIFY", usual.verify)?,
        cool_down: time("SESSION_CLEANUP_COOL_DOWN", usual.cool_down)?,
        tries: count("SESSION_CLEANUP_TRIES", usual.tries)?,
        ..usual
    })
}

fn alert(values: &Values) -> Result<Option<AlertReceiver>, SettingsError> {
    let key = values.get("MONITOR_ALERT_HMAC_KEY");
    let Some(url) = values.get("MONITOR_ALERT_URL") else {
        return match key {
            None => Ok(None),
            Some(_) => Err(SettingsError::Conflict {
                name: "MONITOR_ALERT_HMAC_KEY",
                reason: "needs MONITOR_ALERT_URL to be set too".to_owned(),
            }),
        };
    };
    let url = url.read(|text| {
        let url = reqwest::Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| SecretString::from(text))
    })?;
    Ok(Some(AlertReceiver { url, key: key.map(|key| SecretString::from(key.text.as_str())) }))
}
