//! Where a session's files are.

use std::path::PathBuf;
use std::sync::Arc;

use wakeeper_containers::session::Host;
use wakeeper_doctor::backup::{Retention, label_of};
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::{KnownFacts, Options};
use wakeeper_engine::offline::SessionPaths;
use wakeeper_engine_store::recover::Backups;
use wakeeper_private_fs::Folder;
use wakeeper_recovery::Clock;
use wakeeper_recovery::backups::BackupStore;

use crate::settings::Settings;

/// The folders and files of one session, and how its backups are kept.
#[derive(Debug, Clone)]
pub struct Places {
    /// The session's folder.
    pub auth_info: PathBuf,
    /// `baileys_store.json`, which need not exist.
    pub store: PathBuf,
    /// The backup folder, which need not exist.
    pub backups: PathBuf,
    /// The session's name in the backup folder.
    pub label: String,
    /// Which backups pruning keeps.
    pub retention: Retention,
    /// The folder of witnesses, outside the data folder, when one is set.
    pub witnesses: Option<PathBuf>,
    /// Encrypts new backups and opens old ones.
    pub passphrase: Option<Passphrase>,
    /// Flags that name these places on a command line, for advice on what to run next; empty or with a blank before.
    pub flags: String,
    /// The container that the session is in, if it is in one.
    pub container: Option<String>,
    /// Folder of notes on what was stopped for the time of a repair.
    pub state: PathBuf,
    /// A container's folders, open: the paths above lead through these handles, whatever happens to the folders' names.
    #[expect(dead_code, reason = "kept for their drop")]
    pub handles: Vec<Folder>,
}

impl Places {
    /// The places that the settings name.
    pub fn of(settings: &Settings) -> Self {
        Self {
            auth_info: settings.auth_info_dir.clone(),
            store: settings.baileys_store.clone(),
            backups: settings.backup_dir.clone(),
            label: label_of(&settings.auth_info_dir),
            retention: settings.retention,
            witnesses: settings.witness_dir.clone(),
            passphrase: settings.backup_passphrase.clone(),
            flags: String::new(),
            container: None,
            state: settings.state_dir.clone(),
            handles: Vec::new(),
        }
    }

    /// The backups of these places, for the schedule; old ones are removed when `prunes`.
    pub fn backup_store(&self, prunes: bool, clock: Arc<dyn Clock>) -> BackupStore {
        BackupStore {
            shelf: self.backups.clone(),
            label: self.label.clone(),
            passphrase: self.passphrase.clone(),
            retention: self.retention,
            prunes,
            clock,
        }
    }

    /// This machine's side of work on containers.
    pub fn host(&self) -> Host {
        Host { backups: self.backups.clone(), state: self.state.clone() }
    }

    /// These places, for work on the sessions of a gateway.
    pub fn session_paths(&self) -> SessionPaths {
        let flags = self.flags.clone();
        SessionPaths {
            auth_info: self.auth_info.clone(),
            store: self.store.clone(),
            backups: Backups {
                shelf: self.backups.clone(),
                label: self.label.clone(),
                passphrase: self.passphrase.clone(),
            },
            witnesses: self.witnesses.clone(),
            is_copy: self.container.is_some(),
            command: Arc::new(move |command| command_of(&flags, command)),
            clock: wakeeper_model::Clock::system(),
            copies: wakeeper_engine_store::Copies::default(),
        }
    }

    /// Adds what the backups tell.
    pub fn with_backups(&self, facts: KnownFacts) -> KnownFacts {
        facts.with_backups(&self.backups, &self.label, self.passphrase.as_ref())
    }

    /// What the examiner is told.
    pub fn options<'a>(&'a self, facts: &'a KnownFacts) -> Options<'a> {
        Options {
            store: Some(&self.store),
            passphrase: self.passphrase.as_ref(),
            ..facts.options(super::now_ms())
        }
    }

    /// A command for these places, as a person would type it.
    pub fn command(&self, command: &str) -> String {
        command_of(&self.flags, command)
    }
}

fn command_of(flags: &str, command: &str) -> String {
    match command.split_once(' ') {
        Some((verb, rest)) if verb != "backup" => format!("wakeeper {verb}{flags} {rest}"),
        _ => format!("wakeeper {command}{flags}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_same_places() {
        let settings = Settings::resolve(crate::settings::Sources::default()).unwrap();
        let places = Places { flags: " --data-dir bot".to_owned(), ..Places::of(&settings) };
        assert_eq!(places.command("clean"), "wakeeper clean --data-dir bot");
        assert_eq!(places.command("clean --dry-run"), "wakeeper clean --data-dir bot --dry-run");
        assert_eq!(places.command("backup list"), "wakeeper backup list --data-dir bot");
    }
}
