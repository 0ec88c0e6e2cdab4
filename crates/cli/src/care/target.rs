//! Whose session a command is about.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Places;
use super::container::ContainerTarget;
use crate::containers;
use crate::settings::{Settings, SettingsError, Sources};

/// What a care command works on.
#[derive(Debug, Clone)]
pub enum Target {
    /// A session in a folder of this machine.
    Folder(Places),
    /// A session in a container.
    Container(ContainerTarget),
}

impl Target {
    /// The target as it can be worked on: when a container that nobody named on the command line does not exist, and
    /// its session's folder is here, that folder.
    pub async fn present(self) -> anyhow::Result<Self> {
        let Self::Container(target) = self else { return Ok(self) };
        if target.explicit || !target.here.auth_info.is_dir() {
            return Ok(Self::Container(target));
        }
        let missing = containers::connect().await?.find(&target.name).await.err();
        if missing.is_some_and(|error| error.is_missing()) {
            notice(&target);
            return Ok(Self::Folder(target.here));
        }
        Ok(Self::Container(target))
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

#[expect(clippy::print_stderr, reason = "this is the program talking to its caller")]
fn notice(target: &ContainerTarget) {
    let folder = wakeeper_bounded_tar::shown_whole(&target.here.auth_info.to_string_lossy());
    eprintln!("-- there is no container {}; this is about the folder {folder}", target.name);
}

/// Flags that say which session is meant, and where its files are.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Which session")]
pub struct TargetFlags {
    /// Container that holds the session [env: CONTAINER_NAME]
    #[arg(long, short = 'c', value_name = "NAME", conflicts_with_all = ["data_dir", "auth_info_dir", "store"])]
    container: Option<String>,
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
        let container = self.container_name();
        let explicit = self.container.is_some();
        let named = [
            ("DATA_DIR", self.data_dir),
            ("AUTH_INFO_DIR", self.auth_info_dir),
            ("BAILEYS_STORE", self.store),
            ("BACKUP_DIR", self.backup_dir),
        ];
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let settings = Settings::resolve(Sources {
            flags: named.into_iter().filter_map(|(name, path)| Some((name, text(path?)))).collect(),
            config: self.config,
            environment: std::env::vars_os().collect(),
            working_dir: PathBuf::from("."),
        })?;
        let places = Places { flags, ..Places::of(&settings) };
        let target = match container {
            Some(name) => Target::Container(ContainerTarget { name, explicit, here: places }),
            None => Target::Folder(places),
        };
        Ok((target, settings))
    }

    /// The target of a command that is about containers, the default one when neither is named, and all settings.
    pub fn container_or_default(mut self) -> Result<(Target, Settings), SettingsError> {
        let folder = self.data_dir.is_some() || self.auth_info_dir.is_some() || self.store.is_some();
        if self.container_name().is_none() && !folder {
            self.container = Some(containers::DEFAULT_NAME.to_owned());
        }
        self.resolve()
    }

    /// The container that is meant: the flag; else, unless a folder is named, the variable. Inside a container without
    /// an engine within reach the variable only tells the container's own name.
    fn container_name(&self) -> Option<String> {
        if self.container.is_some() {
            return self.container.clone();
        }
        let folder = self.data_dir.is_some() || self.auth_info_dir.is_some() || self.store.is_some();
        let reachable = !crate::surroundings::in_container()
            || Path::new("/var/run/docker.sock").exists()
            || std::env::var_os("DOCKER_HOST").is_some_and(|host| !host.is_empty());
        containers::name_from_environment().filter(|_| !folder && reachable)
    }

    /// The flags again, for advice.
    fn as_typed(&self) -> String {
        let flags = [
            ("--data-dir", &self.data_dir),
            ("--auth-info-dir", &self.auth_info_dir),
            ("--store", &self.store),
            ("--backup-dir", &self.backup_dir),
            ("--config", &self.config),
        ];
        let typed =
            |(flag, path): (&str, &Option<PathBuf>)| Some(format!(" {flag} {}", quoted(path.as_deref()?)));
        flags.into_iter().filter_map(typed).collect()
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
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
