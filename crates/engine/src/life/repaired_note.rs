//! The note of a repair that was made while no gateway had the session, for the next one to keep as an incident.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wakeeper_private_fs::{Folder, FsError};

/// The note, in the session's folder.
pub const REPAIRED_NOTE: &str = "repaired.json";
/// Bytes of the note: a number.
const LONGEST_NOTE: u64 = 4096;

#[derive(Serialize, Deserialize)]
struct Note {
    steps: usize,
}

/// Notes that a session was repaired, in so many steps.
///
/// # Errors
/// When the note cannot be written.
pub fn note_repaired(folder: &Path, steps: usize) -> std::io::Result<()> {
    let text = serde_json::to_vec(&Note { steps })?;
    Ok(Folder::named(folder)?.replace(REPAIRED_NOTE, &text)?)
}

/// Takes the note away, and answers of how many steps it tells.
pub(crate) fn take_repaired(folder: &Path) -> Option<usize> {
    let folder = Folder::named(folder).ok()?;
    let steps = read(&folder);
    match folder.remove(REPAIRED_NOTE) {
        Ok(()) => steps,
        Err(FsError::Missing) => None,
        Err(error) => {
            tracing::warn!(%error, "the note of a repair stays");
            None
        }
    }
}

fn read(folder: &Folder) -> Option<usize> {
    let (file, _) = folder.open_file(REPAIRED_NOTE).ok()?;
    let mut text = Vec::new();
    file.take(LONGEST_NOTE).read_to_end(&mut text).ok()?;
    serde_json::from_slice::<Note>(&text).ok().map(|note| note.steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(take_repaired(folder.path()), None);
        note_repaired(folder.path(), 3).unwrap();
        assert_eq!(take_repaired(folder.path()), Some(3));
        assert_eq!(take_repaired(folder.path()), None);
        std::fs::write(folder.path().join(REPAIRED_NOTE), "no note").unwrap();
        assert_eq!(take_repaired(folder.path()), None);
        assert!(!folder.path().join(REPAIRED_NOTE).exists());
    }
}
