//! Whose archives are whose, where sessions of one name share a backup folder.
//!
//! A session's name is that of its folder, and `/a/auth_info` and `/b/auth_info` have the same. What tells them apart is the
//! mark of the login (see [`super::manifest::account_mark`]): in the manifest, and of encrypted archives in the file's name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::BackupError;
use super::archive::{self, Effort};
use super::manifest::account_mark;
use super::shelf::{BackupInfo, Shelf, parse_name};
use crate::examine::CredentialsState;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::CREDENTIALS;
use crate::json;
use crate::source::{Folder, Limits};

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

    /// Whether it may be of a session of this account: nothing tells otherwise.
    pub fn may_be_of(&self, account: Option<&str>) -> bool {
        match (self.login(), account) {
            (Some(login), Some(account)) => login == account,
            _ => true,
        }
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

    /// The archives of a name that may be an account's, newest first; all of them where it is not known.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn archives_of(
        &self,
        label: &str,
        account: Option<&str>,
    ) -> Result<Vec<(PathBuf, String, i64)>, BackupError> {
        let mut archives = self.archives(Some(label))?;
        if let Some(account) = account {
            let mut effort = Effort::of_a_glance();
            archives.retain(|(path, ..)| login_of(path, &mut effort).is_none_or(|login| login == account));
        }
        Ok(archives)
    }
}

/// The account whose login an archive holds, told by its name, or by the manifest of one that is not encrypted.
pub(super) fn login_of(path: &Path, effort: &mut Effort) -> Option<String> {
    glance(path, effort).map(|(login, _)| login)
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
