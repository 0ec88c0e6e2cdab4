//! Whose archives are whose, where sessions of one name share a backup folder.
//!
//! A session's name is that of its folder, and `/a/auth_info` and `/b/auth_info` have the same. What tells them apart is the
//! mark of the login (see [`super::manifest::account_mark`]): in the manifest, and of encrypted archives in the file's name.
//! Where no login shows, and of stores of whatsmeow, which hold many, it is the mark of the place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::BackupError;
use super::archive::{self, Effort};
use super::info::BackupInfo;
use super::manifest::account_mark;
use super::shelf::{Shelf, parse_name};
use crate::examine::CredentialsState;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::CREDENTIALS;
use crate::json;
use crate::secret::Passphrase;
use crate::source::{Folder, Limits};

/// Whose backups are meant, where sessions of one name share a folder.
#[derive(Debug, Default, Clone, Copy)]
pub struct Own<'a> {
    /// The session's login: see [`super::manifest::account_mark`]; none where it cannot be read.
    pub account: Option<&'a str>,
    /// Where the session lies: see [`super::place_mark`].
    pub place: Option<&'a str>,
}

/// What an archive tells of whose it is.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) login: Option<&'a str>,
    pub(super) place: Option<&'a str>,
    /// It is of a store of whatsmeow.
    pub(super) of_a_store: bool,
}

impl Own<'_> {
    /// Whether an archive may be the session's: nothing tells otherwise.
    pub(super) fn may_have(self, told: Told<'_>) -> bool {
        match (told.login, self.account) {
            (Some(_), None) if !told.of_a_store => true,
            (Some(login), Some(account)) if !told.of_a_store => login == account,
            // A store has the logins of many devices, and is the same one as long as it lies there.
            _ => told.place.zip(self.place).is_none_or(|(theirs, ours)| theirs == ours),
        }
    }
}

/// The mark of the login in a session's folder of Baileys; `None` where nothing was linked, or it does not show.
pub fn account_in(auth_info: &Path) -> Option<String> {
    let text = Folder::open(auth_info).ok()?.read(CREDENTIALS, &Limits::default()).ok()?;
    let credentials = Credentials::read(&json::parse(&text).ok()?);
    credentials.identity_public().filter(|_| credentials.is_linked()).map(account_mark)
}

/// The accounts whose logins the archives of a list give back, each with its newest.
pub fn accounts_of(list: &[BackupInfo]) -> BTreeMap<&str, &BackupInfo> {
    let mut accounts = BTreeMap::new();
    for backup in list {
        let gives = backup.credentials != Some(CredentialsState::Damaged);
        if let Some(account) = backup.login().filter(|_| gives) {
            accounts.entry(account).or_insert(backup);
        }
    }
    accounts
}

impl BackupInfo {
    /// The account whose login it holds, as far as that is known.
    pub fn login(&self) -> Option<&str> {
        self.account.as_deref().filter(|_| self.credentials != Some(CredentialsState::Missing))
    }

    /// Whether it may be this session's: nothing tells otherwise.
    pub fn may_be_of(&self, own: Own<'_>) -> bool {
        own.may_have(self.told())
    }

    pub(super) fn told(&self) -> Told<'_> {
        Told { login: self.login(), place: self.place.as_deref(), of_a_store: self.is_of_a_store() }
    }
}

impl Shelf {
    /// The accounts whose logins archives of a name give back, each with its newest archive, as far as that shows without a
    /// passphrase.
    pub fn accounts(&self, label: &str) -> BTreeMap<String, PathBuf> {
        let mut effort = Effort::of_a_glance();
        let mut accounts = BTreeMap::new();
        for (path, ..) in self.archives(Some(label)).unwrap_or_default() {
            if let Some((account, CredentialsState::Sound)) = glance(&path, &mut effort) {
                accounts.entry(account).or_insert(path);
            }
        }
        accounts
    }

    /// The accounts whose logins archives of a name give back that were made of a session at a place, as far as that shows.
    pub(crate) fn accounts_at(
        &self,
        label: &str,
        place: &str,
        passphrase: Option<&Passphrase>,
    ) -> BTreeSet<String> {
        let mut effort = Effort::of_a_list();
        let mut accounts = BTreeSet::new();
        for (path, ..) in self.archives(Some(label)).unwrap_or_default() {
            let Ok(found) = archive::summary(&path, passphrase, &Limits::default(), &mut effort) else {
                continue;
            };
            let is_it = found.place.as_deref() == Some(place) && found.credentials == CredentialsState::Sound;
            accounts.extend(found.account.filter(|_| is_it));
        }
        accounts
    }

    /// The archives of a name that may be a session's, newest first; all of them where nothing is known of it.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn archives_of(&self, label: &str, own: Own<'_>) -> Result<Vec<(PathBuf, String, i64)>, BackupError> {
        let mut archives = self.archives(Some(label))?;
        if own.account.is_some() || own.place.is_some() {
            let mut effort = Effort::of_a_glance();
            archives.retain(|(path, ..)| may_be_of(path, own, &mut effort));
        }
        Ok(archives)
    }
}

/// The account whose login an archive holds, told by its name, or by the manifest of one that is not encrypted.
pub(super) fn login_of(path: &Path, effort: &mut Effort) -> Option<String> {
    glance(path, effort).map(|(login, _)| login)
}

/// Whether an archive may be a session's, as far as that shows without a passphrase.
pub(super) fn may_be_of(path: &Path, own: Own<'_>, effort: &mut Effort) -> bool {
    let mark = mark_in(path);
    if mark.is_some() && own.account.is_some() && mark.as_deref() != own.account {
        return false;
    }
    let Ok(summary) = archive::summary(path, None, &Limits::default(), effort) else {
        return own.may_have(Told { login: mark.as_deref(), ..Told::default() });
    };
    own.may_have(summary.told())
}

/// The same, and the state of the login as far as that shows.
fn glance(path: &Path, effort: &mut Effort) -> Option<(String, CredentialsState)> {
    if let Some(mark) = mark_in(path) {
        return Some((mark, CredentialsState::Sound));
    }
    let summary = archive::summary(path, None, &Limits::default(), effort).ok()?;
    let account = summary.account.filter(|_| summary.credentials != CredentialsState::Missing)?;
    Some((account, summary.credentials))
}

/// The mark in an archive's name.
pub(super) fn mark_in(path: &Path) -> Option<String> {
    parse_name(path.file_name()?.to_str()?)?.account
}

/// Whether what stands in a name has the shape of a mark.
pub(super) fn is_mark(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
