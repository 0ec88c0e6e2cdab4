//! Where a session's files are.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wakeeper_containers::session::{Host, OpenSession};
use wakeeper_doctor::backup::{Retention, label_of};
use wakeeper_doctor::layout::sessions_in;
use wakeeper_engine_store::recover::Backups;
use wakeeper_offline::SessionPaths;
use wakeeper_private_fs::{Folder, shown};
use wakeeper_recovery::SystemClock;
use wakeeper_recovery::backups::BackupStore;
use wakeeper_terminal::{quoted, typed};

use super::session::users_outside;
use crate::environment::container_flag;
use crate::settings::Settings;

/// The folders and files of one session, and how its backups are kept.
#[derive(Clone)]
pub struct Places {
    pub(super) session: SessionPaths,
    /// Which backups pruning keeps.
    pub retention: Retention,
    /// The container that the session is in, if it is in one.
    pub container: Option<String>,
    /// The session's folder in that container.
    place: Option<PathBuf>,
    /// The flags that were typed, without the session's folder.
    pub(super) other_flags: String,
    /// Folder of notes on what was stopped for the time of a repair.
    state: PathBuf,
    /// A container's folders, open: the paths lead through these handles, whatever happens to the folders' names.
    _handles: Vec<Folder>,
}

/// What the operations on sessions take.
impl Deref for Places {
    type Target = SessionPaths;

    fn deref(&self) -> &SessionPaths {
        &self.session
    }
}

impl Places {
    /// The places that the settings name; `flags` name them on a command line.
    pub fn of(settings: &Settings, flags: String) -> Self {
        let backups = Backups {
            shelf: settings.backup_dir.clone(),
            label: label_of(&settings.auth_info_dir),
            passphrase: settings.backup_passphrase.clone(),
        };
        Self {
            session: SessionPaths {
                auth_info: settings.auth_info_dir.clone(),
                home: settings.auth_info_dir.clone(),
                store: settings.baileys_store.clone(),
                backups,
                witnesses: settings.witness_dir.clone(),
                is_copy: false,
                command: Arc::new(move |command| typed::command(&flags, command)),
                clock: wakeeper_model::Clock::system(),
                copies: wakeeper_engine_store::Copies::default(),
            },
            retention: settings.retention,
            container: None,
            place: None,
            other_flags: String::new(),
            state: settings.state_dir.clone(),
            _handles: Vec::new(),
        }
    }

    /// Those of a container's open session; what it has not is here.
    pub fn in_container(&self, open: &OpenSession) -> Self {
        let (name, found) = (open.container().name.clone(), open.backups());
        let flags = match open.elsewhere() {
            Some(path) => format!(" --container {name} --path {}", quoted(path)),
            None => container_flag(&name),
        };
        let backups = Backups {
            shelf: found.path.clone(),
            label: found.label.clone(),
            passphrase: self.backups.passphrase.clone(),
        };
        let session = SessionPaths {
            auth_info: open.auth_info().to_owned(),
            home: open.home(),
            store: open.store().to_owned(),
            backups,
            is_copy: true,
            command: Arc::new(move |command| typed::command(&flags, command)),
            ..self.session.clone()
        };
        let place = Some(open.place().to_owned());
        Self { session, container: Some(name), place, _handles: open.handles(), ..self.clone() }
    }

    /// The backups of these places, of any account; old ones are removed when `prunes`.
    pub fn backup_store(&self, prunes: bool) -> BackupStore {
        let Backups { shelf, label, passphrase } = self.session.backups.clone();
        BackupStore {
            shelf,
            label,
            account: None,
            home: Some(self.home.clone()),
            passphrase,
            retention: self.retention,
            prunes,
            clock: Arc::new(SystemClock),
        }
    }

    /// Where a session that moves here is backed up.
    pub fn backup_place(&self) -> Backups {
        self.session.backups.clone()
    }

    /// This machine's side of work on containers.
    pub fn host(&self) -> Host {
        Host { backups: self.session.backups.shelf.clone(), state: self.state.clone(), users_outside }
    }

    /// What to type for each session below the folder, and last for all of them; nothing when the folder is a session's own.
    pub fn sessions_inside(&self, verb: &str) -> Vec<(String, &'static str)> {
        let found = sessions_in(&self.auth_info);
        let whole = self.place.clone().unwrap_or_else(|| shown(&self.auth_info));
        let command = |folder: &Path| match &self.container {
            Some(name) => format!("wakeeper {verb} --container {name} --path {}", quoted(folder)),
            None => format!("wakeeper {verb}{} --auth-info-dir {}", self.other_flags, quoted(folder)),
        };
        let one = |path: &PathBuf| {
            let below = path.strip_prefix(&self.auth_info).unwrap_or(path);
            (command(&whole.join(below)), "is about this one")
        };
        let all = (command(&whole) + " --all-sessions", "is about all of them");
        found.iter().take(3).map(one).chain((found.len() > 1).then_some(all)).collect()
    }

    /// A command for these places, as a person would type it.
    pub fn command(&self, command: &str) -> String {
        (self.session.command)(command)
    }
}
