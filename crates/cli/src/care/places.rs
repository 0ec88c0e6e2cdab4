//! Where a session's files are.

use std::path::PathBuf;

use wakeeper_doctor::backup::Retention;
use wakeeper_doctor::secret::Passphrase;
use wakeeper_private_fs::{Folder, FsError};

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
    pub handles: Vec<Folder>,
}

impl Places {
    /// The places that the settings name.
    pub fn of(settings: &Settings) -> Self {
        Self {
            auth_info: settings.auth_info_dir.clone(),
            store: settings.baileys_store.clone(),
            backups: settings.backup_dir.clone(),
            label: label(&settings.auth_info_dir),
            retention: settings.retention,
            witnesses: settings.witness_dir.clone(),
            passphrase: settings.backup_passphrase.clone(),
            flags: String::new(),
            container: None,
            state: settings.state_dir.clone(),
            handles: Vec::new(),
        }
    }

    /// The folder of notes on what was stopped. It is read and acted on, so nobody else may write to it; a container's
    /// mounts are no place for it.
    pub fn notes(&self) -> Result<Folder, FsError> {
        wakeeper_private_fs::own_folder(&self.state)
    }

    /// The folder of notes, when anything was ever stopped.
    pub fn notes_if_any(&self) -> Option<Folder> {
        let folder = self.state.is_dir().then(|| self.notes())?;
        folder.inspect_err(|error| tracing::warn!("notes on stopped containers are not read: {error}")).ok()
    }

    /// A command for these places, as a person would type it.
    pub fn command(&self, command: &str) -> String {
        match command.split_once(' ') {
            Some((verb, rest)) if verb != "backup" => format!("wakeeper {verb}{} {rest}", self.flags),
            _ => format!("wakeeper {command}{}", self.flags),
        }
    }
}

/// A name for the backups of the session in a folder: the folder's own, of the characters that labels may have.
pub fn label(folder: &std::path::Path) -> String {
    let name = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    plain(&name)
}

/// A name of only such characters as labels may have.
pub fn plain(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let label: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).take(54).collect();
    if label.is_empty() { "session".to_owned() } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn labels_hold_only_what_file_names_may() {
        for (folder, expected) in
            [("/no/such/auth_info", "auth_info"), ("/no/such/my bot.1", "my-bot-1"), ("/", "session")]
        {
            assert_eq!(label(Path::new(folder)), expected);
        }
    }

    #[test]
    fn advice_names_the_same_places() {
        let settings = Settings::resolve(crate::settings::Sources::default()).unwrap();
        let places = Places { flags: " --data-dir bot".to_owned(), ..Places::of(&settings) };
        assert_eq!(places.command("clean"), "wakeeper clean --data-dir bot");
        assert_eq!(places.command("clean --dry-run"), "wakeeper clean --data-dir bot --dry-run");
        assert_eq!(places.command("backup list"), "wakeeper backup list --data-dir bot");
    }
}
