//! What can go wrong with the client's database.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a call to the client's database failed. SQLite's own words are the source.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SqliteError {
    /// It could not be opened.
    #[error("cannot open the session database {path}")]
    Open {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// A call failed by itself; others of its group were not harmed.
    #[error("cannot {operation} in the session database")]
    Call {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The whole group of writes failed: none of it is stored.
    #[error("cannot {step} a group of writes in the session database")]
    Group {
        /// Which step of it failed.
        step: &'static str,
        /// Why.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// An earlier group of writes was broken off, and nothing of it is stored.
    #[error("a program error broke off a group of writes to the session database")]
    Panicked,
    /// Whoever works on the queue ended: the process shuts down, or it panicked.
    #[error("the session database was closed while a call to it waited")]
    Ended,
}
