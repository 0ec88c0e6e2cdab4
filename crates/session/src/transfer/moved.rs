//! The marker of a folder whose session lives elsewhere.

use serde::{Deserialize, Serialize};

use super::TransferError;
use crate::formats::baileys::name::{MOVED_CREDENTIALS, MOVED_MARKER};
use crate::source::{Folder, Limits};

/// What the marker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedMarker {
    /// Where the session lives now, for people.
    pub to: String,
    /// When it was moved, milliseconds since 1970.
    pub at_ms: i64,
    /// Which login it is: backups are marked the same way.
    pub account: String,
    /// The backup that was made before, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
}

/// What the folder's marker says, when it has one that can be read.
pub fn moved(folder: &Folder) -> Option<MovedMarker> {
    let limits = Limits { file: 64 << 10, ..Limits::default() };
    serde_json::from_slice(&folder.read(MOVED_MARKER, &limits).ok()?).ok()
}

/// Marks a folder as moved. On disk when it returns.
pub fn mark_moved(folder: &Folder, marker: &MovedMarker) -> Result<(), TransferError> {
    let text = serde_json::to_vec_pretty(marker)
        .map_err(|error| failed(folder, "write", MOVED_MARKER)(error.into()))?;
    super::place::write_file(folder, MOVED_MARKER, &text)
}

/// Takes the marker away again, after a move that failed, or when the session has come back.
pub fn unmark_moved(folder: &Folder) -> Result<(), TransferError> {
    for (from, to) in [(MOVED_CREDENTIALS, Some("creds.json")), (MOVED_MARKER, None)] {
        let done = match to {
            Some(to) => rustix::fs::renameat(folder.fd(), from, folder.fd(), to),
            None => rustix::fs::unlinkat(folder.fd(), from, rustix::fs::AtFlags::empty()),
        };
        match done {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(errno) => return Err(failed(folder, "undo the move of", from)(errno.into())),
        }
    }
    sync(folder)
}

/// Sets `creds.json` aside, so that a Baileys that is started on the folder by mistake asks for a QR code instead of
/// reusing the ratchets of a session that went on elsewhere.
pub fn withdraw_credentials(folder: &Folder) -> Result<(), TransferError> {
    match rustix::fs::renameat(folder.fd(), "creds.json", folder.fd(), MOVED_CREDENTIALS) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => sync(folder),
        Err(errno) => Err(failed(folder, "set aside", "creds.json")(errno.into())),
    }
}

fn sync(folder: &Folder) -> Result<(), TransferError> {
    rustix::fs::fsync(folder.fd()).map_err(|errno| failed(folder, "sync", ".")(errno.into()))
}

pub(super) fn failed<'f>(
    folder: &'f Folder,
    action: &'static str,
    name: &'f str,
) -> impl Fn(std::io::Error) -> TransferError + 'f {
    move |reason| TransferError::Io { action, path: folder.path().join(name), reason }
}
