//! How sessions are watched and repaired: the settings of `wakeeper monitor`.

use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use secrecy::SecretString;
use wakeeper_delivery::alerts::AlertReceiver;
use wakeeper_logging::LogSettings;
use wakeeper_recovery::Rules;
use wakeeper_settings::{Names, SettingsError, Values};

use crate::{Settings, Surroundings, Typed, backup_interval, log_settings};

/// Where the monitor serves its metrics when nothing else is said.
const LISTEN: &str = "127.0.0.1:8194";

/// What `wakeeper monitor` uses.
#[derive(Debug)]
pub struct MonitorSettings {
    /// Where its files are.
    pub session: Settings,
    /// Thresholds and permissions.
    pub rules: Rules,
    /// Who hears of incidents.
    pub alert: Option<AlertReceiver>,
    /// Where metrics are served.
    pub listen: Option<SocketAddr>,
    /// How often sessions are backed up; `None` is never.
    pub backup_interval: Option<Duration>,
    /// How log lines look.
    pub log: LogSettings,
}

impl Deref for MonitorSettings {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.session
    }
}

impl Typed for MonitorSettings {
    const NAMES: Names = Names::All;

    fn read(values: &Values, surroundings: &Surroundings) -> Result<Self, SettingsError> {
        let session = Settings::read(values, surroundings)?;
        let listen = |text: &str| match text {
            "off" => Some(None),
            address => address.parse().ok().map(Some),
        };
        Ok(Self {
            rules: rules(values, session.handshake)?,
            alert: alert(values)?,
            listen: values.read("MONITOR_LISTEN", listen, LISTEN.parse().ok())?,
            backup_interval: backup_interval(values)?,
            log: log_settings(values, &session.data_dir)?,
            session,
        })
    }
}

fn rules(values: &Values, handshake: Duration) -> Result<Rules, SettingsError> {
    let usual = Rules::default();
    Ok(Rules {
        watch: values.flag("ENABLE_ERROR_MONITORING", usual.watch)?,
        repair: values.flag("SESSION_CLEANUP_ENABLED", usual.repair)?,
        full_reset: values.flag("AUTO_CLEANUP_ON_ERROR", usual.full_reset)?,
        session_errors: values.number("SESSION_ERROR_THRESHOLD", usual.session_errors)?,
        session_window: values.duration("SESSION_ERROR_WINDOW", usual.session_window)?,
        peer_messages: values.number("SESSION_ERROR_PEER_THRESHOLD", usual.peer_messages)?,
        peer_window: values.duration("SESSION_ERROR_PEER_WINDOW", usual.peer_window)?,
        handshake,
        verify: values.duration("SESSION_CLEANUP_VERIFY", usual.verify)?,
        cool_down: values.duration("SESSION_CLEANUP_COOL_DOWN", usual.cool_down)?,
        tries: values.number("SESSION_CLEANUP_TRIES", usual.tries)?,
        ..usual
    })
}

/// Who hears of incidents, those of a monitor and those of a gateway.
pub(crate) fn alert(values: &Values) -> Result<Option<AlertReceiver>, SettingsError> {
    let key = values.get("MONITOR_ALERT_HMAC_KEY");
    let Some(url) = values.get("MONITOR_ALERT_URL") else {
        return match key {
            _ if values.is_refused("MONITOR_ALERT_URL") => Ok(None),
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
