//! Sound files out of the backup folder, for a plan.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::backup::archive;
use crate::backup::manifest::{Manifest, account_mark};
use crate::backup::shelf::Shelf;
use crate::examine::Examination;
use crate::formats::baileys::name::Name;
use crate::repair::{Constraint, RestoredCredentials, Sources};
use crate::secret::Passphrase;
use crate::source::Limits;

/// Backups of one session, read when they are first needed.
pub struct BackupSources<'a> {
    shelf: Shelf,
    label: &'a str,
    passphrase: Option<&'a Passphrase>,
    /// Which login the folder holds; files of another one are of no use.
    account: RefCell<Option<String>>,
    lasting: OnceCell<BTreeMap<String, Vec<u8>>>,
}

impl<'a> BackupSources<'a> {
    /// The backups of a session, for the login that the examined folder holds.
    pub fn new(
        shelf: &Path,
        label: &'a str,
        passphrase: Option<&'a Passphrase>,
        examination: &Examination,
    ) -> Self {
        let credentials = examination.inventory.credentials();
        let account = credentials.and_then(|credentials| credentials.identity_public()).map(account_mark);
        Self {
            shelf: Shelf::at(shelf),
            label,
            passphrase,
            account: RefCell::new(account),
            lasting: OnceCell::new(),
        }
    }

    /// Files that never change, of the newest backup of this login.
    fn lasting(&self) -> &BTreeMap<String, Vec<u8>> {
        self.lasting.get_or_init(|| {
            let archives = self.shelf.archives(Some(self.label)).unwrap_or_default();
            archives.iter().find_map(|(path, ..)| self.lasting_of(path)).unwrap_or_default()
        })
    }

    fn lasting_of(&self, path: &Path) -> Option<BTreeMap<String, Vec<u8>>> {
        let mut files = BTreeMap::new();
        let manifest: Manifest = archive::read(path, self.passphrase, &Limits::default(), |member| {
            let lasting = member
                .session_file()
                .filter(|name| matches!(Name::parse(name), Name::PreKey(_) | Name::AppStateKey { .. }));
            if let Some(name) = lasting {
                files.insert(name.to_owned(), member.content.to_vec());
            }
            Ok(())
        })
        .ok()?;
        let account = self.account.borrow();
        (account.is_some() && manifest.account == *account && !files.is_empty()).then_some(files)
    }
}

impl Sources for BackupSources<'_> {
    fn credentials(&self, constraint: &Constraint) -> Option<RestoredCredentials> {
        // Without anything that tells the login, only backups of this very session may be asked.
        let known = constraint.identity.is_some() || !constraint.users.is_empty();
        let label = (!known).then_some(self.label);
        let limits = Limits::default();
        let mut account = None;
        let found = self.shelf.find_file(label, "creds.json", self.passphrase, &limits, |manifest, text| {
            let restored = RestoredCredentials::from_backup(text, PathBuf::new(), constraint)?;
            account.clone_from(&manifest.account);
            Some(restored)
        });
        let (from, restored) = found?;
        *self.account.borrow_mut() = account;
        Some(RestoredCredentials { from, ..restored })
    }

    fn file(&self, name: &str) -> Option<Vec<u8>> {
        self.lasting().get(name).cloned()
    }

    fn pre_keys(&self) -> Vec<(String, Vec<u8>)> {
        let is_pre_key = |name: &&String| matches!(Name::parse(name), Name::PreKey(_));
        self.lasting()
            .iter()
            .filter(|(name, _)| is_pre_key(name))
            .map(|(name, content)| (name.clone(), content.clone()))
            .collect()
    }
}
