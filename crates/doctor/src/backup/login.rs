//! Which login an archive holds. Its manifest is its maker's word; this is what is in it.

use std::path::{Path, PathBuf};

use super::archive::{self, ArchiveError};
use super::manifest::account_mark;
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

/// Reads a whole archive and says which login it holds.
///
/// # Errors
/// When the archive is refused.
pub fn login_in(
    archive: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<Login, ArchiveError> {
    let mut login = Login { mark: None, sound: false };
    archive::read(archive, passphrase, limits, |member| {
        if member.session_file() == Some("creds.json") {
            let credentials = json::parse(member.content).ok().map(|value| Credentials::read(&value));
            login.mark = credentials.as_ref().and_then(Credentials::identity_public).map(account_mark);
            let restored =
                RestoredCredentials::from_backup(member.content, PathBuf::new(), &Constraint::default());
            login.sound = restored.is_some();
        }
        Ok(())
    })?;
    Ok(login)
}
