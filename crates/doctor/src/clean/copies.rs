//! Copies of a login that gateways and people leave near it: `creds.json.bak`, what a writer that was killed left behind, a
//! copy of the folder in it or beside it. They come from anywhere, so each is taken only after its login was compared.

use std::path::{Path, PathBuf};

use wakeeper_private_fs::shown;

use crate::backup::kin::{Bond, Kin, Tally, is_compared};
use crate::backup::packed::Packed;
use crate::backup::plain;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::{CREDENTIALS, MOVED_CREDENTIALS, REPAIR_FOLDER, SESSIONS};
use crate::inventory::{LeftOut, Near};
use crate::json;
use crate::repair::{Constraint, RestoredCredentials};
use crate::source::{Entry, EntryKind, Folder, Limits, ReadError};

/// A genuine `creds.json` has 2 to 100 KB.
const LIMITS: Limits = Limits { entries: 200_000, file: 4 << 20, total: 64 << 20 };
/// So many copies are looked into, the newest first.
const LOOKED_INTO: usize = 32;
/// Words in the names of copies.
const WORDS: [&str; 6] = ["backup", "bak", "old", "copy", "orig", "save"];
/// So many digits in a name are a date's.
const DATE: usize = 6;

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
    let copies = seen_near(folder, kin).0.into_iter();
    let mut sound = copies.filter_map(|copy| match copy.judged(constraint, kin) {
        Judged::Takes(login, bond) => Some((login, bond)),
        Judged::OfAnother | Judged::Damaged | Judged::NoLogin => None,
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

/// What lies near a folder that has no login, by the same judgement as a repair's.
pub(crate) fn near(folder: &Folder, constraint: &Constraint, kin: &Kin) -> Near {
    let (copies, left_out) = seen_near(folder, kin);
    let above = neighbours(folder.path());
    let may_be_anothers = |path: &Path| {
        let above = above.as_ref().map(|(parent, own)| (parent.path(), own.as_str()));
        above.into_iter().chain([(folder.path(), "")]).any(|(holder, own)| is_of_another(holder, path, own))
    };
    let mut near = Near { left_out, ..Near::default() };
    for copy in copies {
        let (judged, path) = (copy.judged(constraint, kin), copy.path);
        let is_in_folder = path.parent() == Some(folder.path());
        match judged {
            Judged::Takes(..) => {}
            Judged::OfAnother => {
                near.is_in_folder |= is_in_folder;
                near.doubtful
                    .push((path, "it holds the login of another account, or of an earlier link".to_owned()));
                continue;
            }
            Judged::Damaged => {
                near.doubtful.push((path, "it is damaged".to_owned()));
                continue;
            }
            Judged::NoLogin => continue,
        }
        near.is_in_folder |= is_in_folder;
        if may_be_anothers(&path) {
            near.doubtful.push((path, "it holds a login, which may be another session's".to_owned()));
        } else if !near.logins.contains(&path) {
            near.logins.push(path);
        }
    }
    for (path, packed) in packed(folder) {
        near.doubtful.push((path, format!("it is an archive of the kind {}: unpack it first", packed.kind)));
    }
    near
}

/// Whether a folder in a session's own, or beside it, may be another session's: nothing in its name says that it is a copy.
fn is_of_another(parent: &Path, copy: &Path, own: &str) -> bool {
    let holder =
        copy.parent().filter(|holder| copy.ends_with(CREDENTIALS) && holder.parent() == Some(parent));
    let name = holder.and_then(Path::file_name).map(|name| name.to_string_lossy().to_ascii_lowercase());
    name.is_some_and(|name| {
        let rest = name.replacen(&own.to_ascii_lowercase(), "", 1);
        let digits = rest.bytes().filter(u8::is_ascii_digit).count();
        !WORDS.iter().any(|word| rest.contains(word)) && !rest.contains(['(', '~']) && digits < DATE
    })
}

/// A login that lies near a folder.
struct Copy {
    path: PathBuf,
    text: Vec<u8>,
    /// What lies beside it, compared with the folder's own files.
    tally: Tally,
}

impl Copy {
    fn of(path: PathBuf, text: Vec<u8>, mut tally: Tally, kin: &Kin) -> Self {
        kin.compare(&mut tally, CREDENTIALS, &text);
        Self { path, text, tally }
    }

    /// Whether its login may be a folder's.
    fn judged(&self, constraint: &Constraint, kin: &Kin) -> Judged {
        let Ok(value) = json::parse(&self.text) else {
            let is_blank = self.text.iter().all(u8::is_ascii_whitespace);
            return if is_blank { Judged::NoLogin } else { Judged::Damaged };
        };
        let credentials = Credentials::read(&value);
        if !credentials.is_linked() {
            return Judged::NoLogin;
        }
        let read = |told: &Constraint| RestoredCredentials::from_backup(&self.text, self.path.clone(), told);
        let Some(alone) = read(&Constraint::default()) else { return Judged::Damaged };
        if !crate::repair::is_sound(CREDENTIALS, &alone.content) {
            return Judged::Damaged;
        }
        match (kin.bond(self.tally, constraint, None), read(constraint)) {
            (Bond::Other, _) | (_, None) => Judged::OfAnother,
            (bond, Some(login)) => Judged::Takes(login, bond),
        }
    }
}

/// What a copy of a login is to a folder.
enum Judged {
    /// It may be its own.
    Takes(RestoredCredentials, Bond),
    /// It is the login of another account, or of an earlier link of this one.
    OfAnother,
    /// It cannot be used.
    Damaged,
    /// Nothing was ever linked.
    NoLogin,
}

/// All copies that can be read, the nearest first, and what cannot be.
fn seen_near(folder: &Folder, kin: &Kin) -> (Vec<Copy>, LeftOut) {
    let mut left_out = LeftOut::new();
    let mut copies = beside_the_file(folder, kin, &mut left_out);
    copies.append(&mut folders(folder, kin, &mut left_out));
    copies.append(&mut in_the_parent(folder, kin, &mut left_out));
    (copies, left_out)
}

/// `creds.json.bak`, `creds.json.1234567`, `creds-backup.json` and their like.
fn beside_the_file(folder: &Folder, kin: &Kin, left_out: &mut LeftOut) -> Vec<Copy> {
    let entries = listed(folder, is_of_a_login, left_out);
    tell_special(folder, &entries, is_of_a_login, left_out);
    let files = newest(folder, entries, EntryKind::File, left_out);
    files
        .iter()
        .filter_map(|entry| read(folder, &entry.name, folder.path().join(&entry.name), kin, left_out))
        .collect()
}

/// Folders in the session's own, and those beside it whose names begin as its own does.
fn folders(folder: &Folder, kin: &Kin, left_out: &mut LeftOut) -> Vec<Copy> {
    let is_backup = |name: &str| WORDS.iter().any(|word| name.to_ascii_lowercase().contains(word));
    let is_looked_into = |name: &str| ![REPAIR_FOLDER, SESSIONS, "lost+found"].contains(&name);
    let mut copies = in_folders_of(folder, kin, is_looked_into, is_backup, left_out);
    if let Some((parent, own)) = neighbours(folder.path()) {
        let is_copy = |name: &str| is_copy_of(name, &own);
        copies.append(&mut in_folders_of(&parent, kin, is_copy, is_copy, left_out));
    }
    copies
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
        WORDS.iter().any(|word| before.contains(word))
    })
}

/// `creds.json.bak` and its like, of which nothing but the name says that a login is in it.
fn is_of_a_login(name: &str) -> bool {
    name.starts_with("creds") && ![CREDENTIALS, MOVED_CREDENTIALS].contains(&name)
}

/// Copies of a login, and tar archives of the folder, in the folder above.
fn in_the_parent(folder: &Folder, kin: &Kin, left_out: &mut LeftOut) -> Vec<Copy> {
    let Some((parent, own)) = neighbours(folder.path()) else { return Vec::new() };
    let is_copy = |name: &str| is_of_a_login(name) || is_copy_of(name, &own);
    let entries = listed(&parent, is_copy, left_out);
    tell_special(&parent, &entries, is_of_a_login, left_out);
    let mut copies = Vec::new();
    for entry in newest(&parent, entries, EntryKind::File, left_out) {
        let path = parent.path().join(&entry.name);
        if is_of_a_login(&entry.name) {
            copies.extend(read(&parent, &entry.name, path, kin, left_out));
        } else {
            copies.append(&mut in_archive(&path, kin, left_out));
        }
    }
    copies
}

/// The logins in a tar archive. A file of another kind is told where its name is that of such an archive.
fn in_archive(path: &Path, kin: &Kin, left_out: &mut LeftOut) -> Vec<Copy> {
    if !plain::is_archive(path) {
        let name = path.to_string_lossy().to_ascii_lowercase();
        if [".tar", ".tar.gz", ".tgz", ".tar.zst"].iter().any(|end| name.ends_with(end)) {
            left_out.push((path.to_owned(), "it cannot be read as a tar archive".to_owned()));
        }
        return Vec::new();
    }
    match plain::read(path, &LIMITS, is_compared) {
        Ok(copy) => {
            let mut tally = Tally::default();
            for (name, content) in &copy.lasting {
                kin.compare(&mut tally, name, content);
            }
            copy.logins.into_iter().map(|text| Copy::of(path.to_owned(), text, tally, kin)).collect()
        }
        Err(error) => {
            left_out.push((path.to_owned(), error.to_string()));
            Vec::new()
        }
    }
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
        // What is left out here was told when the copies were looked for.
        let entries = listed(place, is_meant, &mut LeftOut::new());
        let files = newest(place, entries, EntryKind::File, &mut LeftOut::new()).into_iter();
        let paths = files.map(|entry| place.path().join(&entry.name));
        found.extend(paths.filter_map(|path| Packed::at(&path).map(|packed| (path, packed))));
    }
    found
}

/// The login in each folder that is looked into. What only stands in the place of one is told where `is_copy` says that its name
/// is that of a copy.
fn in_folders_of(
    folder: &Folder,
    kin: &Kin,
    is_looked_into: impl Fn(&str) -> bool,
    is_copy: impl Fn(&str) -> bool,
    left_out: &mut LeftOut,
) -> Vec<Copy> {
    let entries = listed(folder, is_looked_into, left_out);
    tell_special(folder, &entries, |name| is_copy(name) && !is_of_a_login(name), left_out);
    let mut copies = Vec::new();
    for entry in newest(folder, entries, EntryKind::Directory, left_out) {
        let path = folder.path().join(&entry.name);
        match folder.below(&entry.name) {
            Ok(inside) => {
                let copy = read(&inside, CREDENTIALS, path.join(CREDENTIALS), kin, left_out);
                copies.extend(copy.map(|copy| Copy { tally: compared(&inside, copy.tally, kin), ..copy }));
            }
            Err(error) => left_out.push((path, error.to_string())),
        }
    }
    copies
}

/// The entries with names that are meant.
fn listed(folder: &Folder, is_meant: impl Fn(&str) -> bool, left_out: &mut LeftOut) -> Vec<Entry> {
    match folder.list_some(&LIMITS, is_meant) {
        Ok((entries, _)) => entries,
        Err(error) => {
            left_out.push((folder.path().to_owned(), error.to_string()));
            Vec::new()
        }
    }
}

/// Links, pipes and their like are not followed, and not passed over in silence.
fn tell_special(folder: &Folder, entries: &[Entry], is_told: impl Fn(&str) -> bool, left_out: &mut LeftOut) {
    let special = entries
        .iter()
        .filter(|entry| matches!(entry.kind, EntryKind::Link | EntryKind::Special) && is_told(&entry.name));
    left_out.extend(special.map(|entry| {
        (folder.path().join(&entry.name), format!("it is {}, which is not followed", entry.kind.word()))
    }));
}

fn newest(folder: &Folder, mut entries: Vec<Entry>, kind: EntryKind, left_out: &mut LeftOut) -> Vec<Entry> {
    entries.retain(|entry| entry.kind == kind);
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.modified_ns));
    if let Some(older) = entries.get(LOOKED_INTO) {
        let reason = format!(
            "it and {} older ones lie behind {LOOKED_INTO} newer ones, and no more are looked into",
            entries.len() - LOOKED_INTO - 1
        );
        left_out.push((folder.path().join(&older.name), reason));
    }
    entries.truncate(LOOKED_INTO);
    entries
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

fn read(folder: &Folder, name: &str, path: PathBuf, kin: &Kin, left_out: &mut LeftOut) -> Option<Copy> {
    match folder.read(name, &LIMITS) {
        Ok(text) => Some(Copy::of(path, text, Tally::default(), kin)),
        Err(ReadError::Missing) => None,
        Err(error) => {
            left_out.push((path, error.to_string()));
            None
        }
    }
}
