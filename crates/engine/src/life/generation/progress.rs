//! How far a session has come, in a file of its own beside its database.
//!
//! It is written in place and not synced, so it costs next to nothing and may be written every few seconds. What was
//! written before a process was killed is there; after a power cut it may be older than the databases, never newer. So a
//! database that is behind it was put back, or lost the log beside it.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file, in the session's folder.
pub(super) const PROGRESS: &str = "generation.count";

/// No more is read of it: a run, a space, and a number.
const LONGEST: u64 = 128;

/// How far a run has come: written after both databases were seen that far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    /// The run.
    pub run: String,
    /// Changes of ratchets.
    pub writes: i64,
}

impl Progress {
    /// What the file says; nothing when it cannot be read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let mut text = String::new();
        let file = open(folder, false).ok()?;
        file.take(LONGEST).read_to_string(&mut text).ok()?;
        let (run, writes) = text.trim_end().split_once(' ')?;
        Some(Self { run: run.to_owned(), writes: writes.parse().ok()? })
    }

    pub(super) fn write(&self, folder: &Path) -> std::io::Result<()> {
        // Always of the same length, so that nothing of the one before is left.
        open(folder, true)?.write_all(format!("{} {:020}\n", self.run, self.writes).as_bytes())
    }
}

/// Opens the file itself, never what a link leads to, and without waiting for anybody.
fn open(folder: &Path, write: bool) -> std::io::Result<std::fs::File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new()
        .read(!write)
        .write(write)
        .create(write)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(folder.join(PROGRESS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Progress::read(folder.path()), None);
        for writes in [123_456, 7] {
            let progress = Progress { run: "aa".repeat(16), writes };
            progress.write(folder.path()).unwrap();
            assert_eq!(Progress::read(folder.path()), Some(progress));
        }
        std::fs::write(folder.path().join(PROGRESS), "nonsense").unwrap();
        assert_eq!(Progress::read(folder.path()), None);
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::fs::write(&target, "somebody else's").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join(PROGRESS)).unwrap();
        assert!(Progress { run: "a".to_owned(), writes: 1 }.write(folder.path()).is_err());
        assert_eq!(Progress::read(folder.path()), None);
        assert_eq!(std::fs::read_to_string(target).unwrap(), "somebody else's");
    }
}
