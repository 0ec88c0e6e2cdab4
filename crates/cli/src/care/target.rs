//! Whose session a command is about.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Places;
use crate::settings::{Settings, SettingsError, Sources};

/// What a care command works on.
#[derive(Debug, Clone)]
pub enum Target {
    /// A session in a folder of this machine.
    Folder(Places),
}

/// Flags that say which session is meant, and where its files are.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Which session")]
pub struct TargetFlags {
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
        Ok((Target::Folder(places), settings))
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
