//! What a folder is, told by the names in it: a session's own folder, a folder above some, or something else.
//!
//! People name the wrong folder more often than a session is damaged. A look at names is cheap and bounded, follows no
//! link and changes nothing; what the sessions hold is for the examination.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use wakeeper_bounded_tar::quoted;
use wakeeper_model::{ENGINE_DATABASE, ROWS_DATABASE};
use wakeeper_private_fs::shown;

use crate::formats::baileys::name::{MOVED_MARKER, Name, REPAIR_FOLDER, SESSIONS};
use crate::source::{EntryKind, Folder};

mod foreign;
mod known;

pub use foreign::Foreign;
pub use known::{also_there, known_in, meant_in};

/// Names that gateways give to the folder of their session, most usual first; the same on this machine and in containers.
pub const FOLDERS: &[&str] = &[
    "auth_info",
    "auth_info_baileys",
    "baileys_auth_info",
    "auth_info_multi",
    "session",
    "sessions",
    "auth",
    "store/auth",
    ".sessions/noweb",
    "instances",
];

/// Folders below a user's home folder.
pub const HOME_FOLDERS: &[&str] = &[".openclaw/credentials/whatsapp"];

/// So deep a session is searched for: WAHA's are in `.sessions/noweb/NAME`.
const DEPTH: usize = 3;
/// So many folders are opened in a search.
const OPENED: usize = 500;
/// So many entries of a folder are looked at, and of all folders below it.
const ENTRIES: usize = 100_000;
/// So many databases of other programs are looked into below a folder.
const DATABASES_READ: usize = 20;
/// So many files below a folder are looked at to tell whether they are databases.
const FILES_LOOKED_AT: usize = 1_000;
/// So many sessions are told of a folder.
const FOUND: usize = 1_000;
/// What the doctor leaves in a session's folder.
const OURS: [&str; 2] = [MOVED_MARKER, REPAIR_FOLDER];
/// Databases of a gateway of ours.
const DATABASES: [&str; 2] = [ROWS_DATABASE, ENGINE_DATABASE];
/// Files that a folder may hold and still be empty.
const NOTHING: [&str; 6] = [".gitkeep", ".gitignore", ".keep", ".DS_Store", "api_key", "wakeeper.toml"];
/// The same of folders, as long as nothing is in them.
const NO_FOLDERS: [&str; 2] = [SESSIONS, "lost+found"];
/// Folders in which no session in use is.
const PASSED_OVER: [&str; 7] = ["node_modules", ".git", ".cache", ".npm", "proc", "sys", "session_backups"];

/// What a folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// A session's own folder, Baileys' or ours.
    Session,
    /// None, with these sessions below it, by their paths in it.
    Sessions(Vec<PathBuf>),
    /// Nothing is in it yet.
    Empty,
    /// It holds something, and no session.
    Foreign(Foreign),
}

impl Layout {
    /// Looks at a folder. What cannot be looked at is told as nothing that is known.
    pub fn of(folder: &Folder) -> Self {
        let scan = Scan::of(folder);
        if scan.session {
            return Self::Session;
        }
        let (sessions, store) = below(folder, &scan);
        if !sessions.is_empty() {
            return Self::Sessions(sessions);
        }
        let filled = |name: &&str| folder.below(name).is_ok_and(|inner| Scan::of(&inner).count > 0);
        if scan.count == 0 && !NO_FOLDERS.iter().any(filled) && store.is_none() && !scan.unreadable {
            return Self::Empty;
        }
        Self::Foreign(store.unwrap_or_else(|| foreign::of(folder, &scan)))
    }

    /// Looks at the folder at a path; `None` where there is none.
    pub fn at(path: &Path) -> Option<Self> {
        Some(Self::of(&Folder::open(path).ok()?))
    }
}

/// The sessions below a folder, by their whole paths; none of a folder that is a session's own.
pub fn sessions_in(path: &Path) -> Vec<PathBuf> {
    match Layout::at(path) {
        Some(Layout::Sessions(found)) => found.into_iter().map(|below| path.join(below)).collect(),
        _ => Vec::new(),
    }
}

/// A session's own folder, or those below it.
///
/// # Errors
/// When there are none.
pub fn sessions_at(folder: &Path) -> Result<Vec<PathBuf>, NoSessions> {
    match Layout::at(folder) {
        Some(Layout::Session) => Ok(vec![folder.to_owned()]),
        Some(Layout::Sessions(_)) => Ok(sessions_in(folder)),
        _ => Err(NoSessions(shown(folder))),
    }
}

/// There is no session where some were looked for.
#[derive(Debug, thiserror::Error)]
#[error("no session was found in {} or below it", .0.display())]
pub struct NoSessions(PathBuf);

/// A session's name among others: its path below the folder that was named.
pub fn name_of(session: &Path, folder: &Path) -> String {
    let below = session.strip_prefix(folder).ok().filter(|below| !below.as_os_str().is_empty());
    below.unwrap_or(session).display().to_string()
}

/// Where the session is that a person meant who named a folder that is not there.
pub(crate) fn meant_by(missing: &Path) -> String {
    let Some(parent) = missing.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return String::new();
    };
    let shown = |path: &Path| wakeeper_private_fs::shown(path).display().to_string();
    let typed = |path: &Path| quoted(&wakeeper_private_fs::shown(path));
    match Layout::at(parent) {
        Some(Layout::Session) => {
            let (parent, typed) = (shown(parent), typed(parent));
            format!("; {parent} is a session's own folder itself: name it with --auth-info-dir {typed}")
        }
        Some(Layout::Sessions(found)) => match found.as_slice() {
            [one] => format!("; did you mean --auth-info-dir {}?", typed(&parent.join(one))),
            many => format!(
                "; {} holds {} sessions, such as {}: name one with --auth-info-dir",
                shown(parent),
                many.len(),
                shown(&parent.join(&many[0]))
            ),
        },
        Some(Layout::Empty | Layout::Foreign(_)) | None => String::new(),
    }
}

/// What the names of a folder tell.
#[derive(Debug, Default)]
struct Scan {
    /// It is a session's own.
    session: bool,
    /// It could not be listed to its end.
    unreadable: bool,
    /// Entries that mean something.
    count: usize,
    /// Folders in it, and files, by name.
    folders: Vec<String>,
    files: Vec<String>,
}

impl Scan {
    fn of(folder: &Folder) -> Self {
        let mut scan = Self::default();
        let mut seen = 0;
        let listed = folder.confined().list(|name, stat| {
            seen += 1;
            let name = name.to_string_lossy().into_owned();
            scan.session = Name::parse(&name).is_baileys() || OURS.contains(&name.as_str());
            scan.add(name, EntryKind::of(&stat));
            !scan.session && seen < ENTRIES
        });
        let is_ours =
            |name: &String| DATABASES.contains(&name.as_str()) && foreign::is_database(folder, name);
        scan.session |= scan.files.iter().any(is_ours);
        scan.unreadable = listed.is_err() || seen == ENTRIES;
        scan.folders.sort_unstable();
        scan.files.sort_unstable();
        scan
    }

    fn add(&mut self, name: String, kind: EntryKind) {
        let (free, names): (&[&str], _) = match kind {
            EntryKind::Directory => (&NO_FOLDERS, &mut self.folders),
            _ => (&NOTHING, &mut self.files),
        };
        self.count += usize::from(!free.contains(&name.as_str()));
        names.push(name);
    }
}

/// Sessions below a folder, the nearest first; where there are none, a store of another program that was seen on the way.
fn below(folder: &Folder, top: &Scan) -> (Vec<PathBuf>, Option<Foreign>) {
    let (mut sessions, mut store) = (Vec::new(), None);
    let enter = |at: &Path, scan: &Scan| -> Vec<PathBuf> {
        scan.folders.iter().filter(|name| !is_passed_over(name)).map(|name| at.join(name)).collect()
    };
    let mut waiting: VecDeque<PathBuf> = enter(Path::new(""), top).into();
    let (mut opened, mut entries, mut databases, mut files) = (0, 0, 0, FILES_LOOKED_AT);
    while let Some(path) = waiting.pop_front() {
        if opened == OPENED || entries > ENTRIES || sessions.len() == FOUND {
            break;
        }
        opened += 1;
        let Ok(inner) = folder.beneath(&path) else { continue };
        let scan = Scan::of(&inner);
        entries += scan.folders.len() + scan.files.len();
        if scan.session {
            sessions.push(path);
        } else {
            let found = foreign::databases(&inner, &scan, &mut files);
            databases += found.len();
            if store.is_none() && databases <= DATABASES_READ {
                store = foreign::store(&inner, &found, &path);
            }
            if path.components().count() < DEPTH {
                waiting.extend(enter(&path, &scan));
            }
        }
    }
    (sessions, store)
}

/// A copy of a session is not the session.
fn is_passed_over(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_copy = ["backup", ".bak", ".old", "copy", "damaged-"].iter().any(|part| lower.contains(part));
    is_copy || PASSED_OVER.contains(&name)
}

#[cfg(test)]
mod tests;
