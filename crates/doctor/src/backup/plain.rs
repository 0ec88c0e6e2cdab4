//! Copies that people made themselves: a folder, a tar archive of one, compressed or not, or a `creds.json` alone. Nobody vouches for them, so
//! they are read with the same bounds as everything else, and only what is checked is taken from them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use wakeeper_bounded_tar::{Bounds, Entry, Kind, Reader, shown};

use super::archive::{self, ArchiveError, content};
use super::manifest::read::FILES;
use crate::examine::examine_file;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::{CREDENTIALS, Name};
use crate::inventory::Inventory;
use crate::json;
use crate::source::{self, Folder, Limits};

/// What a tar stream of other people may hold: whole paths, and the files of more than one session.
const BOUNDS: Bounds = Bounds {
    total: 1 << 30,
    entries: FILES + 1,
    entry: 1 << 30,
    name: 4096,
    extensions: 16 << 10,
    records: 64,
};
/// Folders in one archive that are told apart.
const FOLDERS: usize = 256;
/// Bytes of a login, and of each other file that never changes.
const LASTING: u64 = 4 << 20;
/// Bytes of all that is kept of a copy.
const LASTING_SUM: usize = 16 << 20;

/// What can be taken from a copy.
#[derive(Debug, Default)]
pub(crate) struct Copy {
    /// Each `creds.json` in it.
    pub(crate) logins: Vec<Vec<u8>>,
    /// Files that never change, of the copy's only session; none when it holds more than one.
    pub(crate) lasting: BTreeMap<String, Vec<u8>>,
}

/// Whether a path is a folder, a tar archive or a login's file, and no backup of wakeeper's.
pub fn is_plain(path: &Path) -> bool {
    path.is_dir() || (path.is_file() && (is_archive(path) || login_file(path).is_some()))
}

/// Whether a path is a tar archive, and no backup of wakeeper's.
pub(crate) fn is_archive(path: &Path) -> bool {
    open(path).is_ok_and(|stream| is_tar(stream).unwrap_or(false))
}

/// The content of a file that is the copy of a `creds.json`.
fn login_file(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    content::open(path).ok()?.take(LASTING + 1).read_to_end(&mut text).ok()?;
    let is_whole = text.len() as u64 <= LASTING;
    let value = json::parse(&text).ok().filter(|_| is_whole)?;
    Credentials::read(&value).is_linked().then_some(text)
}

fn is_tar(stream: impl Read) -> Result<bool, ArchiveError> {
    let mut archive = Reader::new(stream, BOUNDS);
    let first = archive.next_entry()?;
    Ok(first.is_some_and(|entry| entry.name != super::archive::MANIFEST.as_bytes()))
}

/// Reads what a copy can give: its logins, and those files of theirs that `lasting` takes.
pub(crate) fn read(
    path: &Path,
    limits: &Limits,
    lasting: impl Fn(&Name) -> bool,
) -> Result<Copy, ArchiveError> {
    let mut copy = Copy::default();
    if path.is_file()
        && let Some(text) = login_file(path)
    {
        copy.logins.push(text);
        return Ok(copy);
    }
    let mut room = LASTING_SUM;
    let mut take = |name: &str, len: u64, stream: &mut dyn Read| -> Result<(), ArchiveError> {
        let is_login = name == CREDENTIALS;
        if len > LASTING.min(room as u64) || !(is_login || lasting(&Name::parse(name))) {
            return Ok(());
        }
        let mut content = Vec::new();
        stream.take(LASTING).read_to_end(&mut content)?;
        room = room.saturating_sub(content.len());
        if is_login {
            copy.logins.push(content);
        } else {
            copy.lasting.insert(name.to_owned(), content);
        }
        Ok(())
    };
    if path.is_dir() {
        let io = |error: String| ArchiveError::Io(std::io::Error::other(error));
        let folder = Folder::open(path).map_err(|error| io(error.to_string()))?;
        for entry in folder.list(limits).map_err(|error| io(error.to_string()))? {
            // What cannot be read is not taken.
            if let Ok((mut file, entry)) = folder.open_file(&entry.name, limits) {
                take(&entry.name, entry.len, &mut file)?;
            }
        }
        return Ok(copy);
    }
    let mut logins = BTreeSet::new();
    members(path, |folder, name, entry| {
        if name == CREDENTIALS {
            only_once(&mut logins, &plain_path(folder))?;
        }
        take(name, entry.size, entry)
    })?;
    if copy.logins.len() > 1 {
        copy.lasting.clear();
    }
    Ok(copy)
}

/// What a tar archive holds.
#[derive(Debug)]
pub(crate) enum Packed {
    /// One session: the one with a login, else the one with most files.
    One(Inventory),
    /// The folders of several logins.
    Several(Vec<String>),
}

/// Looks for the session in a tar archive.
pub(crate) fn examine(path: &Path, limits: &Limits) -> Result<Packed, ArchiveError> {
    let mut folders: BTreeMap<String, Inventory> = BTreeMap::new();
    let mut logins = BTreeSet::new();
    let mut left = limits.total;
    members(path, |folder, name, entry| {
        let folder = &plain_path(folder);
        if name == CREDENTIALS {
            only_once(&mut logins, folder)?;
        }
        if !Name::parse(name).is_baileys() || entry.size > limits.file {
            return Ok(());
        }
        left = left.checked_sub(entry.size).ok_or(ArchiveError::TooLarge { limit: limits.total })?;
        let mut content = Vec::new();
        entry.take(limits.file).read_to_end(&mut content)?;
        if folders.len() < FOLDERS || folders.contains_key(folder) {
            let report = examine_file(source::Entry::in_memory(name, content.len() as u64), Ok(&content));
            folders.entry(folder.to_owned()).or_default().files.insert(name.to_owned(), report);
        }
        Ok(())
    })?;
    let best = |(folder, inventory): &(String, Inventory)| {
        let depth = std::cmp::Reverse(folder.matches('/').count());
        (logins.contains(folder), depth, inventory.files.len())
    };
    if logins.len() > 1 {
        return Ok(Packed::Several(logins.iter().map(|folder| shown(folder)).collect()));
    }
    let one = folders.into_iter().max_by_key(best).map(|(_, inventory)| Packed::One(inventory));
    one.ok_or(ArchiveError::NotABackup)
}

/// Refuses a second login under one path.
fn only_once(logins: &mut BTreeSet<String>, folder: &str) -> Result<(), ArchiveError> {
    if logins.insert(folder.to_owned()) {
        return Ok(());
    }
    let reason = "it is there twice, and either can be the login: unpack the archive and look at both";
    Err(archive::member(&format!("{folder}/{CREDENTIALS}"), reason))
}

/// A path as it is unpacked: `./a//b` is `a/b`.
fn plain_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    parts.join("/")
}

/// Hands over every regular file with the folder that it is in.
fn members(
    path: &Path,
    mut each: impl FnMut(&str, &str, &mut Entry<'_, Box<dyn Read>>) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let mut archive = Reader::new(open(path)?, BOUNDS);
    while let Some(mut entry) = archive.next_entry()? {
        let Some(name) = std::str::from_utf8(&entry.name).ok().map(str::to_owned) else { continue };
        if entry.kind == Kind::File {
            let (folder, name) = name.rsplit_once('/').unwrap_or(("", &name));
            if source::is_plain(name) {
                each(folder, name, &mut entry)?;
            }
        }
    }
    archive.finish()?;
    Ok(())
}

/// The tar stream of an archive, by its first bytes.
fn open(path: &Path) -> Result<Box<dyn Read>, ArchiveError> {
    let mut file = content::open(path)?;
    let start = file.fill_buf()?;
    Ok(match start {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(content::decompress(file)?),
        _ => Box::new(file),
    })
}
