//! Copies of a login that gateways and people leave near it: `creds.json.bak`, what a writer that was killed left behind, a
//! copy of the folder in it or beside it. They come from anywhere, so each is taken only after its login was compared.

use std::path::{Path, PathBuf};

use wakeeper_private_fs::shown;

use crate::backup::kin::{Bond, Kin, Tally, is_compared};
use crate::backup::packed::Packed;
use crate::backup::plain;
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
    /// Archives that have to be unpacked first.
    pub(super) packed: Vec<(PathBuf, Packed)>,
}

/// Looks for the login in the copies, the newest first.
pub(super) fn credentials(folder: &Folder, constraint: &Constraint, kin: &Kin) -> Copies {
    let copies = beside_the_file(folder, kin)
        .into_iter()
        .chain(folders(folder, kin))
        .chain(in_the_parent(folder, kin));
    let mut sound = copies.filter_map(|copy| {
        let bond = kin.bond(copy.tally, constraint, None);
        let found = RestoredCredentials::from_backup(&copy.text, copy.path, constraint);
        let is_sound = |found: &RestoredCredentials| crate::repair::is_sound(CREDENTIALS, &found.content);
        found.filter(|found| bond != Bond::Other && is_sound(found)).map(|found| (found, bond))
    });
    if constraint.tells() {
        let login = sound.next().map(|(login, _)| login);
        let packed = if login.is_some() { Vec::new() } else { packed(folder) };
        return Copies { login, unproven: Vec::new(), packed };
    }
    let sound: Vec<_> = sound.collect();
    let unproven = sound.iter().map(|(copy, _)| copy.from.clone()).collect();
    if let Some((login, _)) = sound.iter().find(|(_, bond)| *bond == Bond::Proven) {
        return Copies { login: Some(login.clone()), unproven, packed: Vec::new() };
    }
    let is_of_the_file = |copy: &RestoredCredentials| {
        let beside = copy.from.parent() == Some(folder.path());
        beside && copy.from.file_name().and_then(|name| name.to_str()).is_some_and(is_left_by_a_writer)
    };
    // What was written in the place of the very file is its own, unless it is of two logins.
    let mut own: Vec<_> = sound.into_iter().map(|(copy, _)| copy).filter(is_of_the_file).collect();
    own.dedup_by_key(|copy| copy.identity());
    match own.pop() {
        Some(login) if own.is_empty() => Copies { login: Some(login), unproven, packed: Vec::new() },
        _ => Copies { login: None, unproven, packed: packed(folder) },
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
        |copy: &Copy| json::parse(&copy.text).is_ok_and(|text| Credentials::read(&text).is_linked());
    let kin = Kin::default();
    beside_the_file(folder, &kin).iter().any(is_login) || folders(folder, &kin).iter().any(is_login)
}

/// A login that lies near a folder.
struct Copy {
    path: PathBuf,
    text: Vec<u8>,
    /// What lies beside it, compared with the folder's own files.
    tally: Tally,
}

/// `creds.json.bak`, `creds.json.1234567`, `creds-backup.json` and their like.
fn beside_the_file(folder: &Folder, kin: &Kin) -> Vec<Copy> {
    let Ok((entries, _)) = folder.list_some(&LIMITS, is_of_a_login) else { return Vec::new() };
    let files = newest(entries, EntryKind::File);
    files.filter_map(|entry| read(folder, &entry.name, folder.path().join(&entry.name), kin)).collect()
}

/// Folders in the session's own, and those beside it whose names begin as its own does.
fn folders(folder: &Folder, kin: &Kin) -> Vec<Copy> {
    let inside = in_folders_of(folder, kin, |name| ![REPAIR_FOLDER, SESSIONS].contains(&name));
    inside.into_iter().chain(beside_the_folder(folder.path(), kin)).collect()
}

fn beside_the_folder(path: &Path, kin: &Kin) -> Vec<Copy> {
    let Some((parent, own)) = neighbours(path) else { return Vec::new() };
    in_folders_of(&parent, kin, |name| is_copy_of(name, &own))
}

/// The folder that a folder is in, and its name there.
fn neighbours(path: &Path) -> Option<(Folder, String)> {
    // What is held open by a handle has no neighbours.
    if shown(path) != path {
        return None;
    }
    let whole = path.canonicalize().ok()?;
    let own = whole.file_name()?.to_str()?.to_owned();
    Some((Folder::open(whole.parent()?).ok()?, own))
}

/// Whether a name is that of a copy: `auth_info_old`, `auth_info-2024-01-01`, `backup_auth_info`, `Copy of auth_info`.
fn is_copy_of(name: &str, own: &str) -> bool {
    const BETWEEN: [char; 6] = ['_', '-', '.', ' ', '~', '('];
    if let Some(rest) = name.strip_prefix(own) {
        return rest.starts_with(BETWEEN);
    }
    // `backup_auth_info.7z` is one, too.
    let name =
        name.split_once(&format!("{own}.")).map_or(name, |(before, _)| &name[..before.len() + own.len()]);
    let before = name.strip_suffix(own).and_then(|before| before.strip_suffix(BETWEEN));
    before.is_some_and(|before| {
        let before = before.to_ascii_lowercase();
        ["backup", "bak", "old", "copy", "orig", "save"].iter().any(|word| before.contains(word))
    })
}

/// `creds.json.bak` and its like, of which nothing but the name says that a login is in it.
fn is_of_a_login(name: &str) -> bool {
    name.starts_with("creds") && ![CREDENTIALS, MOVED_CREDENTIALS].contains(&name)
}

/// Copies of a login, and tar archives of the folder, in the folder above.
fn in_the_parent(folder: &Folder, kin: &Kin) -> Vec<Copy> {
    let Some((parent, own)) = neighbours(folder.path()) else { return Vec::new() };
    let is_copy = |name: &str| is_of_a_login(name) || is_copy_of(name, &own);
    let Ok((entries, _)) = parent.list_some(&LIMITS, is_copy) else { return Vec::new() };
    let files = newest(entries, EntryKind::File);
    let logins = files.flat_map(|entry| {
        let path = parent.path().join(&entry.name);
        if is_of_a_login(&entry.name) {
            return read(&parent, &entry.name, path, kin).into_iter().collect::<Vec<_>>();
        }
        if !plain::is_archive(&path) {
            return Vec::new();
        }
        let copy = plain::read(&path, &LIMITS, is_compared).unwrap_or_default();
        let mut tally = Tally::default();
        for (name, content) in &copy.lasting {
            kin.compare(&mut tally, name, content);
        }
        copy.logins.into_iter().map(|text| Copy::of(path.clone(), text, tally, kin)).collect()
    });
    logins.collect()
}

/// Archives in the folder and in the one above that have to be unpacked first.
fn packed(folder: &Folder) -> Vec<(PathBuf, Packed)> {
    let above = neighbours(folder.path());
    let own = above.as_ref().map(|(_, own)| own.clone()).unwrap_or_default();
    let is_packed = |name: &str| {
        let ends = [".zip", ".xz", ".txz", ".bz2", ".tbz", ".tbz2", ".7z", ".rar"];
        ends.iter().any(|end| name.to_ascii_lowercase().ends_with(end))
    };
    let all = [Some((folder, false)), above.as_ref().map(|(parent, _)| (parent, true))];
    let mut found = Vec::new();
    for (place, is_above) in all.into_iter().flatten() {
        let is_meant =
            |name: &str| is_packed(name) && (!is_above || is_of_a_login(name) || is_copy_of(name, &own));
        let Ok((entries, _)) = place.list_some(&LIMITS, is_meant) else { continue };
        let paths = newest(entries, EntryKind::File).map(|entry| place.path().join(&entry.name));
        found.extend(paths.filter_map(|path| Packed::at(&path).map(|packed| (path, packed))));
    }
    found
}

fn in_folders_of(folder: &Folder, kin: &Kin, mut is_copy: impl FnMut(&str) -> bool) -> Vec<Copy> {
    let Ok((entries, _)) = folder.list_some(&LIMITS, &mut is_copy) else { return Vec::new() };
    let copies = newest(entries, EntryKind::Directory).filter_map(|entry| {
        let inside = folder.below(&entry.name).ok()?;
        let copy = read(&inside, CREDENTIALS, folder.path().join(&entry.name).join(CREDENTIALS), kin)?;
        Some(Copy { tally: compared(&inside, copy.tally, kin), ..copy })
    });
    copies.collect()
}

fn newest(mut entries: Vec<Entry>, kind: EntryKind) -> impl Iterator<Item = Entry> {
    entries.retain(|entry| entry.kind == kind);
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.modified_ns));
    entries.into_iter().take(LOOKED_INTO)
}

/// Compares the files of a copied folder, too.
fn compared(inside: &Folder, mut tally: Tally, kin: &Kin) -> Tally {
    for name in kin.compared() {
        if let Ok(content) = inside.read(name, &LIMITS) {
            kin.compare(&mut tally, name, &content);
        }
    }
    tally
}

impl Copy {
    fn of(path: PathBuf, text: Vec<u8>, mut tally: Tally, kin: &Kin) -> Self {
        kin.compare(&mut tally, CREDENTIALS, &text);
        Self { path, text, tally }
    }
}

fn read(folder: &Folder, name: &str, path: PathBuf, kin: &Kin) -> Option<Copy> {
    Some(Copy::of(path, folder.read(name, &LIMITS).ok()?, Tally::default(), kin))
}
