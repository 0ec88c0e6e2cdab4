//! The note beside the engine's database, and what the file system tells of files.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// The note, in the session's folder.
pub(crate) const NOTE: &str = "generation.json";

/// What was last done with the engine's database beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
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
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(NOTE)).ok()?).ok()
    }

    /// Replaces the note. On disk when it returns.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        replace(folder, NOTE, &serde_json::to_vec(self).map_err(std::io::Error::from)?)
    }
}

/// Replaces a file of a folder, 0600. On disk when it returns.
pub(crate) fn replace(folder: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    let draft = folder.join(format!(".{name}.new"));
    let _ = std::fs::remove_file(&draft);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&draft, folder.join(name))?;
    std::fs::File::open(folder)?.sync_all()
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
pub(crate) fn changed(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(format!("{}.{:09}", metadata.ctime(), metadata.ctime_nsec()))
}
