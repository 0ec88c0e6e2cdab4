//! Paths of open folders.
//!
//! Much of wakeeper names a session by a path. The path of a folder that is held open is `/proc/self/fd/N`: it leads
//! through the handle, wherever the folder was moved to and whatever stands in its old place. What people are shown is
//! the path that it was found by, and that is remembered here as long as the folder is open.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::folder::{Folder, Inner};

const HANDLES: &str = "/proc/self/fd";

/// Folders that are open, by the number of their handle.
static OPEN: Mutex<BTreeMap<i32, Weak<Inner>>> = Mutex::new(BTreeMap::new());

fn open() -> MutexGuard<'static, BTreeMap<i32, Weak<Inner>>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn path_of(number: i32) -> PathBuf {
    Path::new(HANDLES).join(number.to_string())
}

pub(crate) fn remember(number: i32, folder: Weak<Inner>) {
    open().insert(number, folder);
}

/// Called before the handle is closed, so that its number cannot be another's yet.
pub(crate) fn forget(number: i32) {
    open().remove(&number);
}

/// The open folder that a path begins with, and the rest of the path.
pub(crate) fn find(path: &Path) -> Option<(Folder, PathBuf)> {
    let mut rest = path.strip_prefix(HANDLES).ok()?.components();
    let Some(Component::Normal(number)) = rest.next() else { return None };
    let number = number.to_str()?.parse().ok()?;
    let inner = open().get(&number)?.upgrade()?;
    Some((Folder::of_inner(inner), rest.as_path().to_owned()))
}

/// A path as people know it: that of an open folder becomes the one that the folder was found by. Others stay as they
/// are.
pub fn shown(path: &Path) -> PathBuf {
    match find(path) {
        Some((folder, rest)) if rest.as_os_str().is_empty() => folder.shown().to_owned(),
        Some((folder, rest)) => folder.shown().join(rest),
        None => path.to_owned(),
    }
}
