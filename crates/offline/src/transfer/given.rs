//! Which folder is meant when somebody names one to import.

use std::path::{Path, PathBuf};

use wakeeper_bounded_tar::quoted;
use wakeeper_doctor::formats::baileys::name::{CREDENTIALS, MOVED_CREDENTIALS};
use wakeeper_doctor::whatsmeow::{StoreError, store_at};

/// What the store beside a Baileys folder is called.
const STORE: &str = "baileys_store.json";

/// Why a path is no session's folder.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// It is a file.
    #[error("{} is a file; name the folder that holds it: wakeeper import {}", path.display(), quoted(.folder))]
    File {
        /// The file.
        path: PathBuf,
        /// The folder that holds it.
        folder: PathBuf,
    },
    /// There is none.
    #[error("there is no folder {}", .0.display())]
    Missing(PathBuf),
    /// It holds several stores of whatsmeow.
    #[error(transparent)]
    Whatsmeow(#[from] StoreError),
    /// The session lies one folder deeper.
    #[error("{} holds no session itself; did you mean wakeeper import {}?", path.display(), quoted(.inside))]
    Above {
        /// The folder that was named.
        path: PathBuf,
        /// The session's.
        inside: PathBuf,
    },
}

/// The folder that is meant, or the store of whatsmeow: people also name the file, or the folder above.
///
/// # Errors
/// What to name instead.
pub fn given_folder(path: &Path) -> Result<PathBuf, GivenError> {
    if let Some(store) = store_at(path)? {
        return Ok(store);
    }
    if path.is_file() {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new(".")).to_owned();
        return Err(GivenError::File { path: path.to_owned(), folder });
    }
    if !path.is_dir() {
        return Err(GivenError::Missing(path.to_owned()));
    }
    let inside = path.join("auth_info");
    let names = [CREDENTIALS, MOVED_CREDENTIALS, wakeeper_engine_store::DATABASE];
    let is_session = |folder: &Path| names.iter().any(|name| folder.join(name).exists());
    if !is_session(path) && is_session(&inside) {
        return Err(GivenError::Above { path: path.to_owned(), inside });
    }
    Ok(path.to_owned())
}

/// The store that belongs to a folder: the one that is named for it, else the one beside it.
pub fn store_of(source: &Path, named: Option<&Path>) -> Option<PathBuf> {
    let beside = source.canonicalize().ok()?.parent()?.join(STORE);
    named.map(Path::to_owned).into_iter().chain([beside]).find(|path| path.is_file())
}
