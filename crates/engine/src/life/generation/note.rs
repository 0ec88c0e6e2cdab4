//! The note beside the engine's database, and what the file system tells of files.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use wakeeper_private_fs::{Folder, read_own};

/// The note, in the session's folder.
pub const NOTE: &str = "generation.json";

/// A note is shorter.
const LONGEST: u64 = 64 << 10;

/// What was last done with the engine's database beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The run that the database carried then.
    pub run: String,
    /// Which login it is.
    pub login: String,
    /// The login's phone number, so that it can be told whose backup fits when the database cannot be read.
    pub number: Option<String>,
    /// When the database was last changed, as the file system says; absent while the session runs. No tool sets this time,
    /// so that a file that is written back into its place has another one.
    pub engine_changed: Option<String>,
}

impl Note {
    /// The note of a session's folder. One that cannot be read is none.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&read_own(&folder.join(NOTE), LONGEST).ok()?).ok()
    }

    /// Replaces the note. On disk when it returns.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        let text = serde_json::to_vec(self).map_err(std::io::Error::from)?;
        Ok(Folder::named(folder)?.replace(NOTE, &text)?)
    }
}

/// Which file lies at a path: its number and when it was made. The device's number is left out where the time is known,
/// because it changes when a container or a machine starts again.
pub(crate) fn file(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    let made = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    Some(match made {
        Some(made) => format!("{}@{}.{:09}", metadata.ino(), made.as_secs(), made.subsec_nanos()),
        None => format!("{}/{}", metadata.dev(), metadata.ino()),
    })
}

/// When a file was last changed in any way (`ctime`).
pub fn changed(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(format!("{}.{:09}", metadata.ctime(), metadata.ctime_nsec()))
}
