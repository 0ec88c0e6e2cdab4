//! What can go wrong with the store.

use std::path::{Path, PathBuf};

/// Why the store could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum NativeError {
    /// The store failed.
    #[error("cannot {action} the session database {path}: {reason}")]
    Store {
        /// What was tried.
        action: &'static str,
        /// The database.
        path: PathBuf,
        /// The store's words.
        reason: String,
    },
    /// A key of the login is not one.
    #[error("the {what} cannot be used: {reason}")]
    Key {
        /// Which.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// There is no login in the database.
    #[error("the session database {path} holds no linked session")]
    NoLogin {
        /// The database.
        path: PathBuf,
    },
    /// There is a session already.
    #[error("{path} exists already; a session is never overwritten")]
    Exists {
        /// The database.
        path: PathBuf,
    },
    /// Somebody wrote to it.
    #[error(
        "{path} changed since it was looked at, and nothing was removed: stop what runs on the session, then run the command again"
    )]
    Changed {
        /// The database.
        path: PathBuf,
    },
    /// A file could not be used.
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

/// Names what failed on a database.
pub(crate) fn store<E: std::fmt::Display>(action: &'static str, path: &Path) -> impl Fn(E) -> NativeError {
    let path = path.to_owned();
    move |error| NativeError::Store { action, path: path.clone(), reason: error.to_string() }
}

/// Names what failed on a file.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> NativeError {
    let path = path.to_owned();
    move |reason| NativeError::Io { action, path, reason }
}
