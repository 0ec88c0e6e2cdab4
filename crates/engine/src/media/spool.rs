//! Files on their way: what callers send and what is fetched for them lies on disk, not in memory,
//! and the sum of it is bounded.
//!
//! The files have no name, so nobody else can open them and nothing is left of them when the
//! process ends, however it ends.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room is given out in pieces of so many bytes.
const PIECE: u64 = 64 << 10;
/// So many bytes are collected before they are written.
const BUFFER: usize = 128 << 10;
/// How long a file waits for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a file could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Other files take all the room.
    #[error("too many files are on their way at the same time")]
    Full,
    /// The disk did not take it.
    #[error("a file on its way cannot be kept in {}: {source}", folder.display())]
    Disk {
        /// Where it was to lie.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A place for files on their way. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Spool {
    folder: Arc<Path>,
    room: Arc<Semaphore>,
    patience: Duration,
}

impl Spool {
    /// A place in `folder`, which must exist, for `most` bytes in all.
    #[must_use]
    pub fn new(folder: &Path, most: u64) -> Self {
        let pieces = usize::try_from(most / PIECE).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self { folder: folder.into(), room: Arc::new(Semaphore::new(pieces)), patience: PATIENCE }
    }

    /// Begins a file whose length is not known yet.
    #[must_use]
    pub fn begin(&self) -> Draft {
        Draft { spool: self.clone(), file: None, written: 0, buffer: Vec::new(), room: None }
    }

    /// Room for `length` bytes, and an empty file to write them to.
    pub(crate) async fn reserve(&self, length: u64) -> Result<(File, OwnedSemaphorePermit), SpoolError> {
        let room = self.take(length.div_ceil(PIECE).max(1)).await?;
        let folder = Arc::clone(&self.folder);
        let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(&folder)).await;
        Ok((self.disk(made)?, room))
    }

    /// A file of these bytes.
    pub(crate) async fn keep(&self, bytes: &[u8]) -> Result<Arc<Spooled>, SpoolError> {
        let mut draft = self.begin();
        draft.write(bytes).await?;
        Ok(Arc::new(draft.finish().await?))
    }

    async fn take(&self, pieces: u64) -> Result<OwnedSemaphorePermit, SpoolError> {
        let pieces = u32::try_from(pieces).map_err(|_| SpoolError::Full)?;
        let taken = Arc::clone(&self.room).acquire_many_owned(pieces);
        match tokio::time::timeout(self.patience, taken).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(SpoolError::Full),
        }
    }

    fn disk<T>(&self, done: Result<io::Result<T>, tokio::task::JoinError>) -> Result<T, SpoolError> {
        done.map_err(io::Error::other)
            .flatten()
            .map_err(|source| SpoolError::Disk { folder: self.folder.to_path_buf(), source })
    }
}

/// A file that is being written.
pub struct Draft {
    spool: Spool,
    file: Option<Arc<File>>,
    /// Bytes on disk.
    written: u64,
    buffer: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Draft {
    /// Bytes so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Adds bytes. Waits a while for room.
    ///
    /// # Errors
    /// When there is no room, or the disk does not take them.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER { self.flush().await } else { Ok(()) }
    }

    /// The finished file.
    ///
    /// # Errors
    /// See [`Self::write`].
    pub async fn finish(mut self) -> Result<Spooled, SpoolError> {
        self.flush().await?;
        let (file, room) = if let (Some(file), Some(room)) = (self.file, self.room) {
            (file, room)
        } else {
            let (file, room) = self.spool.reserve(0).await?;
            (Arc::new(file), room)
        };
        Ok(Spooled { file, length: self.written, _room: room })
    }

    async fn flush(&mut self) -> Result<(), SpoolError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let needed = self.length().div_ceil(PIECE);
        let held = self.room.as_ref().map_or(0, |room| room.num_permits() as u64);
        if needed > held {
            let more = self.spool.take(needed - held).await?;
            match &mut self.room {
                Some(room) => room.merge(more),
                None => self.room = Some(more),
            }
        }
        let (at, bytes) = (self.written, std::mem::take(&mut self.buffer));
        self.written += bytes.len() as u64;
        let (known, folder) = (self.file.take(), Arc::clone(&self.spool.folder));
        let write = move || {
            let file = match known {
                Some(file) => file,
                None => Arc::new(tempfile::tempfile_in(&folder)?),
            };
            file.write_all_at(&bytes, at)?;
            Ok(file)
        };
        let file = self.spool.disk(tokio::task::spawn_blocking(write).await)?;
        self.file = Some(file);
        Ok(())
    }
}

/// A file on its way. Its room is free again when it is dropped.
pub struct Spooled {
    file: Arc<File>,
    length: u64,
    _room: OwnedSemaphorePermit,
}

impl Spooled {
    pub(crate) fn new(file: File, length: u64, room: OwnedSemaphorePermit) -> Self {
        Self { file: Arc::new(file), length, _room: room }
    }

    /// A file that was written by somebody else, for whom more room was taken than it needs: the rest is free again.
    pub(crate) fn with_room_to_spare(file: File, length: u64, mut room: OwnedSemaphorePermit) -> Self {
        let needed = usize::try_from(length.div_ceil(PIECE).max(1)).unwrap_or(usize::MAX);
        drop(room.split(room.num_permits().saturating_sub(needed)));
        Self::new(file, length, room)
    }

    /// As the standard input of a program, which opens it anew by its number.
    pub(crate) fn stdio(&self) -> io::Result<Stdio> {
        Ok(self.file.try_clone()?.into())
    }

    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads it from `offset` on. Reading blocks.
    #[must_use]
    pub fn reader(self: &Arc<Self>, offset: u64) -> Reader {
        Reader { spooled: Arc::clone(self), at: offset }
    }
}

impl PartialEq for Spooled {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
    }
}

impl Eq for Spooled {}

impl std::fmt::Debug for Spooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spooled({} bytes)", self.length)
    }
}

/// Reads a [`Spooled`] file; many may read at the same time.
pub struct Reader {
    spooled: Arc<Spooled>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.spooled.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_read_as_they_were_written_and_have_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), 1 << 20);
        let content: Vec<u8> = (0..300_000u32).map(|number| (number % 251) as u8).collect();
        let mut draft = spool.begin();
        for piece in content.chunks(7_001) {
            draft.write(piece).await.unwrap();
        }
        assert_eq!(draft.length(), 300_000);
        let spooled = Arc::new(draft.finish().await.unwrap());
        let mut read = Vec::new();
        spooled.reader(0).read_to_end(&mut read).unwrap();
        assert!(read == content);
        let mut rest = Vec::new();
        spooled.reader(299_990).read_to_end(&mut rest).unwrap();
        assert_eq!(rest, content[299_990..]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(spool.begin().finish().await.unwrap().length(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_sum_is_bounded_and_room_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), 4 * PIECE);
        let mut first = spool.begin();
        first.write(&vec![1; 3 * PIECE as usize]).await.unwrap();
        let mut second = spool.begin();
        let refused = second.write(&vec![1; 2 * PIECE as usize]).await;
        assert!(matches!(refused, Err(SpoolError::Full)), "{refused:?}");
        drop(second);
        let first = first.finish().await.unwrap();
        assert_eq!(spool.room.available_permits(), 1);
        drop(first);
        assert_eq!(spool.room.available_permits(), 4);
    }
}
