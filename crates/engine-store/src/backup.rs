//! A copy of a store for a backup: a folder as Baileys keeps it, so that whatever reads backups reads this one, and any
//! Baileys or wakeeper can start from it.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use tempfile::TempDir;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::transfer::{self, LeftOut};

use crate::error::{NativeError, io, store};
use crate::examine::Examined;
use crate::read::NativeReading;
use crate::snapshot::{self, Copies, Found};
use crate::{DATABASE, SIDE_FILES, read, rows};

/// A copy in a private folder that is gone when the value is dropped.
#[derive(Debug)]
pub struct Copied {
    scratch: TempDir,
    /// What Baileys' files have no place for.
    pub left_out: Vec<LeftOut>,
}

impl Copied {
    /// The folder of Baileys' files.
    pub fn folder(&self) -> PathBuf {
        self.scratch.path().join("session")
    }

    /// Where Baileys would keep messages. They are rows of the gateway, so none is there; what an older Baileys left in its
    /// store is not this session's.
    pub fn store(&self) -> PathBuf {
        self.scratch.path().join("baileys_store.json")
    }
}

/// How a store is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copying {
    /// Byte by byte, through handles on regular files; SQLite opens only the copy. For every store that this process does
    /// not have open itself.
    ByHandle,
    /// By SQLite. For the store of a gateway in its own process: to close a second handle on a database gives up the locks
    /// of the whole process (sqlite.org/howtocorrupt.html, 2.2), so it must be SQLite's own.
    InProcess,
}

/// Copies a store as it is at one moment, also while its gateway writes. Two copies of a store that nobody wrote to in
/// between are equal.
///
/// # Errors
/// When it holds no login, is damaged, or cannot be copied.
pub async fn copy_as_baileys(
    database: &Path,
    copying: Copying,
    copies: &Copies,
) -> Result<Copied, NativeError> {
    let (scratch, changed_ms) = match copying {
        Copying::ByHandle => match snapshot::take(database, copies).await? {
            Found::Copied(taken) => {
                let changed_ms = taken.seen.changed_ms();
                (taken.into_scratch(), changed_ms)
            }
            Found::Other(kind) => {
                return Err(store("back up", database)(format!("it is {} instead of a file", kind.word())));
            }
        },
        Copying::InProcess => {
            // Keys are copied: the folder is 0700 and gone with the value.
            let scratch = tempfile::tempdir().map_err(io("make a private folder for a copy of", database))?;
            // What Baileys dates and this store does not is dated by the store's last change.
            let changed_ms = changed_ms(database)?;
            copies.one_more();
            rows::copy(database, &scratch.path().join(DATABASE)).await?;
            (scratch, changed_ms)
        }
    };
    let copy = scratch.path().join(DATABASE);
    if let Some(problem) = rows::check(&copy).await?.first() {
        return Err(store("back up", database)(problem));
    }
    let reading = read(&copy, changed_ms).await?;
    written(scratch, &reading, database).await
}

impl Examined {
    /// What was seen of the store, as [`copy_as_baileys`] would write it. The store is not copied again.
    ///
    /// # Errors
    /// When it holds no login, is damaged, or the files cannot be written.
    pub async fn as_baileys(&self) -> Result<Copied, NativeError> {
        let database = &self.report.path;
        let no_login = || NativeError::NoLogin { path: database.clone() };
        let reading = self.reading.as_ref().ok_or_else(no_login)?;
        // Keys are copied: the folder is 0700 and gone with the value.
        let scratch = tempfile::tempdir().map_err(io("make a private folder for a copy of", database))?;
        written(scratch, reading, database).await
    }
}

async fn written(scratch: TempDir, reading: &NativeReading, database: &Path) -> Result<Copied, NativeError> {
    let copied = Copied { scratch, left_out: reading.left_out.clone() };
    let folder = copied.folder();
    let files = transfer::write(&reading.session, Version::V7);
    let done = tokio::task::spawn_blocking(move || write(&folder, &files)).await;
    done.map_err(store("copy", database))?.map_err(io("write a copy of", database))?;
    Ok(copied)
}

/// The folder does not outlive the process, so nothing is synced.
fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)?;
    for (name, content) in files {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(name))?
            .write_all(content)?;
    }
    Ok(())
}

/// When a database was last written to, milliseconds since 1970.
pub(crate) fn changed_ms(database: &Path) -> Result<i64, NativeError> {
    let folder = database.parent().unwrap_or_else(|| Path::new("."));
    let of = |metadata: &Metadata| {
        let since = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok::<_, std::io::Error>(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    };
    let main = std::fs::metadata(database).and_then(|metadata| of(&metadata));
    let main_ms = main.map_err(io("examine", database))?;
    // The log of changes that are not in the database's own file yet. An empty one is made by whoever opens the database.
    let log = std::fs::metadata(folder.join(SIDE_FILES[0])).ok().filter(|log| log.len() > 0);
    Ok(log.and_then(|log| of(&log).ok()).map_or(main_ms, |log_ms| log_ms.max(main_ms)))
}
