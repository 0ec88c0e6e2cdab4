//! What the program is told from outside, typed: flags, environment, a TOML file.
//!
//! [`CATALOG`] declares every setting; here their texts become what the program works with. Each kind of command has a type
//! of its own, which holds the settings that it uses: no others are checked.

mod catalog;
mod gateway;
mod monitor;
#[cfg(test)]
mod tests;
mod waha;
mod webhook;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wakeeper_doctor::backup::Retention;
use wakeeper_doctor::secret::Passphrase;
use wakeeper_logging::{LogFolder, LogSettings, is_filter};
use wakeeper_recovery::Rules;
use wakeeper_settings::{Interval, Names, Note, SettingsError, Sources, Values, parse_interval};

pub use catalog::CATALOG;
pub use gateway::{DEFAULT_PORT, GatewaySettings, KeySettings, Listen, parse_host};
pub use monitor::MonitorSettings;

/// How often sessions are backed up when nothing else is said.
const DEFAULT_BACKUP_INTERVAL: Interval = Interval::Every(Duration::from_hours(6));

/// Settings that one kind of command uses.
pub trait Typed: Sized {
    /// Which unknown names are refused.
    const NAMES: Names;

    /// Reads them; `surroundings` is what is no setting.
    ///
    /// # Errors
    /// At the first that is wrong.
    fn read(values: &Values, surroundings: &Surroundings) -> Result<Self, SettingsError>;

    /// Reads, checks and types them.
    ///
    /// # Errors
    /// All that is wrong with them.
    fn resolve(sources: Sources) -> Result<Self, SettingsError> {
        let surroundings = Surroundings::of(&sources.environment);
        let values = Values::collect(&CATALOG, sources)?;
        values.resolve(Self::NAMES, |values| Self::read(values, &surroundings))
    }
}

/// What is known of this machine besides settings.
#[derive(Debug)]
pub struct Surroundings {
    state_dir: PathBuf,
    /// The folders of the `PATH`.
    programs: Vec<PathBuf>,
}

impl Surroundings {
    /// Where this user's programs keep their state. Never below the data folder, which may be mounted into a container.
    pub fn of(environment: &[(OsString, OsString)]) -> Self {
        let variable = |wanted: &str| {
            let found = environment.iter().find(|(name, value)| name == wanted && !value.is_empty());
            found.map(|(_, value)| PathBuf::from(value)).filter(|path| path.is_absolute())
        };
        let state_dir = variable("XDG_STATE_HOME")
            .or_else(|| Some(variable("HOME")?.join(".local/state")))
            .unwrap_or_else(|| PathBuf::from("/var/lib"))
            .join("wakeeper");
        let path = environment.iter().find(|(name, _)| name == "PATH");
        let programs = path.into_iter().flat_map(|(_, folders)| std::env::split_paths(folders)).collect();
        Self { state_dir, programs }
    }

    /// Where a program is: at its path, or in the first folder of the `PATH` that has one of its name.
    fn program(&self, named: &Path) -> Option<PathBuf> {
        let places: Vec<PathBuf> = if named.components().count() > 1 {
            std::path::absolute(named).into_iter().collect()
        } else {
            self.programs.iter().map(|folder| folder.join(named)).collect()
        };
        places.into_iter().find(|path| path.is_absolute() && path.is_file())
    }
}

/// What commands on sessions use: where their files are, and how they are backed up.
#[derive(Debug)]
pub struct Settings {
    /// What everything else lies in, unless it is set.
    pub data_dir: PathBuf,
    /// `DATA_DIR` was said by somebody.
    pub data_dir_is_set: bool,
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
    /// Which backups pruning keeps.
    pub retention: Retention,
    /// Encrypts backups.
    pub backup_passphrase: Option<Passphrase>,
    /// How long a contact's failed message may take to be sent again before its session is repaired.
    pub handshake: Duration,
    /// Folder of incidents, the monitor's and the gateway's, and of how far the monitor read logs.
    pub monitor_state_dir: PathBuf,
}

impl Settings {
    /// The data folder, when somebody named it.
    pub fn named_data_dir(&self) -> Option<&Path> {
        self.data_dir_is_set.then_some(&self.data_dir)
    }
}

impl Typed for Settings {
    const NAMES: Names = Names::LikeUsed;

    fn read(values: &Values, surroundings: &Surroundings) -> Result<Self, SettingsError> {
        let named = values.path("DATA_DIR")?;
        let data_dir_is_set = named.is_some();
        let data_dir = named.unwrap_or_else(|| PathBuf::from("."));
        let witness_dir = values.path("STATE_DIR")?;
        let backup_dir = below(values, "BACKUP_DIR", &data_dir, "session_backups")?;
        let monitor_state_dir = values.path("MONITOR_STATE_DIR")?;
        Ok(Self {
            auth_info_dir: below(values, "AUTH_INFO_DIR", &data_dir, "auth_info")?,
            baileys_store: below(values, "BAILEYS_STORE", &data_dir, "baileys_store.json")?,
            monitor_state_dir: monitor_state_dir.unwrap_or_else(|| backup_dir.join("monitor")),
            data_dir,
            data_dir_is_set,
            backup_dir,
            state_dir: witness_dir.clone().unwrap_or_else(|| surroundings.state_dir.clone()),
            witness_dir,
            retention: retention(values)?,
            backup_passphrase: passphrase(values),
            handshake: values.duration("SESSION_CLEANUP_WAIT", Rules::default().handshake)?,
        })
    }
}

/// What a command uses that only opens archives.
#[derive(Debug)]
pub struct ArchiveSettings {
    /// Opens encrypted ones.
    pub backup_passphrase: Option<Passphrase>,
}

impl Typed for ArchiveSettings {
    const NAMES: Names = Names::LikeUsed;

    fn read(values: &Values, _: &Surroundings) -> Result<Self, SettingsError> {
        Ok(Self { backup_passphrase: passphrase(values) })
    }
}

/// Every setting, for a check of them.
#[derive(Debug)]
pub struct AllSettings {
    /// What became of WAHA's settings, and of ours that do not count.
    pub notes: Vec<Note>,
}

impl Typed for AllSettings {
    const NAMES: Names = Names::All;

    fn read(values: &Values, surroundings: &Surroundings) -> Result<Self, SettingsError> {
        let GatewaySettings { notes, .. } = GatewaySettings::read(values, surroundings)?;
        MonitorSettings::read(values, surroundings)?;
        refuse_files(values)?;
        values.get("CONTAINER_NAME");
        Ok(Self { notes })
    }
}

fn passphrase(values: &Values) -> Option<Passphrase> {
    values.get("BACKUP_PASSPHRASE").map(|value| Passphrase::new(value.text.clone()))
}

fn backup_interval(values: &Values) -> Result<Option<Duration>, SettingsError> {
    Ok(values.read("BACKUP_INTERVAL", parse_interval, DEFAULT_BACKUP_INTERVAL)?.every())
}

fn log_settings(values: &Values, data_dir: &Path) -> Result<LogSettings, SettingsError> {
    Ok(LogSettings {
        json: values.read("LOG_FORMAT", |text| Some(text == "json"), false)?,
        filter: values.read("RUST_LOG", |text| is_filter(text).then(|| Some(text.to_owned())), None)?,
        folder: log_folder(values, data_dir)?,
    })
}

fn log_folder(values: &Values, data_dir: &Path) -> Result<LogFolder, SettingsError> {
    if values.get("LOG_DIR").is_some() {
        return values.read("LOG_DIR", LogFolder::parse, LogFolder::Off);
    }
    Ok(LogFolder::IfPresent(below(values, "LOG_DIR", data_dir, "logs")?))
}

/// Refuses a file in the place of a folder, or of one above it: nothing could be kept there. Whoever checks the settings is
/// told; a gateway tells it when it needs the folder, and serves all the same.
fn refuse_files(values: &Values) -> Result<(), SettingsError> {
    for name in ["BACKUP_DIR", "STATE_DIR", "MONITOR_STATE_DIR", "LOG_DIR"] {
        let is_off = |path: &PathBuf| name == "LOG_DIR" && path.as_os_str().eq_ignore_ascii_case("off");
        let Some(path) = values.path(name)?.filter(|path| !is_off(path)) else { continue };
        if let Some(file) = path.ancestors().find(|above| above.exists()).filter(|above| !above.is_dir()) {
            let reason =
                format!("{} is a file, not a folder; move it away or name another folder", file.display());
            return Err(SettingsError::Conflict { name, reason });
        }
    }
    Ok(())
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

fn retention(values: &Values) -> Result<Retention, SettingsError> {
    let usual = Retention::default();
    Ok(Retention {
        last: values.number("BACKUP_KEEP_LAST", usual.last)?,
        daily: values.number("BACKUP_KEEP_DAILY", usual.daily)?,
        weekly: values.number("BACKUP_KEEP_WEEKLY", usual.weekly)?,
    })
}
