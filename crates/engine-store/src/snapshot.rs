//! A private copy of a database that somebody else may control: a container's, or one in a folder that was handed in.
//!
//! SQLite opens by path, makes files beside a database, follows links, and does what a database's schema tells it to. So
//! the database and its `-wal` are copied byte by byte, each through a handle on a regular file in the folder, and only the
//! copy is opened. A `-journal` is never copied: a hot one may name any other file, which SQLite would then remove
//! (sqlite.org/atomiccommit.html, "Multi-file Commit"). What runs on the database goes on; no lock of it is waited for,
//! and none taken.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use wakeeper_doctor::source::{Entry, EntryKind, Folder, Limits, ReadError};

use crate::error::{NativeError, io, store};
use crate::{DATABASE, SIDE_FILES};

/// Bytes of a database, and of its log. One of 40,000 contacts has about 250 MB.
const LARGEST: u64 = 1 << 30;
/// A gateway that moves its log into the database at the wrong moment is given so many more chances.
const ATTEMPTS: usize = 8;
/// The beginning of a log changes whenever it begins anew (sqlite.org/fileformat2.html, "WAL Header").
const LOG_HEADER: usize = 32;

/// A copy in a private folder that is gone when the value is dropped.
#[derive(Debug)]
pub(crate) struct Snapshot {
    scratch: TempDir,
    /// What the original looked like.
    pub seen: Seen,
    /// Permission bits of the original.
    pub mode: u32,
}

/// What the path of a database leads to.
#[derive(Debug)]
pub(crate) enum Found {
    Copied(Snapshot),
    /// A link, a folder, a pipe: nothing is opened.
    Other(EntryKind),
}

impl Snapshot {
    /// The copy.
    pub(crate) fn database(&self) -> PathBuf {
        self.scratch.path().join(DATABASE)
    }

    /// The private folder.
    pub(crate) fn into_scratch(self) -> TempDir {
        self.scratch
    }
}

/// Counts the private copies that are made of databases. A database may have hundreds of megabytes, so how often one is
/// copied is promised, and counted by whoever promises it.
#[derive(Debug, Clone, Default)]
pub struct Copies(Arc<AtomicUsize>);

impl Copies {
    /// How many were made.
    pub fn made(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Copies a database as it is at one moment.
pub(crate) async fn take(database: &Path, copies: &Copies) -> Result<Found, NativeError> {
    let (path, copies) = (database.to_owned(), copies.clone());
    let taken = tokio::task::spawn_blocking(move || take_now(&path, &copies)).await;
    taken.map_err(store("copy", database))?
}

/// What a database looks like now, without its content.
pub(crate) async fn seen(database: &Path) -> Result<Seen, NativeError> {
    let path = database.to_owned();
    let seen = tokio::task::spawn_blocking(move || {
        let (folder, name) = open_folder(&path)?;
        look(&folder, &name).map_err(unreadable(&path))
    });
    seen.await.map_err(store("examine", database))?
}

fn unreadable(database: &Path) -> impl Fn(ReadError) -> NativeError {
    let path = database.to_owned();
    move |error| io("read", &path)(std::io::Error::other(error.to_string()))
}

fn take_now(database: &Path, copies: &Copies) -> Result<Found, NativeError> {
    let (folder, name) = open_folder(database)?;
    let unreadable = unreadable(database);
    let entry = folder.entry(&name).map_err(&unreadable)?;
    if entry.kind != EntryKind::File {
        return Ok(Found::Other(entry.kind));
    }
    for _ in 0..ATTEMPTS {
        // Keys are copied: the folder is 0700 and gone with the value.
        let scratch = tempfile::tempdir().map_err(io("make a private folder for a copy of", database))?;
        let before = match look(&folder, &name) {
            Ok(before) => before,
            Err(ReadError::NotRegular) => return Ok(Found::Other(EntryKind::Special)),
            Err(error) => return Err(unreadable(error)),
        };
        copies.one_more();
        let copied = copy(&folder, &name, &scratch.path().join(DATABASE)).and_then(|()| {
            match copy(&folder, &log_of(&name), &scratch.path().join(SIDE_FILES[0])) {
                Err(ReadError::Missing | ReadError::NotRegular) => Ok(()),
                copied => copied,
            }
        });
        match copied {
            Ok(()) | Err(ReadError::Missing) => {}
            Err(error) => return Err(unreadable(error)),
        }
        if look(&folder, &name).is_ok_and(|after| after == before) {
            return Ok(Found::Copied(Snapshot { scratch, seen: before, mode: entry.mode }));
        }
    }
    Err(store("copy", database)("it changes faster than it can be copied: stop what runs on it"))
}

/// The folder of a database, and its name in it.
pub(crate) fn open_folder(database: &Path) -> Result<(Folder, String), NativeError> {
    let parent = database.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = Folder::open(parent.unwrap_or_else(|| Path::new(".")));
    let folder = folder.map_err(|error| io("read", database)(std::io::Error::other(error.to_string())))?;
    Ok((folder, database.file_name().unwrap_or_default().to_string_lossy().into_owned()))
}

/// What tells that a copy is of one moment: new pages go to the end of the log, and the database's own file changes only
/// when the log's pages are moved into it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    inode: (u64, u64),
    database: (u64, i128),
    log: Option<(u64, Vec<u8>)>,
    /// Bytes of the log, and when it was written to. No part of what is compared for a copy: the log grows.
    log_written: Ignored<(u64, i128)>,
}

/// Equal to any other.
#[derive(Debug)]
struct Ignored<T>(T);

impl<T> PartialEq for Ignored<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Ignored<T> {}

impl Seen {
    /// When it was last written to, milliseconds since 1970.
    pub(crate) fn changed_ms(&self) -> i64 {
        let newest_ns = self.database.1.max(self.log_written.0.1);
        i64::try_from(newest_ns / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Whether nobody wrote since, to the end of the log either.
    pub(crate) fn is_still(&self, now: &Self) -> bool {
        self == now && self.log_written.0 == now.log_written.0
    }
}

fn look(folder: &Folder, name: &str) -> Result<Seen, ReadError> {
    let (file, entry) = open(folder, name)?;
    let metadata = file.metadata()?;
    let mut seen = Seen {
        inode: (metadata.dev(), metadata.ino()),
        database: (entry.len, entry.modified_ns),
        log: None,
        log_written: Ignored((0, 0)),
    };
    match open(folder, &log_of(name)) {
        Ok((file, entry)) => {
            let mut header = Vec::new();
            let inode = file.metadata()?.ino();
            file.take(LOG_HEADER as u64).read_to_end(&mut header)?;
            // An empty log is made by whoever opens the database.
            if entry.len > 0 {
                seen.log_written = Ignored((entry.len, entry.modified_ns));
                seen.log = Some((inode, header));
            }
        }
        Err(ReadError::Missing | ReadError::NotRegular) => {}
        Err(error) => return Err(error),
    }
    Ok(seen)
}

fn open(folder: &Folder, name: &str) -> Result<(File, Entry), ReadError> {
    let (file, entry) = folder.open_file(name, &Limits { file: LARGEST, ..Limits::default() })?;
    // A hard link makes another user's login look like one of this folder.
    if entry.uid != folder.itself()?.uid && file.metadata()?.nlink() > 1 {
        return Err(ReadError::Foreign(format!("it is a hard link to a file of user {}", entry.uid)));
    }
    Ok((file, entry))
}

fn log_of(name: &str) -> String {
    format!("{name}-wal")
}

fn copy(folder: &Folder, name: &str, to: &Path) -> Result<(), ReadError> {
    let (file, _) = open(folder, name)?;
    let mut from = file.take(LARGEST + 1);
    let mut copy = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let len = std::io::copy(&mut from, &mut copy)?;
    if len > LARGEST {
        return Err(ReadError::TooLarge { len, limit: LARGEST });
    }
    Ok(copy.flush()?)
}
