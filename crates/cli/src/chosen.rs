//! Whose session a command is about, and how it is opened.

mod each;
mod facts;
mod places;
mod session;

use std::path::{Path, PathBuf};

use clap::Args;
use wakeeper_doctor::layout::{also_there, known_in, meant_in};
use wakeeper_settings::SettingsError;
use wakeeper_terminal::{quoted, say};

use crate::environment::{self, DEFAULT_CONTAINER, connect};
use crate::settings::Settings;

pub use each::SessionsFlag;
pub use facts::{FactFlags, release, show_log_read};
pub use places::Places;
pub use session::{Session, show_container};

/// The present time, milliseconds since 1970.
pub fn now_ms() -> i64 {
    wakeeper_model::Clock::system().now_ms()
}

/// What a command works on.
pub enum Target {
    /// A session in a folder of this machine.
    Folder(Places),
    /// A session in a container.
    Container(ContainerTarget),
}

/// A container as the target of a command.
pub struct ContainerTarget {
    /// Its name.
    pub name: String,
    /// Where the session is in it, when somebody says so.
    path: Option<PathBuf>,
    /// What else seems to run on the session does not use it.
    assume_stopped: bool,
    /// Somebody named it on the command line, so nothing else will do.
    explicit: bool,
    /// The places of this machine: its backup folder serves containers that have none.
    here: Places,
}

impl Target {
    /// The target as it can be worked on: when a container that nobody named on the command line does not exist, and
    /// its session's folder is here, that folder.
    pub async fn present(self) -> anyhow::Result<Self> {
        let Self::Container(target) = self else { return Ok(self) };
        if target.explicit || target.path.is_some() || !target.here.auth_info.is_dir() {
            return Ok(Self::Container(target));
        }
        let missing = connect().await?.find(&target.name).await.err();
        if missing.is_some_and(|error| error.is_missing()) {
            let folder = target.here.auth_info.to_string_lossy();
            say(&format!("there is no container {}; this is about the folder {folder}", target.name));
            return Ok(Self::Folder(target.here));
        }
        Ok(Self::Container(target))
    }

    /// The same, where a person says that what seems to run on the session does not use it.
    pub fn assuming_stopped(mut self, yes: bool) -> Self {
        if let Self::Container(target) = &mut self {
            target.assume_stopped = yes;
        }
        self
    }

    /// The folder, for commands that move a session between folders and know nothing of containers.
    pub async fn folder(self, verb: &str) -> anyhow::Result<Places> {
        match self.present().await? {
            Self::Folder(places) => Ok(places),
            Self::Container(target) => anyhow::bail!(
                "{verb} works on folders, not in container {}: stop the container, and name the folder on its mount \
                 with --data-dir FOLDER",
                target.name
            ),
        }
    }
}

/// Which container a command is about.
#[derive(Args, Debug, Clone, Default)]
pub struct ContainerFlag {
    /// Container by name or id [env: CONTAINER_NAME; default: whatsapp-api]
    #[arg(long, short = 'c', value_name = "NAME")]
    container: Option<String>,
}

impl ContainerFlag {
    /// The flag, else the variable, else the default.
    pub fn name(&self) -> String {
        let named = self.container.clone().or_else(environment::container_name);
        named.unwrap_or_else(|| DEFAULT_CONTAINER.to_owned())
    }
}

/// Flags that say which session is meant, and where its files are.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = wakeeper_terminal::typed::SESSION)]
pub struct TargetFlags {
    /// Container that holds the session [env: CONTAINER_NAME]
    #[arg(long, short = 'c', value_name = "NAME", conflicts_with_all = ["data_dir", "auth_info_dir", "store"])]
    container: Option<String>,
    /// The session's folder in the container, when it is at an unusual place
    #[arg(long = "path", value_name = "FOLDER", conflicts_with_all = ["data_dir", "auth_info_dir", "store"])]
    inside: Option<PathBuf>,
    /// Folder that holds auth_info and the rest [env: DATA_DIR; default: .]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The session's folder [env: AUTH_INFO_DIR; default: auth_info in the data folder]
    #[arg(long, value_name = "FOLDER")]
    auth_info_dir: Option<PathBuf>,
    /// The store beside it [env: BAILEYS_STORE; default: baileys_store.json in the data folder]
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Folder of backups [env: BACKUP_DIR; default: session_backups in the data folder]
    #[arg(long, value_name = "FOLDER")]
    backup_dir: Option<PathBuf>,
    /// Settings file (TOML) [env: WAKEEPER_CONFIG; default: wakeeper.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl TargetFlags {
    /// The target, and all settings.
    pub fn resolve(self) -> Result<(Target, Settings), SettingsError> {
        let flags = self.as_typed();
        let other_flags = Self { auth_info_dir: None, ..self.clone() }.as_typed();
        let container = self.container_name();
        let named = self.paths().map(|(_, name, path)| (name, environment::text(path.as_deref())));
        let settings: Settings = environment::settings(named, self.config)?;
        if container.is_none() && self.inside.is_some() {
            let reason = "needs --container: it names a folder in one".to_owned();
            return Err(SettingsError::Conflict { name: "--path", reason });
        }
        let mut here = Places::of(&settings, flags);
        here.other_flags = other_flags;
        let explicit = self.container.is_some();
        let target = match container {
            Some(name) => Target::Container(ContainerTarget {
                name,
                path: self.inside,
                assume_stopped: false,
                explicit,
                here,
            }),
            None => Target::Folder(here),
        };
        Ok((target, settings))
    }

    /// The target of a command that looks at what is there already, under whatever name gateways give it.
    pub fn existing(mut self) -> Result<(Target, Settings), SettingsError> {
        let (target, settings) = self.clone().resolve()?;
        if self.container_name().is_some() {
            return Ok((target, settings));
        }
        let places = [&settings.data_dir, &settings.auth_info_dir, &settings.backup_dir];
        if places.iter().all(|folder| !folder.exists()) {
            let reason = format!("names a folder that is not there: {}", settings.data_dir.display());
            return Err(SettingsError::Conflict { name: "DATA_DIR", reason });
        }
        let named = self.auth_info_dir.is_some() || environment::variable("AUTH_INFO_DIR").is_some();
        if !named && !settings.auth_info_dir.exists() {
            self.auth_info_dir = meant_in(&settings.data_dir);
            return self.resolve();
        }
        if !named && let Some(others) = also_there(&settings.data_dir, &settings.auth_info_dir) {
            say(&others);
        }
        Ok((target, settings))
    }

    /// The same flags about the folder of data, when several sessions are known in it and none was named.
    pub fn of_all(self) -> Result<Self, SettingsError> {
        let named = self.auth_info_dir.is_some() || environment::variable("AUTH_INFO_DIR").is_some();
        let data = self.clone().resolve()?.1.data_dir;
        if named || self.container_name().is_some() || known_in(&data).len() < 2 {
            return Ok(self);
        }
        Ok(Self { auth_info_dir: Some(data), ..self })
    }

    /// The target of a command that is about containers, the default one when neither is named, and all settings.
    pub fn container_or_default(mut self) -> Result<(Target, Settings), SettingsError> {
        if self.container_name().is_none() && !self.names_folder() {
            self.container = Some(DEFAULT_CONTAINER.to_owned());
        }
        self.resolve()
    }

    /// The same flags about that container.
    pub fn in_container(&self, name: &str) -> Self {
        Self { container: Some(name.to_owned()), ..self.clone() }
    }

    fn names_folder(&self) -> bool {
        self.data_dir.is_some() || self.auth_info_dir.is_some() || self.store.is_some()
    }

    /// The container that is meant: the flag; else, unless a folder is named, the variable. Inside a container without
    /// an engine within reach the variable only tells the container's own name.
    fn container_name(&self) -> Option<String> {
        let of_environment = || {
            environment::container_name().filter(|_| !self.names_folder() && environment::may_reach_engine())
        };
        self.container.clone().or_else(of_environment)
    }

    /// The flags again, for advice.
    fn as_typed(&self) -> String {
        let flags = self.paths().map(|(flag, _, path)| (flag, path)).into_iter();
        let typed =
            |(flag, path): (&str, &Option<PathBuf>)| Some(format!(" {flag} {}", quoted(path.as_deref()?)));
        flags.chain([("--config", &self.config)]).filter_map(typed).collect()
    }

    /// Each flag, the setting that it stands for, and its value.
    fn paths(&self) -> [(&'static str, &'static str, &Option<PathBuf>); 4] {
        [
            ("--data-dir", "DATA_DIR", &self.data_dir),
            ("--auth-info-dir", "AUTH_INFO_DIR", &self.auth_info_dir),
            ("--store", "BAILEYS_STORE", &self.store),
            ("--backup-dir", "BACKUP_DIR", &self.backup_dir),
        ]
    }
}

/// Whether two paths lead to the same folder.
pub fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().is_some_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_back_as_a_shell_takes_them() {
        let flags = TargetFlags {
            data_dir: Some("my bot".into()),
            backup_dir: Some("/srv/it's".into()),
            ..TargetFlags::default()
        };
        assert_eq!(flags.as_typed(), r" --data-dir 'my bot' --backup-dir '/srv/it'\''s'");
    }
}
