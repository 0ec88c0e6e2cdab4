//! Whether the disk takes writes, and making sure that a log is on it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::identity::wal_of;

/// Bytes that a probe writes. More than a page, so that a disk that is all but full is not called well again.
const PROBE_BYTES: usize = 256 * 1024;

/// Writes and syncs a file beside the database at `path`, and removes it.
///
/// # Errors
/// What the system said.
pub fn probe(path: &Path) -> io::Result<()> {
    let beside = probe_path(path);
    let written = write_probe(&beside);
    let removed = std::fs::remove_file(&beside);
    written.and(removed)
}

fn probe_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-probe");
    name.into()
}

fn write_probe(beside: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(beside)?;
    file.write_all(&vec![0xA5; PROBE_BYTES])?;
    file.sync_all()
}

/// Makes sure that the write-ahead log of the database at `path` is on the disk, by writing what is in it over itself
/// and syncing that. Needed before SQLite reads a log that an earlier connection left: after a failed `fsync` the kernel
/// may show a commit that is not on the disk, and call the next `fsync` a success. What is built on it would be lost with it.
///
/// No connection to the database may be open.
///
/// # Errors
/// What the system said; the log is as it was then.
pub fn settle_wal(path: &Path) -> io::Result<()> {
    let wal = wal_of(path);
    let mut file = match OpenOptions::new().read(true).write(true).open(&wal) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut position = 0;
    let mut block = vec![0; 1 << 16];
    loop {
        file.seek(SeekFrom::Start(position))?;
        let count = file.read(&mut block)?;
        if count == 0 {
            break;
        }
        file.seek(SeekFrom::Start(position))?;
        file.write_all(&block[..count])?;
        position += count as u64;
    }
    file.sync_all()?;
    sync_folder(path)
}

/// Has the names in the folder of `path` on the disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        probe(&folder.path().join("a.db")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(probe(Path::new("/proc/no/such/a.db")).is_err());
    }

    #[test]
    fn a_settled_log_has_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        settle_wal(&path).unwrap();
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        std::fs::write(wal_of(&path), &bytes).unwrap();
        settle_wal(&path).unwrap();
        assert_eq!(std::fs::read(wal_of(&path)).unwrap(), bytes);
    }
}
