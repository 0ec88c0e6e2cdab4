//! The marker of a folder whose session lives elsewhere.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wakeeper_private_fs::FsError;

use super::TransferError;
use crate::formats::baileys::name::{MOVED_CREDENTIALS, MOVED_MARKER, SESSIONS};
use crate::source::{Folder, Limits, ReadError};

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
    /// It only moved into a gateway's store within this folder.
    #[serde(default, skip_serializing_if = "is_false")]
    pub within: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// Where the folder's session lives now, when that is another place. A gateway that took over what Baileys left in its
/// own folder moved it to a place within: once there is no database any more in that place, the session lives nowhere
/// else, and a backup may give it back. `database` is what that database is called; `None` for any that is called like one.
pub fn moved_out(folder: &Folder, database: Option<&str>) -> Option<String> {
    folder.entry(MOVED_MARKER).ok()?;
    let Some(marker) = moved(folder) else { return Some("another place".to_owned()) };
    if is_within(folder, &marker) && !is_there(folder, &marker.to, database) { None } else { Some(marker.to) }
}

/// Whether the folder's marker leads to a place within it, whatever is there now.
pub fn moved_within(folder: &Folder) -> bool {
    moved(folder).is_some_and(|marker| is_within(folder, &marker))
}

/// Whether a marker of this folder leads to a place within it.
fn is_within(folder: &Folder, marker: &MovedMarker) -> bool {
    let own = folder.path().canonicalize();
    marker.within || own.is_ok_and(|own| Path::new(&marker.to).starts_with(own.join(SESSIONS)))
}

/// How the name of a session's database ends, for whoever does not know it.
const DATABASE_ENDING: &str = ".db";

/// Whether a gateway's session of the folder still has something in its database's place.
fn is_there(folder: &Folder, to: &str, database: Option<&str>) -> bool {
    let Some(name) = Path::new(to).file_name().and_then(|name| name.to_str()) else { return true };
    let session = match folder.below(SESSIONS).and_then(|sessions| sessions.below(name)) {
        Err(ReadError::Missing) => return false,
        // What cannot be looked at may be there.
        Err(_) => return true,
        Ok(session) => session,
    };
    if let Some(database) = database {
        // What cannot be looked at may be there; what lies beside it, such as a copy, is not it.
        return !matches!(session.entry(database), Err(ReadError::Missing));
    }
    let listed = session.list(&Limits::default());
    listed.map_or(true, |entries| entries.iter().any(|entry| entry.name.ends_with(DATABASE_ENDING)))
}

/// Takes away a marker that leads to nowhere else, before the session moves again.
///
/// # Errors
/// When it cannot be removed.
pub fn forget_move_within(folder: &Folder, database: Option<&str>) -> Result<(), TransferError> {
    if folder.entry(MOVED_MARKER).is_err() || moved_out(folder, database).is_some() {
        return Ok(());
    }
    match folder.confined().remove(MOVED_MARKER) {
        Ok(()) | Err(FsError::Missing) => sync(folder),
        Err(error) => Err(failed(folder, "remove", MOVED_MARKER)(error.into_io())),
    }
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
            Some(to) => folder.confined().rename(from, to),
            None => folder.confined().remove(from),
        };
        match done {
            Ok(()) | Err(FsError::Missing) => {}
            Err(error) => return Err(failed(folder, "undo the move of", from)(error.into_io())),
        }
    }
    sync(folder)
}

/// Sets `creds.json` aside, so that a Baileys that is started on the folder by mistake asks for a QR code instead of
/// reusing the ratchets of a session that went on elsewhere.
pub fn withdraw_credentials(folder: &Folder) -> Result<(), TransferError> {
    match folder.confined().rename("creds.json", MOVED_CREDENTIALS) {
        Ok(()) | Err(FsError::Missing) => sync(folder),
        Err(error) => Err(failed(folder, "set aside", "creds.json")(error.into_io())),
    }
}

fn sync(folder: &Folder) -> Result<(), TransferError> {
    folder.confined().sync().map_err(|error| failed(folder, "sync", ".")(error.into_io()))
}

pub(super) fn failed<'f>(
    folder: &'f Folder,
    action: &'static str,
    name: &'f str,
) -> impl Fn(std::io::Error) -> TransferError + 'f {
    move |reason| TransferError::Io { action, path: folder.path().join(name), reason }
}
