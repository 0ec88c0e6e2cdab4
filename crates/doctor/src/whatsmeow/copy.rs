//! A private copy of a store, taken by handles on regular files, also while its gateway writes.
//!
//! whatsmeow's gateways use either of SQLite's journals. In a write-ahead log new pages go to its end, and the database's own
//! file changes only when pages are moved into it. A rollback journal lies beside the database while a transaction is
//! written; with it, the copy is what was there before. So a copy is of one moment when neither the database nor the
//! journal changed meanwhile and the log was not begun anew. A journal that names another file is not copied: SQLite would
//! remove that file (sqlite.org/atomiccommit.html, "Multi-file Commit"). No lock is taken, and none is waited for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{StoreError, failed};
use crate::source::{EntryKind, Folder, Limits, ReadError};

/// Bytes of a store, and of what lies beside it. Gateways keep messages in it too.
const LARGEST: u64 = 1 << 30;
/// A gateway that writes at the wrong moment is given so many more chances.
const ATTEMPTS: usize = 8;
/// The beginning of a log changes whenever it begins anew.
const LOG_HEADER: u64 = 32;
/// What a journal ends with when it names another file.
const NAMES_ANOTHER: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// The copy's name.
const NAME: &str = "store.db";

/// A copy in a private folder that is gone when the value is dropped.
#[derive(Debug)]
pub(super) struct PrivateCopy {
    scratch: TempDir,
    /// What the original looked like.
    pub(super) seen: Seen,
}

impl PrivateCopy {
    /// The copy.
    pub(super) fn database(&self) -> PathBuf {
        self.scratch.path().join(NAME)
    }

    /// The private folder.
    pub(super) fn folder(&self) -> &Path {
        self.scratch.path()
    }
}

/// A file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    inode: u64,
    len: u64,
    modified_ns: i128,
}

/// A store and what lies beside it, as they were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    database: Part,
    journal: Option<Part>,
    log: Option<Part>,
    log_header: Vec<u8>,
}

impl Seen {
    /// Bytes of the database and its log.
    pub(super) fn bytes(&self) -> u64 {
        self.database.len.saturating_add(self.log.as_ref().map_or(0, |log| log.len))
    }

    /// Whether what was copied is of one moment, when the store looks like this afterwards. A log may have grown.
    fn is_of_one_moment(&self, after: &Self) -> bool {
        let log = |seen: &Self| (seen.log.as_ref().map(|log| log.inode), seen.log_header.clone());
        self.database == after.database && self.journal == after.journal && log(self) == log(after)
    }
}

/// What the store looks like now.
pub(super) fn look(database: &Path) -> Result<Seen, StoreError> {
    let (folder, name) = folder_of(database)?;
    look_in(&folder, &name).map_err(failed("read", database))
}

/// Copies a store.
pub(super) fn take(database: &Path) -> Result<PrivateCopy, StoreError> {
    let (folder, name) = folder_of(database)?;
    let unreadable = failed::<ReadError>("read", database);
    for _ in 0..ATTEMPTS {
        let scratch = tempfile::tempdir().map_err(failed("make a private folder for a copy of", database))?;
        let seen = look_in(&folder, &name).map_err(&unreadable)?;
        for ending in ["", "-wal", "-journal"] {
            let from = format!("{name}{ending}");
            let copied = copy(&folder, &from, &scratch.path().join(format!("{NAME}{ending}")));
            match copied {
                Ok(()) => {}
                Err(ReadError::Missing) if !ending.is_empty() => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        if look_in(&folder, &name).is_ok_and(|after| seen.is_of_one_moment(&after)) {
            return Ok(PrivateCopy { scratch, seen });
        }
    }
    Err(StoreError::Changing { path: database.to_owned() })
}

/// The folder of a store, and its name in it.
pub(super) fn folder_of(database: &Path) -> Result<(Folder, String), StoreError> {
    let parent = database.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = Folder::open(parent.unwrap_or_else(|| Path::new("."))).map_err(failed("read", database))?;
    let name = database.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((folder, name))
}

/// Refuses what SQLite would follow or remove for a stranger: links, and a journal that names another file.
pub(super) fn check_beside(database: &Path) -> Result<(), StoreError> {
    let (folder, name) = folder_of(database)?;
    for ending in ["", "-wal", "-shm", "-journal"] {
        match folder.entry(&format!("{name}{ending}")) {
            Ok(entry) if entry.kind == EntryKind::File => {}
            Err(ReadError::Missing) if !ending.is_empty() => {}
            _ => return Err(failed("open", database)(format!("{name}{ending} is not a regular file"))),
        }
    }
    match open(&folder, &format!("{name}-journal")) {
        Ok((mut journal, _)) => check_journal(&mut journal).map_err(failed("open", database)),
        Err(_) => Ok(()),
    }
}

fn look_in(folder: &Folder, name: &str) -> Result<Seen, ReadError> {
    let part = |ending: &str| match open(folder, &format!("{name}{ending}")) {
        Ok((file, part)) => Ok(Some((file, part))),
        Err(ReadError::Missing) => Ok(None),
        Err(error) => Err(error),
    };
    let (_, database) = part("")?.ok_or(ReadError::Missing)?;
    // One without a beginning is no journal: it was finished.
    let journal = match part("-journal")? {
        Some((file, part)) => {
            let mut first = Vec::new();
            file.take(1).read_to_end(&mut first)?;
            first.first().filter(|byte| **byte != 0).map(|_| part)
        }
        None => None,
    };
    let mut log_header = Vec::new();
    let log = match part("-wal")? {
        Some((file, part)) if part.len > 0 => {
            file.take(LOG_HEADER).read_to_end(&mut log_header)?;
            Some(part)
        }
        _ => None,
    };
    Ok(Seen { database, journal, log, log_header })
}

fn open(folder: &Folder, name: &str) -> Result<(File, Part), ReadError> {
    let (file, entry) = folder.open_file(name, &Limits { file: LARGEST, ..Limits::default() })?;
    let metadata = file.metadata()?;
    // A hard link makes another user's login look like one of this folder.
    if entry.uid != folder.itself()?.uid && metadata.nlink() > 1 {
        return Err(ReadError::Foreign(format!("it is a hard link to a file of user {}", entry.uid)));
    }
    Ok((file, Part { inode: metadata.ino(), len: entry.len, modified_ns: entry.modified_ns }))
}

fn copy(folder: &Folder, name: &str, to: &Path) -> Result<(), ReadError> {
    let (mut file, _) = open(folder, name)?;
    if name.ends_with("-journal") {
        check_journal(&mut file)?;
    }
    let mut from = file.take(LARGEST + 1);
    let mut copy = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let len = std::io::copy(&mut from, &mut copy)?;
    if len > LARGEST {
        return Err(ReadError::TooLarge { len, limit: LARGEST });
    }
    Ok(copy.flush()?)
}

fn check_journal(journal: &mut File) -> Result<(), ReadError> {
    let mut end = [0; 8];
    let len = journal.metadata()?.len();
    if len >= 8 {
        journal.seek(SeekFrom::End(-8))?;
        journal.read_exact(&mut end)?;
        journal.rewind()?;
    }
    if end == NAMES_ANOTHER {
        let what = "its journal names another file, which no gateway on whatsmeow writes";
        return Err(ReadError::Foreign(what.to_owned()));
    }
    Ok(())
}
