//! The note of a Baileys session that could not be taken over: as long as it lies there, the session that was to have it
//! fails with the reason and shows no QR code.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_private_fs::{FsError, Writing, create_private_folders, open_own, read_own};

use super::{MoveUnsettled, failed};

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
pub fn leave(folder: &Path, from: &Path, reason: String) -> Result<(), MoveUnsettled> {
    create_private_folders(folder).map_err(failed("create", folder))?;
    let path = folder.join(NOTE);
    let note = Refused { from: from.to_owned(), reason };
    let written = serde_json::to_vec(&note).map_err(std::io::Error::from).and_then(|text| {
        let mut file = open_own(&path, Writing::Over).map_err(FsError::into_io)?;
        file.set_len(0)?;
        file.write_all(&text)?;
        file.sync_all()
    });
    written.map_err(failed("write", &path))
}

/// Removes the note: it is tried again, or there is another session now.
///
/// # Errors
/// When it cannot be removed.
pub fn forget(folder: &Path) -> Result<(), MoveUnsettled> {
    let path = folder.join(NOTE);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(MoveUnsettled::File { operation: "remove", path, source })
        }
        _ => Ok(()),
    }
}

/// Refuses to start a session whose Baileys files still wait to be taken over.
///
/// # Errors
/// [`MoveUnsettled::NotTakenOver`] with the reason.
pub(super) fn check(folder: &Path) -> Result<(), MoveUnsettled> {
    let Ok(text) = read_own(&folder.join(NOTE), LONGEST_NOTE) else { return Ok(()) };
    let Ok(note) = serde_json::from_slice::<Refused>(&text) else { return Ok(()) };
    // Taken out by hand: what is left starts as any other session.
    if !note.from.join(CREDENTIALS).exists() {
        return Ok(());
    }
    Err(MoveUnsettled::NotTakenOver { from: note.from, reason: note.reason })
}
