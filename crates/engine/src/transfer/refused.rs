//! The note of a Baileys session that could not be taken over: as long as it lies there, the session that was to have it
//! fails with the reason and shows no QR code.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_private_fs::{FsError, Writing, open_own, read_own};

use super::MoveError;
use crate::{EngineError, life::credentials};

/// The note, in the session's folder.
const NOTE: &str = "not-taken-over.json";
/// Bytes of the note.
const LONGEST_NOTE: u64 = 64 << 10;

#[derive(Debug, Serialize, Deserialize)]
struct Refused {
    /// Where the Baileys session lies.
    from: PathBuf,
    /// Why it was not taken over.
    reason: String,
}

/// Leaves the note in a session's folder.
///
/// # Errors
/// When it cannot be written.
pub(super) fn leave(folder: &Path, from: &Path, error: &MoveError) -> Result<(), EngineError> {
    credentials::create_folder(folder)?;
    let path = folder.join(NOTE);
    let note = Refused { from: from.to_owned(), reason: error.to_string() };
    let written = serde_json::to_vec(&note).map_err(std::io::Error::from).and_then(|text| {
        let mut file = open_own(&path, Writing::Over).map_err(FsError::into_io)?;
        file.set_len(0)?;
        file.write_all(&text)?;
        file.sync_all()
    });
    written.map_err(|source| EngineError::Folder { operation: "write", path, source })
}

/// Removes the note: it is tried again, or there is another session now.
///
/// # Errors
/// When it cannot be removed.
pub(super) fn forget(folder: &Path) -> Result<(), EngineError> {
    let path = folder.join(NOTE);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(EngineError::Folder { operation: "remove", path, source })
        }
        _ => Ok(()),
    }
}

/// Refuses to start a session whose Baileys files still wait to be taken over.
///
/// # Errors
/// [`EngineError::FirstStart`] with the reason.
pub(super) fn check(folder: &Path) -> Result<(), EngineError> {
    let Ok(text) = read_own(&folder.join(NOTE), LONGEST_NOTE) else { return Ok(()) };
    let Ok(note) = serde_json::from_slice::<Refused>(&text) else { return Ok(()) };
    // Taken out by hand: what is left starts as any other session.
    if !note.from.join(CREDENTIALS).exists() {
        return Ok(());
    }
    Err(EngineError::FirstStart { folder: note.from, source: Box::new(MoveError::Refused(note.reason)) })
}
