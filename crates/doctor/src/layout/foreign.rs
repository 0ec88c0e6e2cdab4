//! Folders of other programs, told apart by what they keep in them.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::Scan;
use crate::formats::whatsmeow::names_table;
use crate::source::{Folder, Limits};

/// So many files are opened to tell whose they are.
const OPENED: usize = 8;
/// So many files of a folder are looked at to tell whether they are databases.
const LOOKED_AT: usize = 64;
/// So much of a file is read.
const READ: u64 = 1 << 20;
/// How a database of SQLite begins.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// So many names are told as an example.
const EXAMPLES: usize = 3;

/// A folder of something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreign {
    /// A SQLite store of whatsmeow: WAHA's GOWS engine, GOWA, wuzapi, evolution-go.
    Whatsmeow {
        /// The database, by its path in the folder.
        database: PathBuf,
    },
    /// Tokens of wppconnect or venom: keys of a browser's session.
    Wppconnect {
        /// One of the files.
        file: String,
    },
    /// A browser's profile, as whatsapp-web.js keeps its login.
    Browser {
        /// One of its folders.
        folder: String,
    },
    /// A backup without any file of a session.
    Nothing,
    /// Nothing that is known.
    Other {
        /// How many entries.
        entries: usize,
        /// Some of their names.
        examples: Vec<String>,
    },
}

impl Foreign {
    /// What it is, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Whatsmeow { database } => format!(
                "{} is a database of whatsmeow (as WAHA's GOWS engine, GOWA and wuzapi keep it), not a folder of Baileys",
                database.display()
            ),
            Self::Wppconnect { file } => {
                format!(
                    "{file} is a token of wppconnect: it belongs to a browser, and holds no session of Baileys"
                )
            }
            Self::Browser { folder } => format!(
                "{folder} is part of a browser's profile, as whatsapp-web.js keeps it: it holds no session of Baileys"
            ),
            Self::Nothing => "it holds no file of a session".to_owned(),
            Self::Other { entries: 0, .. } => "it could not be listed".to_owned(),
            Self::Other { entries, examples } => {
                let more = if *entries > examples.len() { ", ..." } else { "" };
                let entries = wakeeper_model::plural(*entries, "entry").replace("entrys", "entries");
                format!(
                    "{entries} ({}{more}), none of which is a file of Baileys or a database of wakeeper",
                    examples.join(", ")
                )
            }
        }
    }
}

/// What a folder that is no session's, and has none below it, is.
pub(super) fn of(folder: &Folder, scan: &Scan) -> Foreign {
    let databases = databases(folder, scan, &mut LOOKED_AT.clone());
    let known =
        store(folder, &databases, Path::new("")).or_else(|| tokens(folder, scan)).or_else(|| profile(scan));
    known.unwrap_or_else(|| {
        let examples = scan.folders.iter().chain(&scan.files).take(EXAMPLES).cloned().collect();
        Foreign::Other { entries: scan.folders.len() + scan.files.len(), examples }
    })
}

/// Databases in a folder, those that are called like one first. Any name may be one's: `room` says how many files may still be
/// looked at to tell.
pub(super) fn databases<'a>(folder: &Folder, scan: &'a Scan, room: &mut usize) -> Vec<&'a String> {
    let ends = |name: &str, endings: &[&str]| endings.iter().any(|end| name.ends_with(end));
    let (named, others): (Vec<_>, Vec<_>) =
        scan.files.iter().partition(|name| ends(name, &[".db", ".sqlite", ".sqlite3"]));
    // What lies beside a database, and what other programs keep many of.
    let others = others.into_iter().filter(|name| !ends(name, &["-wal", "-shm", "-journal", ".json"]));
    let tried: Vec<_> = named.into_iter().chain(others).take(LOOKED_AT.min(*room)).collect();
    *room -= tried.len();
    tried.into_iter().filter(|name| is_database(folder, name)).take(OPENED).collect()
}

/// A database of whatsmeow among those of the folder at `path`.
pub(super) fn store(folder: &Folder, databases: &[&String], path: &Path) -> Option<Foreign> {
    let found = databases.iter().find(|name| {
        // What was not moved out of its log yet counts, too.
        let parts = [(**name).clone(), format!("{name}-wal")];
        parts.iter().any(|part| names_table(&beginning(folder, part, READ)))
    })?;
    Some(Foreign::Whatsmeow { database: path.join(found) })
}

fn tokens(folder: &Folder, scan: &Scan) -> Option<Foreign> {
    let mut files = scan
        .files
        .iter()
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "json"))
        .take(OPENED);
    let file = files.find(|name| {
        let begin = beginning(folder, name, READ);
        contains(&begin, b"\"WABrowserId\"") && contains(&begin, b"\"WASecretBundle\"")
    })?;
    Some(Foreign::Wppconnect { file: file.clone() })
}

fn profile(scan: &Scan) -> Option<Foreign> {
    let parts = ["Default", "DevToolsActivePort", "Local State", ".wwebjs_auth"];
    let mut names = scan.folders.iter().chain(&scan.files);
    let folder = names.find(|name| parts.contains(&name.as_str()) || name.starts_with("session-"))?;
    Some(Foreign::Browser { folder: folder.clone() })
}

/// Whether a file is a database of SQLite.
pub(super) fn is_database(folder: &Folder, name: &str) -> bool {
    beginning(folder, name, SQLITE.len() as u64).starts_with(SQLITE)
}

/// The first bytes of a file; none of what is no file.
fn beginning(folder: &Folder, name: &str, length: u64) -> Vec<u8> {
    let limits = Limits { file: u64::MAX, ..Limits::default() };
    let mut begin = Vec::new();
    if let Ok((file, _)) = folder.open_file(name, &limits) {
        // What cannot be read is nothing that is known.
        let _ = file.take(length).read_to_end(&mut begin);
    }
    begin
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
