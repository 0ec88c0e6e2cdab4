//! Received files kept on disk for a while: WhatsApp's media servers forget them after some weeks,
//! and callers like to fetch a file twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tempfile::NamedTempFile;
use whatsapp_rust::wacore::download::DownloadWriter;

use crate::life::credentials::create_folder;

/// How the names of files begin that are not complete.
const UNFINISHED: &str = ".unfinished-";
/// Files that are removed in one go; whoever keeps one meanwhile waits no longer than for these.
const STEP: usize = 100;

/// The kept files of one session, named by the SHA-256 of their content.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// Most bytes; the oldest files go first.
    most_bytes: u64,
    /// What is kept, once somebody had to know: the folder is listed once, however many files it gets.
    files: Arc<Mutex<Option<Files>>>,
}

/// A kept file, open for reading from its start.
pub(crate) struct Kept {
    pub file: File,
    pub length: u64,
}

/// Which files there are, the oldest first.
#[derive(Debug, Default)]
struct Files {
    by_time: BTreeMap<(SystemTime, Box<str>), u64>,
    times: BTreeMap<Box<str>, SystemTime>,
    bytes: u64,
}

impl Files {
    fn listed(folder: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if let Some(name) = name.to_str().filter(|name| !name.starts_with(UNFINISHED)) {
                let data = entry.metadata()?;
                files.add(name, data.modified()?, data.len());
            }
        }
        Ok(files)
    }

    /// One of the same name was replaced.
    fn add(&mut self, name: &str, time: SystemTime, bytes: u64) {
        self.forget(name);
        self.by_time.insert((time, name.into()), bytes);
        self.times.insert(name.into(), time);
        self.bytes += bytes;
    }

    fn forget(&mut self, name: &str) {
        let Some((name, time)) = self.times.remove_entry(name) else { return };
        self.bytes -= self.by_time.remove(&(time, name)).unwrap_or_default();
    }

    /// Removes the oldest ones from the disk, as long as they are `unwanted`; answers how many.
    fn remove(&mut self, folder: &Path, unwanted: impl Fn(&Self, SystemTime) -> bool) -> io::Result<usize> {
        for removed in 0..STEP {
            let oldest = self.by_time.keys().next().map(|(time, name)| (*time, name.clone()));
            let Some((_, name)) = oldest.filter(|(time, _)| unwanted(self, *time)) else {
                return Ok(removed);
            };
            match std::fs::remove_file(folder.join(&*name)) {
                // Somebody else removed it.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.forget(&name),
            }
        }
        Ok(STEP)
    }
}

impl Cache {
    /// The kept files of the session in this folder. What an earlier process left unfinished goes.
    pub(crate) fn new(session_folder: &Path, most_bytes: u64) -> Self {
        let cache = Self { folder: session_folder.join("media"), most_bytes, files: Arc::default() };
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
        let (cache, name) = (self.clone(), hex::encode(sha256));
        let kept = tokio::task::spawn_blocking(move || {
            let kept = Kept::of(file.persist(cache.folder.join(&name))?)?;
            let time = kept.file.metadata()?.modified()?;
            cache.known()?.get_or_insert_default().add(&name, time, kept.length);
            while cache.remove(|files, _| files.bytes > cache.most_bytes)? == STEP {}
            Ok(kept)
        });
        kept.await.map_err(io::Error::other)?
    }

    /// Removes files that were kept before this moment; answers how many. A session that never got any has no folder.
    pub(crate) async fn forget_older(&self, before: SystemTime) -> io::Result<u64> {
        let cache = self.clone();
        let removed = tokio::task::spawn_blocking(move || {
            if !cache.folder.is_dir() {
                return Ok(0);
            }
            let mut all = 0;
            loop {
                let removed = cache.remove(|_, time| time < before)?;
                all += removed as u64;
                if removed < STEP {
                    return Ok(all);
                }
            }
        });
        removed.await.map_err(io::Error::other)?
    }

    fn remove(&self, unwanted: impl Fn(&Files, SystemTime) -> bool) -> io::Result<usize> {
        self.known()?.get_or_insert_default().remove(&self.folder, unwanted)
    }

    /// What is kept; the folder is listed when that is not known yet.
    fn known(&self) -> io::Result<MutexGuard<'_, Option<Files>>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.is_none() {
            *files = Some(Files::listed(&self.folder)?);
        }
        Ok(files)
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

    /// Kept so many seconds after 1970.
    async fn put(cache: &Cache, name: u8, seconds: u64) {
        let mut file = cache.begin().await.unwrap();
        file.write_all(&[name; 100]).unwrap();
        file.as_file().set_modified(at(seconds)).unwrap();
        assert_eq!(cache.keep(&[name], file).await.unwrap().length, 100);
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)
    }

    fn names(folder: &Path) -> Vec<String> {
        let items = std::fs::read_dir(folder.join("media")).unwrap();
        let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn files_are_kept_until_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 250);
        assert!(cache.get(&[1]).await.is_none());
        for name in 1..=3u8 {
            put(&cache, name, u64::from(name)).await;
        }
        assert!(cache.get(&[1]).await.is_none(), "the oldest went");
        let mut content = Vec::new();
        io::Read::read_to_end(&mut cache.get(&[3]).await.unwrap().file, &mut content).unwrap();
        assert_eq!(content, [3u8; 100]);
        put(&cache, 2, 9).await;
        put(&cache, 4, 10).await;
        assert_eq!(names(folder.path()), ["02", "04"], "one that is kept anew is new, and counts once");
    }

    #[tokio::test]
    async fn the_folder_is_listed_once_and_not_for_each_file() {
        let folder = tempfile::tempdir().unwrap();
        let media = folder.path().join("media");
        put(&Cache::new(folder.path(), 1000), 1, 1).await;
        let cache = Cache::new(folder.path(), 250);
        put(&cache, 2, 2).await;
        // Whoever lists the folder again finds that this is too much.
        std::fs::write(media.join("from-elsewhere"), [0; 1000]).unwrap();
        std::fs::remove_file(media.join("01")).unwrap();
        put(&cache, 3, 3).await;
        assert_eq!(
            names(folder.path()),
            ["02", "03", "from-elsewhere"],
            "one that is gone already is no error"
        );
        put(&Cache::new(folder.path(), 250), 4, 4).await;
        assert!(!media.join("02").exists(), "another process lists it");
    }

    #[tokio::test]
    async fn files_are_forgotten_by_age() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 1 << 20);
        assert_eq!(cache.forget_older(at(100)).await.unwrap(), 0, "nothing was ever kept");
        for name in 0..=250u8 {
            put(&cache, name, u64::from(name)).await;
        }
        assert_eq!(cache.forget_older(at(240)).await.unwrap(), 240);
        assert_eq!(Cache::new(folder.path(), 1 << 20).forget_older(at(249)).await.unwrap(), 9);
        assert_eq!(names(folder.path()), ["f9", "fa"]);
    }

    #[tokio::test]
    async fn what_was_left_unfinished_goes_and_nothing_grows_beyond_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path(), 1 << 20);
        let left = cache.begin().await.unwrap();
        let (file, path) = left.keep().unwrap();
        let mut bounded = Bounded { file, limit: 10 };
        bounded.write_all(&[1; 10]).unwrap();
        assert!(bounded.write_all(&[1]).is_err());
        assert!(path.exists());
        let again = Cache::new(folder.path(), 1 << 20);
        assert!(!path.exists());
        drop(again.begin().await.unwrap());
        assert_eq!(std::fs::read_dir(folder.path().join("media")).unwrap().count(), 0);
    }
}
