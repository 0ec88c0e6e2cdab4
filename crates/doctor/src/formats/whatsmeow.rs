//! Stores of whatsmeow, the Go library that WAHA's GOWS, GOWA, wuzapi and evolution-go are built on: one SQLite database for
//! all devices of a gateway. Its tables begin with `whatsmeow_`; other tables of the gateway may lie beside them.

pub mod records;

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// How every SQLite database begins.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The table of devices. SQLite keeps the text that made it near the beginning of the file.
const TABLE: &[u8] = b"whatsmeow_device";
/// Bytes that are searched for it.
const SEARCHED: u64 = 1 << 20;

/// Whether a file is a store of whatsmeow. It is not opened as a database: its first megabyte, or that of its log, tells.
/// Links are not followed.
pub fn is_store(path: &Path) -> bool {
    // Of the many files of a folder, hardly one is read any further.
    if beginning(path, MAGIC.len() as u64).is_none_or(|start| start != MAGIC) {
        return false;
    }
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    [path, Path::new(&log)]
        .iter()
        .any(|file| beginning(file, SEARCHED).is_some_and(|start| names_table(&start)))
}

/// Whether the beginning of a database, or of its log, tells of whatsmeow's tables.
pub(crate) fn names_table(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, TABLE).is_some()
}

fn beginning(path: &Path, len: u64) -> Option<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file: File =
        OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut start = Vec::new();
    file.take(len).read_to_end(&mut start).ok()?;
    Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_known_by_its_beginning_or_that_of_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            std::fs::write(dir.path().join(name), content).unwrap();
            is_store(&dir.path().join(name))
        };
        let store = [MAGIC, b"CREATE TABLE whatsmeow_device (jid TEXT)"].concat();
        assert!(write("store.db", &store));
        assert!(!write("other.db", &[MAGIC, b"CREATE TABLE device (jid TEXT)"].concat()));
        assert!(!write("notes.txt", b"whatsmeow_device"));
        assert!(!write("empty.db", b""));
        assert!(!write("fresh.db", MAGIC));
        std::fs::write(dir.path().join("fresh.db-wal"), &store).unwrap();
        assert!(is_store(&dir.path().join("fresh.db")));
        std::os::unix::fs::symlink(dir.path().join("store.db"), dir.path().join("link.db")).unwrap();
        assert!(!is_store(&dir.path().join("link.db")) && !is_store(dir.path()));
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert!(!is_store(&pipe), "and nobody is waited for");
    }
}
