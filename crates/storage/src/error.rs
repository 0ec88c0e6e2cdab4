use std::{path::PathBuf, sync::Arc};

use thiserror::Error;
use wakeeper_model::RowsFailure;

use crate::disk::{DiskCause, DiskTrouble};
use crate::sqlite::damaged::Damaged;

/// A storage operation that failed. Carries no row contents: no key, body or phone number.
#[derive(Debug, Clone, Error)]
pub enum StorageError {
    /// The database file or its folder cannot be created, opened or given its mode.
    #[error("cannot open the database file {path}: {source}")]
    OpenFile {
        /// The file that was asked for.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<std::io::Error>,
    },
    /// The back end refused an operation.
    #[error("{operation} failed: {source}")]
    Database {
        /// What was being done, in words.
        operation: &'static str,
        /// What the back end said.
        source: Arc<sqlx::Error>,
    },
    /// The schema cannot be brought up to date.
    #[error("cannot bring the database up to date: {source}")]
    Migrate {
        /// What went wrong.
        source: Arc<sqlx::migrate::MigrateError>,
    },
    /// A newer wakeeper wrote this database; opening it with an older one could lose rows.
    #[error(
        "the database was written by a newer wakeeper (schema {found}); this one knows up to {supported}. Start the newer \
         wakeeper again, or put back the data folder as it was before the update; nothing was changed"
    )]
    NewerDatabase {
        /// Schema version found in the file.
        found: i64,
        /// Newest schema version this build knows.
        supported: i64,
    },
    /// The database cannot be written now. Nothing of the operation is stored, or it is not known to be; once it can be
    /// written again, later operations succeed.
    #[error("{trouble}; {}", trouble.advice())]
    Disk {
        /// Which file, and why.
        trouble: Arc<DiskTrouble>,
    },
    /// A row cannot be read. The others can.
    #[error("{row} is damaged: {problem}")]
    DamagedRow {
        /// Which, for example `message 3EB0AA of session default`.
        row: String,
        /// What is wrong with it, without its contents.
        problem: String,
    },
    /// A session's rows were to be written by somebody who does not own it, or not any more.
    #[error("the rows of session {session} were not written: whoever tried does not own the session")]
    NotOwner {
        /// Whose rows.
        session: String,
    },
    /// A session has an owner already.
    #[error("session {session} has an owner already; two at once would break its encryption")]
    Owned {
        /// Which.
        session: String,
    },
    /// An operation panicked. Nothing of it is stored.
    #[error("{operation} was broken off by a program error")]
    Panicked {
        /// What was being done, in words.
        operation: &'static str,
    },
    /// The storage was closed.
    #[error("the storage is closed")]
    Closed,
}

impl StorageError {
    /// Whether the database itself is damaged, as SQLite says. No room, no permission and a lock are none.
    pub fn is_damage(&self) -> bool {
        use sqlx::migrate::MigrateError;
        let source = match self {
            Self::Database { source, .. } => source,
            Self::Migrate { source } => match source.as_ref() {
                MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                    return is_corruption(source);
                }
                _ => return false,
            },
            _ => return false,
        };
        is_corruption(source)
    }

    /// What a caller can know of it.
    #[must_use]
    pub fn failure(&self) -> RowsFailure {
        match self {
            Self::Closed => RowsFailure::Closed,
            Self::Disk { trouble } => trouble.failure(),
            Self::NotOwner { .. } | Self::Owned { .. } => RowsFailure::NotOwner,
            Self::DamagedRow { .. } => RowsFailure::Damaged { row: self.to_string() },
            Self::OpenFile { .. }
            | Self::Database { .. }
            | Self::Migrate { .. }
            | Self::NewerDatabase { .. }
            | Self::Panicked { .. } => RowsFailure::Fault,
        }
    }

    /// What is wrong with the disk, when that is what it is about.
    #[must_use]
    pub fn disk_cause(&self) -> Option<DiskCause> {
        match self {
            Self::Disk { trouble } => Some(trouble.cause),
            Self::Database { source, .. } => match &**source {
                sqlx::Error::Database(error) => DiskCause::of_words(error.message()),
                sqlx::Error::Io(error) => Some(DiskCause::of_io(error)),
                sqlx::Error::WorkerCrashed => Some(DiskCause::Failed),
                _ => None,
            },
            Self::OpenFile { source, .. } => Some(DiskCause::of_io(source)),
            _ => None,
        }
    }

    /// For `map_err`: names the operation that failed.
    pub(crate) fn during(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| match source {
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::Decode(inner) => match inner.downcast::<Damaged>() {
                Ok(damaged) => Self::DamagedRow { row: damaged.row, problem: damaged.problem },
                Err(inner) => Self::Database { operation, source: Arc::new(sqlx::Error::Decode(inner)) },
            },
            source => Self::Database { operation, source: Arc::new(source) },
        }
    }
}

/// Whether SQLite says that the file itself is damaged or is no database: `SQLITE_CORRUPT` or `SQLITE_NOTADB`, in the low
/// byte of the extended result code (<https://sqlite.org/rescode.html>). No room, no permission and a lock are none.
#[must_use]
pub fn is_corruption(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}
