//! Moves of sessions that were cut short, as the session's folder tells of them: a note says which other place has the same
//! login, and as long as it lies there the session does not start.

mod pending;
mod refused;

use std::path::{Path, PathBuf};

pub use pending::{Pending, discard, done, is_under_way};
pub use refused::{forget, leave};
pub use wakeeper_doctor::formats::baileys::name::MOVED_MARKER;
use wakeeper_doctor::source::Folder;
use wakeeper_doctor::transfer;
use wakeeper_model::SessionName;

/// Why a session does not start from its folder.
#[derive(Debug, thiserror::Error)]
pub enum MoveUnsettled {
    /// A file of the session's folder could not be used.
    #[error("cannot {operation} {}: {source}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An import was cut short, and its source is out of reach.
    #[error("the import of session {session} was interrupted, and {} cannot be looked at", from.display())]
    SourceUnreachable {
        /// Whose.
        session: SessionName,
        /// The folder that it came from.
        from: PathBuf,
    },
    /// A Baileys session lies in wait that could not be taken over.
    #[error(
        "{reason}. Put that right and start the gateway again; to link anew with a QR code instead, move creds.json out of \
         the folder and start the session again"
    )]
    NotTakenOver {
        /// Where it lies.
        from: PathBuf,
        /// Why it was not taken over.
        reason: String,
    },
}

/// Finishes or takes back an import that was cut short, and refuses a session that still waits for what could not be
/// taken over.
///
/// # Errors
/// When it is not known where the login is, or nothing was taken over.
pub fn settle(folder: &Path, session: &SessionName) -> Result<(), MoveUnsettled> {
    pending::settle(folder, session)?;
    refused::check(folder)
}

/// Only the first half of [`settle`].
///
/// # Errors
/// When it is not known where the login is.
pub fn settle_import(folder: &Path, session: &SessionName) -> Result<(), MoveUnsettled> {
    pending::settle(folder, session)
}

/// Whether a session was moved out of its folder, and where to.
#[must_use]
pub fn moved_to(folder: &Path) -> Option<String> {
    let opened = Folder::open(folder).ok()?;
    opened.entry(MOVED_MARKER).ok()?;
    Some(transfer::moved(&opened).map_or_else(|| "another place".to_owned(), |marker| marker.to))
}

fn failed<'p>(operation: &'static str, path: &'p Path) -> impl FnOnce(std::io::Error) -> MoveUnsettled + 'p {
    move |source| MoveUnsettled::File { operation, path: path.to_owned(), source }
}
