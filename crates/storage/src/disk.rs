//! What keeps a database from being written, and whether its file is still the one that is open.
//!
//! After a failed `fsync` nothing since the last good one counts: the kernel may show pages that never reached the disk and
//! call the next sync a success. So a connection that failed is given up, and what it left is written once more
//! ([`settle_wal`]) before it is believed.

mod identity;
mod probe;

pub use identity::OpenFile;
pub use probe::{probe, settle_wal};

pub(crate) use identity::{real, wal_of};
pub(crate) use probe::sync_folder;

use std::fmt;
use std::path::{Path, PathBuf};

use wakeeper_model::RowsFailure;

/// Why a database cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskCause {
    /// No room (`ENOSPC`).
    Full,
    /// The owner's quota is used up (`EDQUOT`).
    Quota,
    /// The file system is read-only (`EROFS`), or the file may not be written.
    ReadOnly,
    /// The device failed (`EIO`), a failed `fsync` included.
    Failed,
    /// Another process holds the database's lock.
    Locked,
    /// The file was removed, moved or replaced while it was open.
    Gone,
    /// The file became shorter while it was open: somebody cut it or wrote another over it.
    CutShort,
    /// The file is no sound database any more.
    Damaged,
}

impl DiskCause {
    /// The system's own name for it, which people search for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "ENOSPC",
            Self::Quota => "EDQUOT",
            Self::ReadOnly => "EROFS",
            Self::Failed => "EIO",
            Self::Locked => "SQLITE_BUSY",
            Self::Gone => "removed or replaced",
            Self::CutShort => "cut short",
            Self::Damaged => "SQLITE_CORRUPT",
        }
    }

    /// What an operation of the system says.
    #[must_use]
    pub fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull => Self::Full,
            ErrorKind::QuotaExceeded => Self::Quota,
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::ReadOnly,
            ErrorKind::NotFound => Self::Gone,
            _ => Self::Failed,
        }
    }

    /// What SQLite's words say; `None` when they are about something else than the disk.
    /// The words are those of `sqlite3_errstr`, <https://sqlite.org/rescode.html>.
    #[must_use]
    pub fn of_words(words: &str) -> Option<Self> {
        const WORDS: [(&str, DiskCause); 10] = [
            ("database or disk is full", DiskCause::Full),
            ("attempt to write a readonly database", DiskCause::ReadOnly),
            ("disk I/O error", DiskCause::Failed),
            ("database is locked", DiskCause::Locked),
            ("database table is locked", DiskCause::Locked),
            ("exhausted retries", DiskCause::Locked),
            ("unable to open database file", DiskCause::Failed),
            ("locking protocol", DiskCause::Failed),
            ("database disk image is malformed", DiskCause::Damaged),
            ("file is not a database", DiskCause::Damaged),
        ];
        WORDS.iter().find(|(known, _)| words.contains(known)).map(|(_, cause)| *cause)
    }
}

/// A database that cannot be written, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskTrouble {
    /// The database.
    pub path: PathBuf,
    /// Why.
    pub cause: DiskCause,
}

impl DiskTrouble {
    /// A database in trouble.
    #[must_use]
    pub fn new(path: &Path, cause: DiskCause) -> Self {
        Self { path: path.to_owned(), cause }
    }

    /// The same, with the system's own reason where the words of SQLite do not tell it: it calls `EDQUOT` an I/O error.
    #[must_use]
    pub fn looked_into(mut self) -> Self {
        if matches!(self.cause, DiskCause::Failed | DiskCause::ReadOnly)
            && let Err(error) = probe(&self.path)
        {
            self.cause = DiskCause::of_io(&error);
        }
        self
    }

    /// What a caller can know of it. The path is the operator's.
    #[must_use]
    pub fn failure(&self) -> RowsFailure {
        RowsFailure::Disk {
            file: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            cause: self.cause.name(),
            advice: self.advice(),
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self.cause {
            DiskCause::Full => "free some room on that disk; it goes on by itself then",
            DiskCause::Quota => "raise the quota or free some room; it goes on by itself then",
            DiskCause::ReadOnly => "make that file system writable; it goes on by itself then",
            DiskCause::Failed => "look at that disk; it goes on by itself when a write succeeds",
            DiskCause::Locked => "end the program that holds the lock; it goes on by itself then",
            DiskCause::Gone => {
                "put the file back where it was; or stop the gateway and start it: a login then comes from the newest backup, \
                 and sessions are found by their folders"
            }
            DiskCause::CutShort | DiskCause::Damaged => {
                "stop the gateway and start it: it keeps what can be read, and takes a login from the newest backup"
            }
        }
    }
}

impl fmt::Display for DiskTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let name = self.cause.name();
        match self.cause {
            DiskCause::Full => write!(f, "the disk that holds {path} is full ({name})"),
            DiskCause::Quota => write!(f, "the disk quota for {path} is used up ({name})"),
            DiskCause::ReadOnly => write!(f, "{path} cannot be written: it is read-only ({name})"),
            DiskCause::Failed => write!(f, "the disk that holds {path} failed ({name})"),
            DiskCause::Locked => write!(f, "another process holds the lock of {path} ({name})"),
            DiskCause::Gone | DiskCause::CutShort => write!(f, "{path} was {name} while it was open"),
            DiskCause::Damaged => write!(f, "{path} is damaged ({name})"),
        }
    }
}

impl std::error::Error for DiskTrouble {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_something_else_are_no_trouble_of_the_disk() {
        assert_eq!(DiskCause::of_words("UNIQUE constraint failed: messages.id"), None);
        assert_eq!(DiskCause::of_words("(code: 13) database or disk is full"), Some(DiskCause::Full));
    }

    #[test]
    fn a_trouble_names_file_cause_and_what_to_do() {
        for cause in
            [DiskCause::Full, DiskCause::Quota, DiskCause::Gone, DiskCause::CutShort, DiskCause::Locked]
        {
            let trouble = DiskTrouble::new(Path::new("/data/wakeeper.db"), cause);
            let text = trouble.to_string();
            assert!(text.contains("/data/wakeeper.db") && text.contains(cause.name()), "{text}");
            assert!(!trouble.advice().is_empty());
        }
    }
}
