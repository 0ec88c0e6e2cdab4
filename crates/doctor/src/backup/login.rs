//! Which login an archive holds. Its manifest is its maker's word; this is what is in it.

use std::path::{Path, PathBuf};

use super::archive::{self, ArchiveError};
use super::manifest::account_mark;
use super::plain;
use crate::formats::baileys::credentials::Credentials;
use crate::json;
use crate::repair::{Constraint, RestoredCredentials};
use crate::secret::Passphrase;
use crate::source::Limits;

/// A login in an archive that is sound to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its mark, see [`account_mark`]; `None` when the credentials do not tell.
    pub mark: Option<String>,
    /// The credentials are sound.
    pub sound: bool,
}

impl Login {
    fn of(text: &[u8]) -> Self {
        let credentials = json::parse(text).ok().map(|value| Credentials::read(&value));
        let mark = credentials.as_ref().and_then(Credentials::identity_public).map(account_mark);
        let restored = RestoredCredentials::from_backup(text, PathBuf::new(), &Constraint::default());
        Self { mark, sound: restored.is_some() }
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
    if plain::is_plain(archive) {
        let copy = plain::read(archive, limits, |_| false)?;
        let [text] = copy.logins.as_slice() else { return Ok(Login { mark: None, sound: false }) };
        return Ok(Login::of(text));
    }
    let mut login = Login { mark: None, sound: false };
    archive::read(archive, passphrase, limits, |member| {
        if member.session_file() == Some("creds.json") {
            login = Login::of(member.content);
        }
        Ok(())
    })?;
    Ok(login)
}
