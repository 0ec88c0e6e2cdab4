//! Moves sessions between formats: reads one into the model, writes the model as another.
//!
//! Reading never changes anything. What is damaged is read as a repair would leave it, so a torn Signal session is left
//! behind and negotiated anew, while a damaged login stops the move: that is a matter for `wakeeper clean`.

mod baileys;
mod moved;
mod place;

pub use baileys::{LeftOut, Reading, file_names, read, read_folder, write};
pub use moved::{
    MovedMarker, forget_move_within, mark_moved, moved, moved_out, moved_within, unmark_moved,
    withdraw_credentials,
};
pub use place::{PlaceError, install};

use std::path::PathBuf;

use crate::examine::ExamineError;
use crate::repair::PlanError;

/// Why a session could not be read for moving.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The folder could not be examined.
    #[error(transparent)]
    Examine(#[from] ExamineError),
    /// Its damage could not be planned around.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It was moved before.
    #[error("the session in {path} was moved to {to} already; it lives there now")]
    Moved {
        /// The folder.
        path: PathBuf,
        /// Where it lives.
        to: String,
    },
    /// A repair of the folder was interrupted.
    #[error("a repair of {path} was interrupted; run `wakeeper clean` on it first")]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
    /// There is no login in it.
    #[error("{path} holds no linked session: {reason}")]
    NoLogin {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The login is damaged.
    #[error("the credentials in {path} are damaged ({reason}); run `wakeeper clean` on it first")]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Something writes into the folder.
    #[error("{path} changes while it is read: stop what runs on the session first")]
    Changing {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the folder could not be changed.
    #[error("cannot {action} {path}: {reason}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
}
