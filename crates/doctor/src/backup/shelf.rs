//! The backup folder: which backups there are, and what they can give back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wakeeper_model::time;
use wakeeper_private_fs::{Folder, FsError, create_private_folders, shown};

use super::archive::{self, Effort};
use super::info::{info, not_looked_into};
use super::kin::Kin;
use super::login::{Held, held_in};
use super::manifest::Manifest;
use super::series::{Own, is_mark, login_of, may_be_of};
use super::{BackupError, BackupInfo, CreateOptions};
use crate::secret::Passphrase;
use crate::source::Limits;

/// A folder may be in reach of others, who may fill it. So many archives, the newest, are seen.
const ARCHIVES: usize = 10_000;
/// So many are named when the one that was asked for is not there.
const TOLD: usize = 3;

/// A folder of backups.
#[derive(Debug, Clone)]
pub struct Shelf {
    path: PathBuf,
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
    /// those that cannot be the session's own are not meant by a time.
    ///
    /// # Errors
    /// When there is no such archive, it is a link, or a time means those of several accounts.
    pub fn file_named(&self, path: &Path, label: &str, own: Own<'_>) -> Result<PathBuf, BackupError> {
        let inside = self.path.join(path);
        self.refuse_link(path)?;
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
        self.one_of(of_time.map(|(path, ..)| path), own, &text)?.ok_or_else(|| BackupError::NoSuch {
            name: text.into_owned(),
            folder: shown(&self.path),
            newest: archives.iter().take(TOLD).map(|(.., ms)| time_of(*ms)).collect(),
        })
    }

    /// Whoever can write to the folder could lead a restore to any file.
    fn refuse_link(&self, path: &Path) -> Result<(), BackupError> {
        let inside = self.path.join(path);
        let in_here = inside.parent().and_then(|parent| parent.canonicalize().ok());
        let is_here = in_here.is_some() && in_here == self.path.canonicalize().ok();
        let is_link = || inside.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        if is_here && is_link() { Err(BackupError::Link { path: shown(&inside) }) } else { Ok(()) }
    }

    /// The newest of some archives: of an account's own where there are some, for the others are refused with their own words.
    fn one_of<'p>(
        &self,
        archives: impl Iterator<Item = &'p PathBuf>,
        own: Own<'_>,
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
        if own.account.is_none() && logins.len() > 1 {
            let names = logins.into_values().map(|path| file_name(path)).collect();
            return Err(BackupError::Several { name: named.to_owned(), folder: shown(&self.path), names });
        }
        let own = all.iter().find(|(path, _)| may_be_of(path, own, &mut effort)).or(all.first());
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
        self.entries(label, |kind| kind.is_file())
    }

    /// What is named as archives are, newest first, and is a file or not.
    fn entries(
        &self,
        label: Option<&str>,
        is_meant: impl Fn(std::fs::FileType) -> bool,
    ) -> Result<Vec<(PathBuf, String, i64)>, BackupError> {
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
            if !item.file_type().is_ok_and(&is_meant) {
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

    /// The backups, newest first, and what each can restore; among them what only has the name of one, which is told as a
    /// problem.
    pub fn list(
        &self,
        label: Option<&str>,
        passphrase: Option<&Passphrase>,
        limits: &Limits,
    ) -> Result<Vec<BackupInfo>, BackupError> {
        let mut list = self.list_files(label, passphrase, limits)?;
        let links = self.entries(label, |kind| !kind.is_file() && !kind.is_dir())?.into_iter();
        list.extend(links.map(|(path, label, created_ms)| not_looked_into(path, label, created_ms)));
        list.sort_by_key(|backup| std::cmp::Reverse(backup.created_ms));
        Ok(list)
    }

    /// The same of files alone.
    pub(super) fn list_files(
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
        let own = Own { account: now.account.as_deref(), place: now.place.as_deref() };
        let is_own = |path: &PathBuf| may_be_of(path, own, &mut effort);
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

pub(super) fn time_of(ms: i64) -> String {
    time::rfc3339(ms.saturating_mul(1_000_000)).chars().take("2026-01-31T12:00:07".len()).collect()
}

fn keep_newest(found: &mut Vec<(PathBuf, String, i64)>) {
    found.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| b.0.cmp(&a.0)));
    found.truncate(ARCHIVES);
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
            assert_eq!(shelf.file_named(Path::new(named), "web", Own::default()).unwrap(), newest, "{named}");
        }
        for named in ["2031-01-03", "2031", "nothing"] {
            let refused =
                shelf.file_named(Path::new(named), "web", Own::default()).expect_err("refused").to_string();
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
