//! Puts a written session where it is to live, whole or not at all.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use wakeeper_private_fs::{FsError, create_private_folders};

use super::TransferError;
use super::moved::failed;
use crate::source::{Folder, Limits};

/// Why a session could not be put in place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// There is something already.
    #[error("{path} is not empty; name a folder that does not exist yet or is empty")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot {action} {path}: {reason}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
}

/// Writes files into a new or empty folder, 0700, each 0600, `creds.json` last: a folder without it is no session,
/// so a move that is cut short leaves nothing that could be started. `before_credentials` is called when all else is on
/// disk: there the source gives the session up. On disk when it returns.
pub fn install(
    path: &Path,
    files: &BTreeMap<String, Vec<u8>>,
    before_credentials: impl FnOnce() -> std::io::Result<()>,
) -> Result<(), PlaceError> {
    let io = |action, at: &Path| {
        let path = at.to_owned();
        move |reason| PlaceError::Io { action, path, reason }
    };
    create_private_folders(path).map_err(io("create", path))?;
    let folder = Folder::open(path).map_err(|error| io("open", path)(std::io::Error::other(error)))?;
    let entries =
        folder.list(&Limits::default()).map_err(|error| io("list", path)(std::io::Error::other(error)))?;
    if !entries.is_empty() {
        return Err(PlaceError::NotEmpty { path: path.to_owned() });
    }
    let last = "creds.json";
    for (name, content) in files.iter().filter(|(name, _)| *name != last) {
        put(&folder, name, content).map_err(io("write", &path.join(name)))?;
    }
    sync(&folder).map_err(io("sync", path))?;
    before_credentials().map_err(io("mark the source of", path))?;
    if let Some(content) = files.get(last) {
        put(&folder, last, content).map_err(io("write", &path.join(last)))?;
        sync(&folder).map_err(io("sync", path))?;
    }
    Ok(())
}

/// Writes one file of a folder by a rename.
pub(super) fn write_file(folder: &Folder, name: &str, content: &[u8]) -> Result<(), TransferError> {
    let written = folder.confined().replace(name, content);
    written.map_err(FsError::into_io).map_err(failed(folder, "write", name))
}

fn put(folder: &Folder, name: &str, content: &[u8]) -> std::io::Result<()> {
    folder.confined().place(name, None, |file| file.write_all(content)).map_err(FsError::into_io)
}

fn sync(folder: &Folder) -> std::io::Result<()> {
    folder.confined().sync().map_err(FsError::into_io)
}
