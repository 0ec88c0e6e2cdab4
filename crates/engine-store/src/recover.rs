//! A login out of a backup, for a store whose database is gone.
//!
//! Only what does not move on is taken: keys of the login, pre-keys, keys of shared settings, what is known of contacts.
//! Signal sessions and sender keys are left out, because those of a backup are older than the ones that were used last, and
//! a ratchet never goes back: the next messages negotiate new ones.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use wakeeper_doctor::backup::manifest::account_mark;
use wakeeper_doctor::backup::{Shelf, archive};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::formats::baileys::credentials::Credentials;
use wakeeper_doctor::formats::baileys::name::{CREDENTIALS, Name};
use wakeeper_doctor::json;
use wakeeper_doctor::model::Session;
use wakeeper_doctor::repair::{Constraint, RestoredCredentials};
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::source::Limits;
use wakeeper_doctor::transfer;

use crate::error::{NativeError, io, store};

/// Where backups of a session are.
#[derive(Debug, Clone)]
pub struct Backups {
    /// The backup folder.
    pub shelf: PathBuf,
    /// The session's name in it.
    pub label: String,
    /// Opens encrypted ones.
    pub passphrase: Option<Passphrase>,
}

/// Which login a backup must hold. At least one of both must be known, so that nobody's login is taken for another's.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Its phone number.
    pub number: Option<String>,
    /// The mark of its identity key.
    pub login: Option<String>,
}

impl Wanted {
    /// Whether anything is known of it.
    pub fn is_known(&self) -> bool {
        self.number.is_some() || self.login.is_some()
    }
}

/// A login that was found.
#[derive(Debug)]
pub struct Found {
    /// The backup that it comes from.
    pub archive: PathBuf,
    /// It, without ratchets.
    pub session: Session,
}

/// Looks for the newest backup of a login. Blocking.
///
/// # Errors
/// When a backup was found and cannot be taken apart.
pub fn newest(backups: &Backups, wanted: &Wanted, now_ms: i64) -> Result<Option<Found>, NativeError> {
    let Some((archive, credentials)) = find(backups, wanted) else { return Ok(None) };
    let session = read(&archive, &credentials.content, backups.passphrase.as_ref(), now_ms)?;
    Ok(Some(Found { archive, session }))
}

/// The newest backup of a login; none where nothing is known of it: a login is never taken on a guess. Blocking.
pub fn newest_archive(backups: &Backups, wanted: &Wanted) -> Option<PathBuf> {
    find(backups, wanted).map(|(archive, _)| archive)
}

fn find(backups: &Backups, wanted: &Wanted) -> Option<(PathBuf, RestoredCredentials)> {
    let shelf = Shelf::at(&backups.shelf);
    if !wanted.is_known() {
        return None;
    }
    let constraint = Constraint { users: wanted.number.iter().cloned().collect(), ..Constraint::default() };
    shelf.find_login(&backups.label, backups.passphrase.as_ref(), &Limits::default(), |_, text| {
        let is_it = wanted.login.as_ref().is_none_or(|login| {
            let credentials = json::parse(text).ok().map(|value| Credentials::read(&value));
            let identity = credentials.as_ref().and_then(Credentials::identity_public);
            identity.is_some_and(|identity| account_mark(identity) == *login)
        });
        is_it.then(|| RestoredCredentials::from_backup(text, PathBuf::new(), &constraint)).flatten()
    })
}

/// The newest backup of each login that there is, from which a person chooses where nothing is known of it. Blocking.
pub fn offered(backups: &Backups) -> Vec<PathBuf> {
    Shelf::at(&backups.shelf).accounts(&backups.label).into_values().collect()
}

/// Whether there are backups that nobody can look into, for want of a passphrase.
pub fn are_locked(backups: &Backups) -> bool {
    let archives = Shelf::at(&backups.shelf).archives(Some(&backups.label)).unwrap_or_default();
    backups.passphrase.is_none()
        && archives.iter().any(|(path, ..)| archive::is_encrypted(path).unwrap_or(false))
}

fn read(
    archive: &Path,
    credentials: &[u8],
    passphrase: Option<&Passphrase>,
    now_ms: i64,
) -> Result<Session, NativeError> {
    // Keys are copied: the folder is 0700 and gone when this returns.
    let scratch = tempfile::tempdir().map_err(io("make a private folder for a copy of", archive))?;
    let folder = scratch.path().join("session");
    DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(io("make a private folder for a copy of", archive))?;
    let put = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(content)
    };
    archive::read(archive, passphrase, &Limits::default(), |member| {
        let name = member.session_file().filter(|name| stays(name));
        name.map_or(Ok(()), |name| put(name, member.content)).map_err(archive::ArchiveError::from)
    })
    .map_err(store("read the backup of", archive))?;
    put(CREDENTIALS, credentials).map_err(io("copy", archive))?;
    let reading =
        transfer::read(&folder, &Options::at(now_ms)).map_err(store("read the backup of", archive))?;
    let mut session = reading.session;
    session.signal_sessions.clear();
    session.sender_keys.clear();
    session.sender_key_memory.clear();
    Ok(session)
}

/// What does not move on. Names are those that Baileys gives, without a path in them.
fn stays(name: &str) -> bool {
    let known = matches!(
        Name::parse(name),
        Name::PreKey(_)
            | Name::AppStateKey { .. }
            | Name::AppStateVersion
            | Name::LidMapping { .. }
            | Name::LidMappingReverse { .. }
            | Name::DeviceList { .. }
    );
    known && !name.contains('/')
}
