//! Copies of a login that gateways and people leave near it: `creds.json.bak`, what a writer that was killed left behind, a
//! copy of the folder in it or beside it. They come from anywhere, so each is taken only after its login was compared.

use std::path::{Path, PathBuf};

use wakeeper_private_fs::shown;

use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::{CREDENTIALS, MOVED_CREDENTIALS, REPAIR_FOLDER, SESSIONS};
use crate::json;
use crate::repair::{Constraint, RestoredCredentials};
use crate::source::{Entry, EntryKind, Folder, Limits};

/// A genuine `creds.json` has 2 to 100 KB.
const LIMITS: Limits = Limits { entries: 200_000, file: 4 << 20, total: 64 << 20 };
/// So many copies are looked into, the newest first.
const LOOKED_INTO: usize = 32;

/// What the copies can give.
#[derive(Default)]
pub(super) struct Copies {
    /// The newest that is the login's.
    pub(super) login: Option<RestoredCredentials>,
    /// Those of which nothing tells whether they are.
    pub(super) unproven: Vec<PathBuf>,
}

/// Looks for the login in the copies, the newest first.
pub(super) fn credentials(folder: &Folder, constraint: &Constraint) -> Copies {
    let copies = beside_the_file(folder).into_iter().chain(folders(folder));
    let mut sound = copies.filter_map(|(path, text)| {
        let found = RestoredCredentials::from_backup(&text, path, constraint);
        found.filter(|restored| crate::repair::is_sound(CREDENTIALS, &restored.content))
    });
    if constraint.tells() {
        return Copies { login: sound.next(), unproven: Vec::new() };
    }
    let sound: Vec<_> = sound.collect();
    let unproven = sound.iter().map(|copy| copy.from.clone()).collect();
    let is_of_the_file = |copy: &RestoredCredentials| {
        let beside = copy.from.parent() == Some(folder.path());
        beside && copy.from.file_name().and_then(|name| name.to_str()).is_some_and(is_left_by_a_writer)
    };
    // What was written in the place of the very file is its own, unless it is of two logins.
    let mut own: Vec<_> = sound.into_iter().filter(is_of_the_file).collect();
    own.dedup_by_key(|copy| copy.identity());
    match own.pop() {
        Some(login) if own.is_empty() => Copies { login: Some(login), unproven },
        _ => Copies { login: None, unproven },
    }
}

/// `creds.json.bak`, `creds.json.1234567` and their like.
fn is_left_by_a_writer(name: &str) -> bool {
    let kept = ["bak", "backup", "old", "orig", "tmp"];
    let is_word = |word: &str| {
        kept.contains(&word) || (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    name.strip_prefix("creds.json.").is_some_and(|rest| rest.split('.').all(is_word))
}

/// Whether a login lies near a folder that has none: its own, by where it is and what it is called.
pub(crate) fn are_near(folder: &Folder) -> bool {
    let is_login =
        |(_, text): &Copy| json::parse(text).is_ok_and(|text| Credentials::read(&text).is_linked());
    beside_the_file(folder).iter().any(is_login) || folders(folder).iter().any(is_login)
}

type Copy = (PathBuf, Vec<u8>);

/// `creds.json.bak`, `creds.json.1234567`, `creds-backup.json` and their like.
fn beside_the_file(folder: &Folder) -> Vec<Copy> {
    let is_copy = |name: &str| name.starts_with("creds") && ![CREDENTIALS, MOVED_CREDENTIALS].contains(&name);
    let Ok((entries, _)) = folder.list_some(&LIMITS, is_copy) else { return Vec::new() };
    let files = newest(entries, EntryKind::File);
    files.filter_map(|entry| read(folder, &entry.name, folder.path().join(&entry.name))).collect()
}

/// Folders in the session's own, and those beside it whose names begin as its own does.
fn folders(folder: &Folder) -> Vec<Copy> {
    let inside = in_folders_of(folder, |name| ![REPAIR_FOLDER, SESSIONS].contains(&name));
    inside.into_iter().chain(beside_the_folder(folder.path())).collect()
}

fn beside_the_folder(path: &Path) -> Vec<Copy> {
    // What is held open by a handle has no neighbours.
    let Some((parent, own)) = path
        .canonicalize()
        .ok()
        .and_then(|path| Some((path.parent()?.to_owned(), path.file_name()?.to_str()?.to_owned())))
    else {
        return Vec::new();
    };
    if shown(path) != path {
        return Vec::new();
    }
    let Ok(parent) = Folder::open(&parent) else { return Vec::new() };
    in_folders_of(&parent, |name| {
        name.strip_prefix(&own).is_some_and(|rest| rest.starts_with(['_', '-', '.', ' ', '~']))
    })
}

fn in_folders_of(folder: &Folder, mut is_copy: impl FnMut(&str) -> bool) -> Vec<Copy> {
    let Ok((entries, _)) = folder.list_some(&LIMITS, &mut is_copy) else { return Vec::new() };
    let copies = newest(entries, EntryKind::Directory).filter_map(|entry| {
        let inside = folder.below(&entry.name).ok()?;
        read(&inside, CREDENTIALS, folder.path().join(&entry.name).join(CREDENTIALS))
    });
    copies.collect()
}

fn newest(mut entries: Vec<Entry>, kind: EntryKind) -> impl Iterator<Item = Entry> {
    entries.retain(|entry| entry.kind == kind);
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.modified_ns));
    entries.into_iter().take(LOOKED_INTO)
}

fn read(folder: &Folder, name: &str, path: impl Into<PathBuf>) -> Option<Copy> {
    Some((path.into(), folder.read(name, &LIMITS).ok()?))
}
