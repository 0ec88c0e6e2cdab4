//! Opens what holds a session. The only place of the library that reads from the file system.
//!
//! A session folder is hostile input: other programs write into it while we look, it may hold links, pipes,
//! devices and files of any size. So every access goes through a handle on the folder (nothing outside it
//! can be reached by swapping a path), never follows a link, never opens what is not a regular file, and
//! never reads beyond a limit.

use std::ffi::CStr;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use wakeeper_private_fs::{self as private_fs, Entered, FsError, Wanted};

/// What may be read at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries of a folder or an archive.
    pub entries: usize,
    /// Bytes of one file. The largest genuine one seen is a sender key of 0.5 MB; app-state versions of old
    /// accounts reach a few megabytes. Larger ones are findings and are not read.
    pub file: u64,
    /// Bytes of all files of a session together. One of 100,000 files has about 300 MB.
    pub total: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 200_000, file: 16 << 20, total: 1 << 30 }
    }
}

/// Entries that are only counted. More of them take a minute to count.
const OTHERS: usize = 5_000_000;

/// Why a folder or a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The folder itself cannot be opened.
    #[error("cannot open the folder {path}: {reason}")]
    Open {
        /// As the caller named it.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// Its entries cannot be listed.
    #[error("cannot list the folder {path}: {reason}")]
    List {
        /// As the caller named it.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
    /// More entries than [`Limits::entries`].
    #[error("the folder {path} holds more than {limit} entries")]
    TooMany {
        /// As the caller named it.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// More bytes than [`Limits::total`].
    #[error(
        "the files of the session in {path} have {bytes} bytes together, more than the limit of {limit}: no session is so \
         large. Look what is in the folder; nothing in it was read"
    )]
    TooMuch {
        /// As the caller named it.
        path: PathBuf,
        /// Their bytes.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
}

/// Why there is no session where one was named.
#[derive(Debug, thiserror::Error)]
pub enum NoSessionFolder {
    /// Something else stands there.
    #[error("{path} is a file, not a session folder")]
    File {
        /// What was named.
        path: PathBuf,
    },
    /// Nothing does.
    #[error(
        "there is no session folder {path}{}", if meant.is_empty() {
            "; name the folder that holds auth_info with --data-dir, or the session's own folder with --auth-info-dir"
        } else {
            meant.as_str()
        }
    )]
    Missing {
        /// What was named.
        path: PathBuf,
        /// What lies beside it and may have been meant; empty when nothing does.
        meant: String,
    },
}

/// Tells a session folder that does not exist from an empty one: the path is probably wrong.
///
/// # Errors
/// When there is no folder at the path.
pub fn require_session_folder(path: &Path) -> Result<(), NoSessionFolder> {
    if path.is_dir() {
        return Ok(());
    }
    let shown = private_fs::shown(path);
    Err(if path.exists() {
        NoSessionFolder::File { path: shown }
    } else {
        NoSessionFolder::Missing { path: shown, meant: crate::layout::meant_by(path) }
    })
}

/// Why one file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such entry (any more).
    #[error("it does not exist")]
    Missing,
    /// A directory, link, pipe, socket or device.
    #[error("it is not a regular file")]
    NotRegular,
    /// A hard link to somebody else's file, or a mount: what stands there is not this folder's.
    #[error("{0}")]
    Foreign(String),
    /// Longer than [`Limits::file`].
    #[error("it has {len} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Its length.
        len: u64,
        /// The limit.
        limit: u64,
    },
    /// The system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl From<FsError> for ReadError {
    fn from(error: FsError) -> Self {
        match error {
            FsError::Missing => Self::Missing,
            FsError::NotRegular | FsError::LeadsOut => Self::NotRegular,
            foreign @ (FsError::Foreign { .. } | FsError::Mount) => Self::Foreign(foreign.to_string()),
            other => Self::Io(other.into_io()),
        }
    }
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, socket or device.
    Special,
}

impl EntryKind {
    pub(crate) fn of(stat: &Stat) -> Self {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Link,
            _ => Self::Special,
        }
    }

    /// The word for it in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Link => "a symbolic link",
            Self::Special => "a pipe, socket or device",
        }
    }
}

/// One entry of a folder, as it was when it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name; names that are not Unicode carry U+FFFD and cannot be opened.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Length in bytes.
    pub len: u64,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of its content, nanoseconds since 1970.
    pub modified_ns: i128,
}

impl Entry {
    fn new(name: String, stat: &Stat) -> Self {
        Self {
            name,
            kind: EntryKind::of(stat),
            len: u64::try_from(stat.st_size).unwrap_or(0),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            modified_ns: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        }
    }

    /// A regular file that exists only in memory, as when a backup is examined.
    pub fn in_memory(name: &str, len: u64) -> Self {
        Self {
            name: name.to_owned(),
            kind: EntryKind::File,
            len,
            mode: 0o600,
            uid: 0,
            gid: 0,
            modified_ns: 0,
        }
    }
}

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    inner: private_fs::Folder,
}

impl Folder {
    /// Opens a folder. The path itself may be a link: the operator named it. A container's folder is named by the path of
    /// its handle ([`private_fs::Folder::path`]), and stays as confined as that handle is.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let inner = private_fs::Folder::named(path)
            .map_err(|error| SourceError::Open { path: private_fs::shown(path), reason: error.into_io() })?;
        Ok(Self { inner })
    }

    /// A folder in this one, which must not be a link.
    pub(crate) fn below(&self, name: &str) -> Result<Self, ReadError> {
        plain_name(name)?;
        Ok(Self { inner: self.inner.below(Path::new(name))? })
    }

    /// A folder below this one, by a path of which no part is a link.
    pub(crate) fn beneath(&self, path: &Path) -> Result<Self, ReadError> {
        let mut folder = None;
        for part in path {
            let name = part.to_str().ok_or(ReadError::Missing)?;
            folder = Some(folder.as_ref().unwrap_or(self).below(name)?);
        }
        folder.ok_or(ReadError::Missing)
    }

    /// The path that people know it by.
    pub fn path(&self) -> &Path {
        self.inner.shown()
    }

    /// The handle, for operations relative to the folder.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.inner.fd()
    }

    /// The folder below all this.
    pub(crate) fn confined(&self) -> &private_fs::Folder {
        &self.inner
    }

    /// Puts on the rights that the folder is used with, for operations on its handle.
    pub(crate) fn enter(&self) -> Result<Entered, ReadError> {
        Ok(self.inner.enter()?)
    }

    /// The folder's own permission bits, owner and times.
    pub fn itself(&self) -> Result<Entry, ReadError> {
        Ok(Entry::new(String::new(), &self.inner.stat()?))
    }

    /// All entries, sorted by name.
    pub fn list(&self, limits: &Limits) -> Result<Vec<Entry>, SourceError> {
        Ok(self.list_some(limits, |_| true)?.0)
    }

    /// The entries with names that are to be kept, sorted by name, and how many others there are.
    pub(crate) fn list_some(
        &self,
        limits: &Limits,
        mut keep: impl FnMut(&str) -> bool,
    ) -> Result<(Vec<Entry>, usize), SourceError> {
        let (mut entries, mut others) = (Vec::new(), 0);
        let wanted = |name: &CStr| {
            if keep(&name.to_string_lossy()) {
                return Wanted::Yes;
            }
            others += 1;
            if others == OTHERS { Wanted::NoMore } else { Wanted::No }
        };
        let mut too_many = false;
        let listed = self.inner.list_wanted(wanted, |name, stat| {
            too_many = entries.len() == limits.entries;
            if !too_many {
                entries.push(Entry::new(name.to_string_lossy().into_owned(), &stat));
            }
            !too_many
        });
        too_many |= others == OTHERS;
        let path = || self.path().to_owned();
        listed.map_err(|error| SourceError::List { path: path(), reason: error.into_io() })?;
        if too_many {
            return Err(SourceError::TooMany { path: path(), limit: limits.entries });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((entries, others))
    }

    /// What an entry is now.
    pub fn entry(&self, name: &str) -> Result<Entry, ReadError> {
        plain_name(name)?;
        Ok(Entry::new(name.to_owned(), &self.inner.entry(name)?))
    }

    /// The whole content of a regular file.
    pub fn read(&self, name: &str, limits: &Limits) -> Result<Vec<u8>, ReadError> {
        let (file, entry) = self.open_file(name, limits)?;
        let mut content = Vec::with_capacity(entry.len as usize);
        file.take(limits.file + 1).read_to_end(&mut content)?;
        let len = content.len() as u64;
        if len > limits.file {
            return Err(ReadError::TooLarge { len, limit: limits.file });
        }
        Ok(content)
    }

    /// Opens a regular file for reading in pieces.
    pub fn open_file(&self, name: &str, limits: &Limits) -> Result<(std::fs::File, Entry), ReadError> {
        plain_name(name)?;
        let (file, stat) = self.inner.open_file(name)?;
        let entry = Entry::new(name.to_owned(), &stat);
        if entry.len > limits.file {
            return Err(ReadError::TooLarge { len: entry.len, limit: limits.file });
        }
        Ok((file, entry))
    }
}

/// Whether a name cannot leave the folder.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

fn plain_name(name: &str) -> Result<(), ReadError> {
    if is_plain(name) { Ok(()) } else { Err(ReadError::Missing) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;
    use std::os::unix::fs::symlink;

    #[test]
    fn opens_only_regular_files_inside() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "outside").unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("plain"), "inside").unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        symlink(outside.path().join("secret"), dir.path().join("link")).unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();

        let folder = Folder::open(dir.path()).unwrap();
        let limits = Limits::default();
        assert_eq!(folder.read("plain", &limits).unwrap(), b"inside");
        for name in ["sub", "link", "fifo", "socket"] {
            assert!(matches!(folder.read(name, &limits), Err(ReadError::NotRegular)), "{name}");
        }
        for name in ["../secret", "sub/../plain", "", ".", "..", "absent"] {
            assert!(matches!(folder.read(name, &limits), Err(ReadError::Missing)), "{name}");
        }
        let kinds: Vec<_> = folder.list(&limits).unwrap().into_iter().map(|e| (e.name, e.kind)).collect();
        let expected = [
            ("fifo", EntryKind::Special),
            ("link", EntryKind::Link),
            ("plain", EntryKind::File),
            ("socket", EntryKind::Special),
            ("sub", EntryKind::Directory),
        ];
        assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn reads_and_lists_within_limits() {
        let dir = tempfile::tempdir().unwrap();
        let big = std::fs::File::create(dir.path().join("big")).unwrap();
        big.set_len(1 << 40).unwrap();
        std::fs::write(dir.path().join("small"), [7; 10]).unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert!(matches!(folder.read("big", &Limits::default()), Err(ReadError::TooLarge { .. })));
        let tight = Limits { entries: 1, file: 9, ..Limits::default() };
        assert!(matches!(folder.read("small", &tight), Err(ReadError::TooLarge { .. })));
        assert!(matches!(folder.list(&tight), Err(SourceError::TooMany { limit: 1, .. })));
    }
}
