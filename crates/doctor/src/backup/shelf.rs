//! The backup folder: which backups there are, and what they can give back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use wakeeper_model::time;
use wakeeper_private_fs::{Folder, FsError, create_private_folders, shown};

use super::archive::{self, ArchiveError, Effort};
use super::kin::Kin;
use super::login::{Held, held_in};
use super::manifest::Manifest;
use super::series::{is_mark, login_of, mark_in};
use super::{BackupError, CreateOptions, Reason};
use crate::examine::CredentialsState;
use crate::secret::Passphrase;
use crate::source::Limits;
use crate::whatsmeow;

/// A folder may be in reach of others, who may fill it. So many archives, the newest, are seen.
const ARCHIVES: usize = 10_000;
/// So many are named when the one that was asked for is not there.
const TOLD: usize = 3;

/// A folder of backups.
#[derive(Debug, Clone)]
pub struct Shelf {
    path: PathBuf,
}

/// One backup, as far as its name and manifest tell.
#[derive(Debug, Clone, Serialize)]
pub struct BackupInfo {
    /// The archive.
    #[serde(serialize_with = "as_shown")]
    pub path: PathBuf,
    /// The session's name.
    pub label: String,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// Its size in bytes.
    pub size: u64,
    /// A passphrase is needed to use it.
    pub encrypted: bool,
    /// The state of the credentials in it; unknown without the passphrase, or when it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsState>,
    /// Errors that were in the session when it was backed up; unknown in old backups, and without the passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<usize>,
    /// Why it was made; unknown in old backups, and without the passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Whether every hash in it is what its manifest says; unknown until it is read back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Number of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
    /// Number of records of Signal sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_sessions: Option<usize>,
    /// Which login, see [`super::manifest::account_mark`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Where the session lies, see [`super::place_mark`].
    #[serde(skip)]
    pub place: Option<String>,
    /// How the session was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// It was not looked into, because too many newer ones are large or encrypted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub passed_over: bool,
    /// It is encrypted, and was not opened: no passphrase was given, or another one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// Why its manifest could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl BackupInfo {
    /// When it was made, to the second, in UTC: `2026-01-31T12:00:07`. Names it, too.
    pub fn time(&self) -> String {
        time_of(self.created_ms)
    }

    /// It may hold a sound login: what cannot be looked into may be the last one.
    pub fn may_hold_login(&self) -> bool {
        let unknown = self.passed_over || self.locked;
        self.credentials.map_or(unknown, |state| state == CredentialsState::Sound)
    }

    /// It is of a store of whatsmeow, which `restore` does not put back.
    pub fn is_of_a_store(&self) -> bool {
        self.format.as_deref() == Some(whatsmeow::FORMAT)
    }

    /// It may hold a session without any error.
    pub fn may_be_well(&self) -> bool {
        self.may_hold_login() && self.errors.is_none_or(|errors| errors == 0)
    }
}

impl Shelf {
    /// A backup folder that may or may not exist.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// A backup folder, made with mode 0700 when it does not exist.
    pub fn make(path: &Path) -> Result<Self, BackupError> {
        // One that is held open is there, and may have lost its name.
        if path.is_dir() {
            return Ok(Self::at(path));
        }
        let made = create_private_folders(path);
        made.map_err(|reason| BackupError::Io {
            action: "make the backup folder",
            path: shown(path),
            reason,
        })?;
        Ok(Self::at(path))
    }

    /// An archive by its path, by its name in the folder, or by the time of a session's backup as [`BackupInfo::time`] says it;
    /// those of other accounts than `account` are not meant by a time.
    ///
    /// # Errors
    /// When there is no such archive, or a time means those of several accounts.
    pub fn file_named(
        &self,
        path: &Path,
        label: &str,
        account: Option<&str>,
    ) -> Result<PathBuf, BackupError> {
        let inside = self.path.join(path);
        // A container's backup folder gives only what is in it: see `Folder::file_named`.
        if path.exists() {
            return Ok(path.to_owned());
        }
        if inside.symlink_metadata().is_ok() {
            return Ok(inside);
        }
        let archives = self.archives(Some(label))?;
        let text = path.to_string_lossy();
        let looks_so = text.len() >= "2026-01-31".len();
        let of_time = archives.iter().filter(|(.., ms)| looks_so && time_of(*ms).starts_with(&*text));
        self.one_of(of_time.map(|(path, ..)| path), account, &text)?.ok_or_else(|| BackupError::NoSuch {
            name: text.into_owned(),
            folder: shown(&self.path),
            newest: archives.iter().take(TOLD).map(|(.., ms)| time_of(*ms)).collect(),
        })
    }

    /// The newest of some archives: of an account's own where there are some, for the others are refused with their own words.
    fn one_of<'p>(
        &self,
        archives: impl Iterator<Item = &'p PathBuf>,
        account: Option<&str>,
        named: &str,
    ) -> Result<Option<PathBuf>, BackupError> {
        let mut effort = Effort::of_a_glance();
        let all: Vec<_> = archives.map(|path| (path, login_of(path, &mut effort))).collect();
        let mut logins = BTreeMap::new();
        for (path, login) in &all {
            if let Some(login) = login {
                logins.entry(login.as_str()).or_insert(*path);
            }
        }
        if account.is_none() && logins.len() > 1 {
            let names = logins.into_values().map(|path| file_name(path)).collect();
            return Err(BackupError::Several { name: named.to_owned(), folder: shown(&self.path), names });
        }
        let may_be_own = |login: &Option<String>| login.is_none() || login.as_deref() == account;
        let own = all.iter().find(|(_, login)| may_be_own(login)).or(all.first());
        Ok(own.map(|(path, _)| (*path).clone()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that new names in it survive a loss of power.
    pub(super) fn sync(&self) -> Result<(), BackupError> {
        self.folder()?.sync().map_err(self.failed("sync"))
    }

    /// The folder itself. A container's own is confined: nothing in it leads out.
    pub(super) fn folder(&self) -> Result<Folder, BackupError> {
        Folder::named(&self.path).map_err(self.failed("open the backup folder"))
    }

    pub(super) fn failed(&self, action: &'static str) -> impl Fn(FsError) -> BackupError + '_ {
        move |error| BackupError::Io { action, path: shown(&self.path), reason: error.into_io() }
    }

    /// Removes one of its files.
    pub(super) fn remove(&self, path: &Path) -> Result<(), BackupError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let failed =
            |error: FsError| BackupError::Io { action: "remove", path: shown(path), reason: error.into_io() };
        self.folder()?.remove(name).map_err(failed)
    }

    /// The archives by name alone, newest first; of one session, or of all.
    pub fn archives(&self, label: Option<&str>) -> Result<Vec<(PathBuf, String, i64)>, BackupError> {
        let failed = |reason| BackupError::Io { action: "list", path: shown(&self.path), reason };
        let items = match std::fs::read_dir(&self.path) {
            Ok(items) => items,
            // Nothing was backed up yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for item in items {
            let item = item.map_err(failed)?;
            // What leads elsewhere is no archive of this folder.
            if !item.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            let named = item.file_name().to_str().and_then(parse_name);
            if let Some(named) = named.filter(|named| label.is_none_or(|label| label == named.label)) {
                found.push((item.path(), named.label, named.created_ms));
                if found.len() == 2 * ARCHIVES {
                    keep_newest(&mut found);
                }
            }
        }
        keep_newest(&mut found);
        Ok(found)
    }

    /// What backups of a session left behind that were broken off: temporary archives begun before a time.
    pub(super) fn leftovers(&self, label: &str, before_ms: i64) -> Vec<PathBuf> {
        let Ok(items) = std::fs::read_dir(&self.path) else { return Vec::new() };
        let is_left = |name: &str| {
            let named = name.strip_prefix('.').and_then(|name| parse_name(name.strip_suffix(".tmp")?));
            named.is_some_and(|named| named.label == label && named.created_ms < before_ms)
        };
        let items = items.filter_map(Result::ok);
        items.filter(|item| item.file_name().to_str().is_some_and(is_left)).map(|item| item.path()).collect()
    }

    /// The backups, newest first, and what each can restore.
    pub fn list(
        &self,
        label: Option<&str>,
        passphrase: Option<&Passphrase>,
        limits: &Limits,
    ) -> Result<Vec<BackupInfo>, BackupError> {
        self.list_within(label, passphrase, limits, &mut Effort::of_a_list())
    }

    fn list_within(
        &self,
        label: Option<&str>,
        passphrase: Option<&Passphrase>,
        limits: &Limits,
        effort: &mut Effort,
    ) -> Result<Vec<BackupInfo>, BackupError> {
        let archives = self.archives(label)?.into_iter();
        Ok(archives.map(|(path, label, ms)| info(path, label, ms, passphrase, limits, effort)).collect())
    }

    /// The newest backup of a session, if it holds exactly this content. Those of other accounts are none of it.
    pub(super) fn newest_with(
        &self,
        how: &CreateOptions<'_>,
        now: &Manifest,
        limits: &Limits,
    ) -> Option<PathBuf> {
        let mut effort = Effort::of_a_glance();
        let is_own = |path: &PathBuf| match (login_of(path, &mut effort), now.account.as_ref()) {
            (Some(login), Some(own)) => login == *own,
            _ => true,
        };
        let archives = self.archives(Some(how.label)).ok()?.into_iter();
        let path = archives.map(|(path, ..)| path).find(is_own)?;
        // Asking for encryption is not satisfied by an open archive, nor the other way round.
        let encrypted = archive::is_encrypted(&path).ok()?;
        let manifest = archive::read(&path, how.passphrase, limits, |_| Ok(())).ok()?;
        let same = manifest.content == now.content && manifest.place == now.place;
        (encrypted == how.passphrase.is_some() && same).then_some(path)
    }

    /// The credentials in the newest backup that hold some that `accept` takes.
    pub fn find_login<T>(
        &self,
        label: &str,
        passphrase: Option<&Passphrase>,
        limits: &Limits,
        accept: impl Fn(&Manifest, &[u8]) -> Option<T>,
    ) -> Option<(PathBuf, T)> {
        let mut decide =
            |path: &Path, held: Held| Some((path.to_owned(), accept(&held.manifest, &held.credentials)?));
        self.search(Some(label), &Kin::default(), passphrase, limits, &mut decide).0
    }

    /// The newest archive with credentials that `decide` takes, and how many encrypted ones were not opened on the way.
    pub(crate) fn search<T>(
        &self,
        label: Option<&str>,
        kin: &Kin,
        passphrase: Option<&Passphrase>,
        limits: &Limits,
        decide: &mut dyn FnMut(&Path, Held) -> Option<T>,
    ) -> (Option<T>, usize) {
        let mut effort = Effort::of_a_search();
        let mut locked = 0;
        for (path, ..) in self.archives(label).unwrap_or_default() {
            // An archive that is not sound to its end is not trusted for a part of it either.
            match held_in(&path, kin, passphrase, limits, &mut effort) {
                Ok(held) => {
                    if let Some(taken) = decide(&path, held) {
                        return (Some(taken), locked);
                    }
                }
                Err(error) => {
                    locked += usize::from(error.is_of_the_passphrase());
                    tracing::warn!(backup = %shown(&path).display(), %error, "backup passed over");
                }
            }
        }
        (None, locked)
    }
}

/// An archive's name, by which a command takes it.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn time_of(ms: i64) -> String {
    time::rfc3339(ms.saturating_mul(1_000_000)).chars().take("2026-01-31T12:00:07".len()).collect()
}

fn keep_newest(found: &mut Vec<(PathBuf, String, i64)>) {
    found.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| b.0.cmp(&a.0)));
    found.truncate(ARCHIVES);
}

fn info(
    path: PathBuf,
    label: String,
    created_ms: i64,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    effort: &mut Effort,
) -> BackupInfo {
    let size = path.symlink_metadata().map_or(0, |metadata| metadata.len());
    let encrypted = archive::is_encrypted(&path).unwrap_or(false);
    let summary = archive::summary(&path, passphrase, limits, effort);
    let mut info = BackupInfo {
        account: mark_in(&path),
        path,
        label,
        created_ms,
        size,
        encrypted,
        credentials: None,
        errors: None,
        reason: None,
        verified: None,
        files: None,
        signal_sessions: None,
        place: None,
        format: None,
        passed_over: false,
        locked: false,
        problem: None,
    };
    match summary {
        Ok(summary) => {
            info.credentials = Some(summary.credentials);
            info.errors = summary.errors;
            info.reason = summary.reason;
            info.files = Some(summary.files);
            info.signal_sessions = Some(summary.signal_sessions);
            info.account = summary.account;
            info.place = summary.place;
            info.format = summary.format;
        }
        Err(ArchiveError::PassphraseNeeded) => info.locked = true,
        Err(ArchiveError::NotLookedInto) => info.passed_over = true,
        Err(error) => {
            info.locked = error.is_of_the_passphrase();
            info.problem = Some(error.to_string());
        }
    }
    info
}

/// Writes a path as people know it, not by the handle that leads there.
pub(super) fn as_shown<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    shown(path).serialize(serializer)
}

/// What an archive's name tells.
pub(super) struct Named {
    pub(super) label: String,
    pub(super) created_ms: i64,
    /// Whose login it holds, see [`super::manifest::account_mark`]: in the names of encrypted ones.
    pub(super) account: Option<String>,
}

pub(super) fn parse_name(name: &str) -> Option<Named> {
    let stem = name.strip_suffix(".tar.zst").or_else(|| name.strip_suffix(".tar.zst.age"))?;
    let marked = stem.rsplit_once('.').filter(|(_, mark)| is_mark(mark));
    let (stem, account) = marked.map_or((stem, None), |(stem, mark)| (stem, Some(mark.to_owned())));
    let (label, time) = stem.rsplit_once('_')?;
    // It is shown to people; what steers their terminals is no name that was given here.
    if !label.chars().all(wakeeper_bounded_tar::is_shown_plainly) {
        return None;
    }
    Some(Named { label: label.to_owned(), created_ms: time::parse_stamp(time)?, account })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let text = r#"{"layout":1,"wakeeper":"1","created_ms":1,"label":"web","format":"baileys",
            "credentials":"damaged","signal_sessions":0,"content":"","files":[]}"#;
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, "wakeeper-backup.json", text.as_bytes()).unwrap();
        zstd::encode_all(tar.into_inner().unwrap().as_slice(), 1).unwrap()
    }

    #[test]
    fn an_archive_is_named_by_its_path_its_name_or_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(dir.path());
        for name in [
            "web_20310102T030405006Z.tar.zst",
            "web_20310102T030405007Z.tar.zst",
            "a_20310103T000000000Z.tar.zst",
        ] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let newest = dir.path().join("web_20310102T030405007Z.tar.zst");
        for named in
            ["2031-01-02T03:04:05", "2031-01-02", "web_20310102T030405007Z.tar.zst", newest.to_str().unwrap()]
        {
            assert_eq!(shelf.file_named(Path::new(named), "web", None).unwrap(), newest, "{named}");
        }
        for named in ["2031-01-03", "2031", "nothing"] {
            let refused = shelf.file_named(Path::new(named), "web", None).expect_err("refused").to_string();
            assert!(refused.contains(named) && refused.contains("2031-01-02T03:04:05"), "{refused}");
        }
    }

    #[test]
    fn a_list_takes_a_bounded_effort_and_says_what_it_left() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..5 {
            std::fs::write(dir.path().join(format!("web_2031010{}T000000000Z.tar.zst", n + 1)), archive())
                .unwrap();
        }
        let shelf = Shelf::at(dir.path());
        let looked_into = |effort: &mut Effort| {
            let list = shelf.list_within(None, None, &Limits::default(), effort).unwrap();
            assert_eq!(list.len(), 5);
            // What was not looked into may hold the last login, and is never removed for that.
            assert!(list.iter().all(|info| info.passed_over == info.may_hold_login()));
            list.iter().map(|info| !info.passed_over).collect::<Vec<_>>()
        };
        assert_eq!(looked_into(&mut Effort::of_a_list()), [true; 5]);
        assert_eq!(looked_into(&mut Effort::just_for_one_manifest()), [true, false, false, false, false]);
    }

    /// A file of a gigabyte that takes no room: an empty frame, and then what is skipped or empty.
    fn hollow(path: &Path, after: &[u8]) {
        let start = [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0, 0], after].concat();
        std::fs::write(path, start).unwrap();
        std::fs::File::options().write(true).open(path).unwrap().set_len(1 << 30).unwrap();
    }

    #[test]
    fn what_unpacks_to_nothing_costs_little() {
        let dir = tempfile::tempdir().unwrap();
        let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &(1_u32 << 30).to_le_bytes()].concat();
        hollow(&dir.path().join("web_20310101T000000000Z.tar.zst"), &skipped);
        // A frame that goes on and on: the zeros behind its header are empty blocks.
        let path = dir.path().join("web_20310102T000000000Z.tar.zst");
        std::fs::write(&path, [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
        std::fs::write(dir.path().join("web_20300101T000000000Z.tar.zst"), archive()).unwrap();
        let mut effort = Effort::of_a_list();
        let list = Shelf::at(dir.path()).list_within(None, None, &Limits::default(), &mut effort).unwrap();
        let problems: Vec<_> = list.iter().map(|info| info.problem.as_deref()).collect();
        assert!(problems[0].is_some_and(|problem| problem.contains("unpacks to nothing")), "{problems:?}");
        assert!(problems[1].is_some() && problems[2].is_none(), "{problems:?}");
        assert!(effort.is_more_than((1 << 30) - (16 << 20)), "{effort:?}");
    }

    #[test]
    fn names_that_steer_a_terminal_are_no_archives() {
        assert!(parse_name("web_20310101T000000000Z.tar.zst").is_some());
        for label in ["w\u{1b}[2J", "w\n", "\u{202e}w"] {
            assert!(parse_name(&format!("{label}_20310101T000000000Z.tar.zst")).is_none(), "{label:?}");
        }
    }
}
