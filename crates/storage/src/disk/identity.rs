//! Whether the file at a path is still the one that is open.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::{DiskCause, DiskTrouble};

/// Device and inode.
type Id = (u64, u64);

/// A database that is open, by the identity of its file. An inode that is open is not given to another file, so equal
/// numbers mean the same file; a file that was removed is not found at its path.
#[derive(Debug)]
pub struct OpenFile {
    path: PathBuf,
    wal: PathBuf,
    id: Id,
    /// Of the write-ahead log, once there is one.
    wal_id: Mutex<Option<Id>>,
    /// Length of the database and of its log when they were last looked at. While a database is open, its log does not
    /// become shorter by itself, and the database does not become empty (a checkpoint may take pages off its end).
    lengths: Mutex<(u64, u64)>,
    /// The one of them that was cut short. SQLite would move what is left of it into the database, so nobody goes on with it.
    cut: OnceLock<PathBuf>,
}

impl OpenFile {
    /// Remembers the file at `path`, which is open or about to be opened.
    ///
    /// # Errors
    /// When there is none, or it cannot be looked at.
    pub fn at(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        let id = (metadata.dev(), metadata.ino());
        let lengths = Mutex::new((metadata.len(), 0));
        Ok(Self {
            path: path.to_owned(),
            wal: wal_of(path),
            id,
            wal_id: Mutex::new(None),
            lengths,
            cut: OnceLock::new(),
        })
    }

    /// The database's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks whether the database is still there. One `stat`.
    ///
    /// # Errors
    /// When it was removed, moved, replaced or cut short.
    pub fn check(&self) -> Result<(), DiskTrouble> {
        if let Some(cut) = self.cut.get() {
            return Err(DiskTrouble::new(cut, DiskCause::CutShort));
        }
        match look(&self.path) {
            Some((id, length)) if id == self.id => {
                let known = std::mem::replace(&mut self.lengths().0, length);
                if length > 0 || known == 0 {
                    return Ok(());
                }
                Err(self.was_cut(&self.path))
            }
            _ => Err(DiskTrouble::new(&self.path, DiskCause::Gone)),
        }
    }

    fn lengths(&self) -> MutexGuard<'_, (u64, u64)> {
        self.lengths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for the database and its write-ahead log, for whoever holds a connection all the time: SQLite removes
    /// the log only with the last one.
    ///
    /// # Errors
    /// When one of them was removed, moved, replaced or cut short.
    pub fn check_with_wal(&self) -> Result<(), DiskTrouble> {
        self.check()?;
        let found = look(&self.wal);
        let mut known = self.wal_id.lock().unwrap_or_else(PoisonError::into_inner);
        let id = found.map(|(id, _)| id);
        match *known {
            None => *known = id,
            Some(_) if *known == id => {}
            Some(_) => return Err(DiskTrouble::new(&self.wal, DiskCause::Gone)),
        }
        let Some((_, length)) = found else { return Ok(()) };
        let lengths = &mut *self.lengths();
        if length < lengths.1 {
            return Err(self.was_cut(&self.wal));
        }
        lengths.1 = length;
        Ok(())
    }

    /// Looks whether the log begins as every log does. One that was emptied is soon as long as before, because SQLite
    /// writes on where it was, and leaves a hole.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_log(&self) -> Result<(), DiskTrouble> {
        let mut head = [0; 4];
        let read = File::open(&self.wal).and_then(|mut file| file.read_exact(&mut head));
        // Its last bit tells the byte order of its checksums (<https://sqlite.org/fileformat2.html#walformat>).
        if read.is_ok() && u32::from_be_bytes(head) & !1 != 0x377f_0682 {
            return Err(self.was_cut(&self.wal));
        }
        Ok(())
    }

    fn was_cut(&self, path: &Path) -> DiskTrouble {
        DiskTrouble::new(self.cut.get_or_init(|| path.to_owned()), DiskCause::CutShort)
    }

    /// Takes the write-ahead log as it is found next: for whoever closed the last connection, with which SQLite removes
    /// the log, or is about to empty it.
    pub fn forget_wal(&self) {
        *self.wal_id.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.lengths().1 = 0;
    }
}

/// The write-ahead log of a database.
pub(crate) fn wal_of(path: &Path) -> PathBuf {
    let mut name = real(path).into_os_string();
    name.push("-wal");
    name.into()
}

/// Where a database lies: SQLite keeps its log beside the file that a link leads to, not beside the link.
pub(crate) fn real(path: &Path) -> PathBuf {
    let linked = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    let target =
        if linked { std::fs::canonicalize(path).ok().filter(|target| target.is_file()) } else { None };
    target.unwrap_or_else(|| path.to_owned())
}

fn look(path: &Path) -> Option<(Id, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    (metadata.nlink() > 0).then(|| ((metadata.dev(), metadata.ino()), metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_or_a_log_that_was_cut_short_is_noticed_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let wal = wal_of(&path);
        let opened = || {
            std::fs::write(&path, "four").unwrap();
            std::fs::write(&wal, [0x37, 0x7f, 0x06, 0x83, 0, 0]).unwrap();
            let open = OpenFile::at(&path).unwrap();
            open.check_with_wal().unwrap();
            open.check_log().unwrap();
            open
        };
        let cut = |file: &Path, length| {
            std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap();
        };
        let open = opened();
        cut(&wal, 1);
        let trouble = DiskTrouble::new(&wal, DiskCause::CutShort);
        assert_eq!(open.check_with_wal().unwrap_err(), trouble);
        std::fs::write(&wal, [0x37, 0x7f, 0x06, 0x83, 0, 0]).unwrap();
        assert_eq!(open.check().unwrap_err(), trouble, "what is left of it must not be used");

        // Written on where it was: as long as before, with a hole.
        let open = opened();
        cut(&wal, 0);
        cut(&wal, 64);
        open.check_with_wal().unwrap();
        assert_eq!(open.check_log().unwrap_err(), trouble);

        let open = opened();
        open.forget_wal();
        cut(&wal, 0);
        open.check_with_wal().unwrap();
        cut(&path, 2);
        open.check().unwrap();
        cut(&path, 0);
        assert_eq!(open.check().unwrap_err(), DiskTrouble::new(&path, DiskCause::CutShort));
    }

    #[test]
    fn a_removed_a_moved_and_a_replaced_file_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "one").unwrap();
        let kept = std::fs::File::open(&path).unwrap();
        let open = OpenFile::at(&path).unwrap();
        open.check().unwrap();
        let aside = folder.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        assert_eq!(open.check().unwrap_err().cause, DiskCause::Gone);
        std::fs::write(&path, "another").unwrap();
        assert_eq!(open.check().unwrap_err().cause, DiskCause::Gone, "another file took its place");
        std::fs::rename(&aside, &path).unwrap();
        open.check().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(open.check().is_err());
        drop(kept);
    }

    #[test]
    fn a_log_that_vanishes_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        let open = OpenFile::at(&path).unwrap();
        open.check_with_wal().unwrap();
        std::fs::write(wal_of(&path), "log").unwrap();
        open.check_with_wal().unwrap();
        std::fs::remove_file(wal_of(&path)).unwrap();
        assert_eq!(open.check_with_wal().unwrap_err().path, wal_of(&path));
    }

    #[test]
    fn a_log_that_its_owner_removed_is_taken_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        std::fs::write(wal_of(&path), "log").unwrap();
        let open = OpenFile::at(&path).unwrap();
        open.check_with_wal().unwrap();
        std::fs::remove_file(wal_of(&path)).unwrap();
        open.forget_wal();
        open.check_with_wal().unwrap();
        std::fs::write(wal_of(&path), "another").unwrap();
        open.check_with_wal().unwrap();
        std::fs::remove_file(wal_of(&path)).unwrap();
        assert!(open.check_with_wal().is_err());
    }

    #[test]
    fn the_log_of_a_linked_database_lies_beside_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (link, nothing) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let other = tempfile::tempdir().unwrap();
        let file = other.path().canonicalize().unwrap().join("c.db");
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::os::unix::fs::symlink("/no/such/file", &nothing).unwrap();
        assert_eq!(wal_of(&link), file.with_file_name("c.db-wal"));
        assert_eq!(wal_of(&nothing), folder.path().join("b.db-wal"));
    }
}
