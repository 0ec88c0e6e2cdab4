//! The witness of a login, in a folder that is not put back together with the session's.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wakeeper_private_fs::{Folder, create_private_folders, read_own};

/// A witness is shorter.
const LONGEST: u64 = 64 << 10;

/// How far a login was on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Witness {
    /// The run that the engine's database carried.
    pub run: String,
    /// Its count.
    pub writes: i64,
}

impl Witness {
    /// The witness in a file. One that cannot be read is none.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&read_own(path, LONGEST).ok()?).ok()
    }

    /// Replaces the witness, whose folder is made 0700 when missing. On disk when it returns.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Err(std::io::ErrorKind::InvalidInput.into());
        };
        create_private_folders(folder)?;
        let text = serde_json::to_vec(self).map_err(std::io::Error::from)?;
        Ok(Folder::named(folder)?.replace(name, &text)?)
    }
}
