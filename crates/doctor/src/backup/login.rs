//! Which login an archive holds. Its manifest is its maker's word; this is what is in it.

use std::path::{Path, PathBuf};

use super::archive::{self, ArchiveError, Effort};
use super::kin::{Kin, Tally};
use super::manifest::{Manifest, account_mark};
use super::plain;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::CREDENTIALS;
use crate::json;
use crate::repair::{Constraint, RestoredCredentials};
use crate::secret::Passphrase;
use crate::source::Limits;

/// A login in an archive that is sound to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its mark, see [`account_mark`]; `None` when the credentials do not tell.
    pub mark: Option<String>,
    /// The phone number that it was linked to.
    pub number: Option<String>,
    /// The credentials are sound.
    pub sound: bool,
}

impl Login {
    fn of(text: &[u8]) -> Self {
        let credentials = json::parse(text).ok().map(|value| Credentials::read(&value));
        let mark = credentials.as_ref().and_then(Credentials::identity_public).map(account_mark);
        let restored = RestoredCredentials::from_backup(text, PathBuf::new(), &Constraint::default());
        let number = credentials.and_then(|credentials| credentials.me).map(|me| me.phone.user);
        Self { mark, number, sound: restored.is_some() }
    }
}

/// Reads a whole archive, or a copy that somebody made, and says which login it holds.
///
/// # Errors
/// When the archive is refused.
pub fn login_in(
    archive: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<Login, ArchiveError> {
    let text = credentials_in(archive, passphrase, limits)?;
    Ok(text.map_or(Login { mark: None, number: None, sound: false }, |text| Login::of(&text)))
}

/// What an archive that is sound to its end holds of a login.
#[derive(Debug)]
pub(crate) struct Held {
    /// What it says of itself.
    pub(crate) manifest: Manifest,
    /// The credentials; empty where there are none.
    pub(crate) credentials: Vec<u8>,
    /// Its files, compared with those of a folder.
    pub(crate) tally: Tally,
}

/// Reads a whole archive, and compares it with a folder.
pub(super) fn held_in(
    archive: &Path,
    kin: &Kin,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    effort: &mut Effort,
) -> Result<Held, ArchiveError> {
    let mut credentials = Vec::new();
    let mut tally = Tally::default();
    let manifest = archive::read_with(archive, passphrase, limits, effort, |member| {
        if let Some(name) = member.session_file() {
            kin.compare(&mut tally, name, member.content);
            if name == CREDENTIALS {
                credentials = member.content.to_vec();
            }
        }
        Ok(())
    })?;
    Ok(Held { manifest, credentials, tally })
}

/// Reads a whole archive, or a copy that somebody made, and gives the credentials in it; `None` where a copy holds many.
fn credentials_in(
    archive: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<Option<Vec<u8>>, ArchiveError> {
    if plain::is_plain(archive) {
        let mut copy = plain::read(archive, limits, |_| false)?;
        return Ok(if copy.logins.len() == 1 { copy.logins.pop() } else { None });
    }
    let mut text = None;
    archive::read(archive, passphrase, limits, |member| {
        if member.session_file() == Some(CREDENTIALS) {
            text = Some(member.content.to_vec());
        }
        Ok(())
    })?;
    Ok(text)
}
