//! Faults on purpose, for tests.

use rusqlite::Error;
use rusqlite::ffi::{self, SQLITE_FULL, SQLITE_IOERR};

/// Stands between the store and its database. A test gives one at opening; each method is called by the thread that works on
/// the store, and may wait (a slow disk) or end the process (a crash at that point).
pub trait Faults: Send + Sync {
    /// A read is about to run.
    fn before_read(&self, _operation: &'static str) {}

    /// A read ran; its caller has not heard of it.
    fn after_read(&self, _operation: &'static str) {}

    /// The writes of a group ran, and none of them is on the disk.
    ///
    /// # Errors
    /// To let the commit fail: the group is taken back.
    fn before_commit(&self, _operations: &[&'static str]) -> Result<(), Fault> {
        Ok(())
    }

    /// A group is on the disk; nobody has heard of it.
    fn after_commit(&self, _operations: &[&'static str]) {}
}

/// What a disk does to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No room.
    Full,
    /// The write or the sync failed.
    Io,
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        // In the words of SQLite itself (sqlite3_errstr), from which the cause is told.
        let (code, words) = match fault {
            Fault::Full => (SQLITE_FULL, "database or disk is full"),
            Fault::Io => (SQLITE_IOERR, "disk I/O error"),
        };
        Self::SqliteFailure(ffi::Error::new(code), Some(words.to_owned()))
    }
}

/// None: what production gives.
pub(super) struct NoFaults;

impl Faults for NoFaults {}
