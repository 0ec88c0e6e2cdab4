//! Received files kept on disk for a while: WhatsApp's media servers forget them after some weeks,
//! and callers like to fetch a file twice.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::NamedTempFile;
use whatsapp_rust::wacore::download::DownloadWriter;

use crate::life::credentials::create_folder;

/// Most bytes kept for one session; the oldest files go first.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;
/// How the names of files begin that are not complete.
const UNFINISHED: &str = ".unfinished-";

/// The kept files of one session, named by the SHA-256 of their content.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    most_bytes: u64,
}

/// A kept file, open for reading from its start.
pub(crate) struct Kept {
    pub file: File,
    pub length: u64,
}

impl Cache {
    /// The kept files of the session in this folder. What an earlier process left unfinished goes.
    pub(crate) fn new(session_folder: &Path) -> Self {
        let cache = Self { folder: session_folder.join("media"), most_bytes: MOST_BYTES };
        for entry in std::fs::read_dir(&cache.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with('.') {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        cache
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A kept file.
    pub(crate) async fn get(&self, sha256: &[u8]) -> Option<Kept> {
        let path = self.folder.join(hex::encode(sha256));
        let opened = tokio::task::spawn_blocking(move || Kept::of(File::open(path)?)).await;
        opened.ok()?.ok()
    }

    /// A file to write to, which [`Self::keep`] keeps. Dropped, it is removed.
    pub(crate) async fn begin(&self) -> io::Result<NamedTempFile> {
        let folder = self.folder.clone();
        let made = tokio::task::spawn_blocking(move || {
            create_folder(&folder).map_err(io::Error::other)?;
            tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&folder)
        });
        made.await.map_err(io::Error::other)?
    }

    /// Keeps a complete file under its name. Renamed, so that a reader never sees half of one.
    pub(crate) async fn keep(&self, sha256: &[u8], file: NamedTempFile) -> io::Result<Kept> {
        let (cache, path) = (self.clone(), self.folder.join(hex::encode(sha256)));
        let kept = tokio::task::spawn_blocking(move || {
            let kept = Kept::of(file.persist(path)?)?;
            cache.prune()?;
            Ok(kept)
        });
        kept.await.map_err(io::Error::other)?
    }

    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                continue;
            }
            let data = entry.metadata()?;
            files.push((data.modified()?, data.len(), entry.path()));
        }
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        files.sort();
        for (_, size, path) in files {
            if total <= self.most_bytes {
                break;
            }
            std::fs::remove_file(path)?;
            total -= size;
        }
        Ok(())
    }
}

impl Kept {
    fn of(mut file: File) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }
}

/// Writes to a file and no further than `limit`: the length that a message names is its sender's
/// word.
pub(crate) struct Bounded {
    pub file: File,
    pub limit: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.stream_position()? + bytes.len() as u64 > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl DownloadWriter for Bounded {
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn put(cache: &Cache, name: &[u8], content: &[u8]) {
        let mut file = cache.begin().await.unwrap();
        file.write_all(content).unwrap();
        assert_eq!(cache.keep(name, file).await.unwrap().length, content.len() as u64);
    }

    #[tokio::test]
    async fn files_are_kept_until_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { most_bytes: 250, ..Cache::new(folder.path()) };
        assert!(cache.get(&[1]).await.is_none());
        for name in 1..=3u8 {
            put(&cache, &[name], &[name; 100]).await;
            let path = folder.path().join("media").join(hex::encode([name]));
            if let Ok(file) = File::options().write(true).open(path) {
                file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(name)))
                    .unwrap();
            }
        }
        assert!(cache.get(&[1]).await.is_none(), "the oldest went");
        let mut content = Vec::new();
        io::Read::read_to_end(&mut cache.get(&[3]).await.unwrap().file, &mut content).unwrap();
        assert_eq!(content, [3u8; 100]);
    }

    #[tokio::test]
    async fn what_was_left_unfinished_goes_and_nothing_grows_beyond_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let left = cache.begin().await.unwrap();
        let (file, path) = left.keep().unwrap();
        let mut bounded = Bounded { file, limit: 10 };
        bounded.write_all(&[1; 10]).unwrap();
        assert!(bounded.write_all(&[1]).is_err());
        assert!(path.exists());
        let again = Cache::new(folder.path());
        assert!(!path.exists());
        drop(again.begin().await.unwrap());
        assert_eq!(std::fs::read_dir(folder.path().join("media")).unwrap().count(), 0);
    }
}
