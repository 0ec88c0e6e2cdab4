//! Folders with known names in a folder of data: which of them hold sessions, and which one is meant.

use std::path::{Path, PathBuf};

use wakeeper_bounded_tar::quoted;
use wakeeper_private_fs::shown;

use super::{FOLDERS, Layout};

/// The folders with known names that hold a session, or some, in a folder of data, most usual name first; each once, whatever
/// names lead to it.
pub fn known_in(data: &Path) -> Vec<PathBuf> {
    let mut known: Vec<(PathBuf, PathBuf)> = Vec::new();
    for path in FOLDERS.iter().map(|name| data.join(name)) {
        let holds = matches!(Layout::at(&path), Some(Layout::Session | Layout::Sessions(_)));
        let place = path.canonicalize().unwrap_or_else(|_| path.clone());
        if holds && known.iter().all(|(_, other)| *other != place) {
            known.push((path, place));
        }
    }
    known.into_iter().map(|(path, _)| path).collect()
}

/// The folder that is meant where nobody named one: the only one that is there, or the folder of data itself, which tells of
/// all of them.
pub fn meant_in(data: &Path) -> Option<PathBuf> {
    let mut known = known_in(data);
    if known.len() > 1 { Some(data.to_owned()) } else { known.pop() }
}

/// What is said of the other folders with known names that hold sessions, when a command is about this one.
pub fn also_there(data: &Path, auth_info: &Path) -> Option<String> {
    let own = auth_info.canonicalize().ok()?;
    let others: Vec<_> =
        known_in(data).into_iter().filter(|path| path.canonicalize().is_ok_and(|path| path != own)).collect();
    let first = others.first()?;
    let names: Vec<_> = others.iter().map(|path| shown(path).display().to_string()).collect();
    Some(format!(
        "this is about {}; sessions are in {} as well: name one, as in --auth-info-dir {}, or give --all-sessions",
        shown(auth_info).display(),
        names.join(", "),
        quoted(&shown(first))
    ))
}
