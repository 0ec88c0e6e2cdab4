//! Sound files out of the backup folder, for a plan.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::copies::Copies;
use crate::backup::archive;
use crate::backup::kin::{Bond, Kin};
use crate::backup::login::Held;
use crate::backup::manifest::account_mark;
use crate::backup::{Own, Shelf};
use crate::examine::{CredentialsState, Options};
use crate::formats::baileys::name::Name;
use crate::repair::{Constraint, Found, RestoredCredentials, Sources, is_sound};
use crate::secret::Passphrase;
use crate::source::{Folder, Limits};

/// How many backups are looked through for a file that never changes: an encrypted one takes about a second to open.
const LOOKED_THROUGH: usize = 8;

/// Bytes of a file that never changes. Genuine ones have about 200.
const LASTING: usize = 16 << 10;
/// Bytes of such files that are kept of one backup: 20,000 of them.
const LASTING_SUM: usize = 4 << 20;

/// Backups of one session, read when they are first needed.
pub struct BackupSources<'a> {
    shelf: Shelf,
    label: &'a str,
    passphrase: Option<&'a Passphrase>,
    /// The session's folder, near which there may be copies.
    folder: Option<&'a Folder>,
    /// Where the session lies, when the folder is a copy of it.
    home: Option<&'a Path>,
    /// By the login that they were asked for.
    lasting: RefCell<BTreeMap<String, Vec<Lasting>>>,
}

/// The files of one backup that never change.
struct Lasting {
    /// Whose they are: see [`account_mark`].
    account: Option<String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl<'a> BackupSources<'a> {
    /// The backups of a session.
    pub fn new(shelf: &Path, label: &'a str, passphrase: Option<&'a Passphrase>) -> Self {
        Self {
            shelf: Shelf::at(shelf),
            label,
            passphrase,
            folder: None,
            home: None,
            lasting: RefCell::default(),
        }
    }

    /// Also copies of the login that lie in a folder and beside it.
    #[must_use]
    pub fn with_copies(self, folder: &'a Folder) -> Self {
        Self { folder: Some(folder), ..self }
    }

    /// Says where the session lies, when the folder is a copy of it.
    #[must_use]
    pub fn at_home(self, home: Option<&'a Path>) -> Self {
        Self { home, ..self }
    }

    fn options(&self) -> Options<'_> {
        Options { home: self.home, ..Options::at(0) }
    }

    /// The login out of the backups that is the folder's own, how many were not opened, and the newest of each login of which
    /// nothing tells whose it is.
    fn archived(
        &self,
        constraint: &Constraint,
        kin: &Kin,
    ) -> (Option<RestoredCredentials>, usize, Vec<PathBuf>) {
        // Without anything that tells the login, only backups of this very session may be asked.
        let label = (!constraint.tells()).then_some(self.label);
        let several = label.is_some_and(|label| self.shelf.accounts(label).len() > 1);
        let mut offered = BTreeMap::new();
        let mut decide = |path: &Path, held: Held| {
            // Files of two accounts, or a login that was damaged: `restore` does not take it either.
            if held.manifest.credentials != CredentialsState::Sound {
                return None;
            }
            let from = wakeeper_private_fs::shown(path);
            let restored = RestoredCredentials::from_backup(&held.credentials, from, constraint)?;
            match kin.bond(held.tally, constraint, Some(&held.manifest)) {
                Bond::Other => None,
                bond if bond.takes(several) => Some(restored),
                _ => {
                    offered.entry(held.manifest.account).or_insert(restored.from);
                    None
                }
            }
        };
        let (login, locked) = self.shelf.search(label, kin, self.passphrase, &Limits::default(), &mut decide);
        (login, locked, offered.into_values().collect())
    }

    /// Asks the backups of a login, newest first, for files that never change; those that are not sound are passed over.
    fn ask<T>(
        &self,
        login: &[u8; 32],
        answer: impl Fn(&BTreeMap<String, Vec<u8>>) -> Option<T>,
    ) -> Option<T> {
        let account = account_mark(login);
        let mut lasting = self.lasting.borrow_mut();
        let all = lasting.entry(account.clone()).or_insert_with(|| {
            let own = Own { account: Some(&account), place: None };
            let archives = self.shelf.archives_of(self.label, own).unwrap_or_default();
            archives.iter().take(LOOKED_THROUGH).filter_map(|(path, ..)| self.lasting_of(path)).collect()
        });
        all.iter()
            .filter(|backup| backup.account.as_ref() == Some(&account))
            .find_map(|backup| answer(&backup.files))
    }

    fn lasting_of(&self, path: &Path) -> Option<Lasting> {
        let mut files = BTreeMap::new();
        let mut room = LASTING_SUM;
        let manifest = archive::read(path, self.passphrase, &Limits::default(), |member| {
            let lasting = member
                .session_file()
                .filter(|name| matches!(Name::parse(name), Name::PreKey(_) | Name::AppStateKey { .. }));
            let fits = member.content.len() <= LASTING.min(room);
            if let Some(name) = lasting.filter(|name| fits && is_sound(name, member.content)) {
                room -= member.content.len();
                files.insert(name.to_owned(), member.content.to_vec());
            }
            Ok(())
        });
        Some(Lasting { account: manifest.ok()?.account, files })
    }
}

impl Sources for BackupSources<'_> {
    fn credentials(&self, constraint: &Constraint) -> Found {
        let kin = self.folder.map(|folder| Kin::of(folder, &self.options())).unwrap_or_default();
        let (archived, locked, shelved) = self.archived(constraint, &kin);
        let copies = self.folder.map(|folder| super::copies::credentials(folder, constraint, &kin));
        let Copies { login: copy, unproven, packed } = copies.unwrap_or_default();
        // Whichever knows of more pre-keys is the newer one.
        let login = match (archived, copy) {
            (Some(archived), Some(copy)) if copy.next_pre_key_id() > archived.next_pre_key_id() => Some(copy),
            (archived, copy) => archived.or(copy),
        };
        let unproven: Vec<_> =
            if login.is_some() { Vec::new() } else { shelved.into_iter().chain(unproven).collect() };
        let packed = if login.is_some() { Vec::new() } else { packed };
        Found { login, locked, unproven, packed }
    }

    fn file(&self, login: &[u8; 32], name: &str) -> Option<Vec<u8>> {
        self.ask(login, |files| files.get(name).cloned())
    }

    fn pre_keys(&self, login: &[u8; 32]) -> Vec<(String, Vec<u8>)> {
        let is_pre_key = |name: &&String| matches!(Name::parse(name), Name::PreKey(_));
        self.ask(login, |files| {
            let pre_keys = files.iter().filter(|(name, _)| is_pre_key(name));
            let pre_keys: Vec<_> = pre_keys.map(|(name, content)| (name.clone(), content.clone())).collect();
            (!pre_keys.is_empty()).then_some(pre_keys)
        })
        .unwrap_or_default()
    }
}
