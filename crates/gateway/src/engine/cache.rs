//! Received files kept on disk for a while: WhatsApp's media servers forget them after some weeks,
//! and callers like to fetch a file twice.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;

use super::credentials::create_folder;

/// Most bytes kept for one session; the oldest files go first.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// The kept files of one session, named by the SHA-256 of their content.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    most_bytes: u64,
}

impl Cache {
    pub(super) fn new(session_folder: &Path) -> Self {
        Self { folder: session_folder.join("media"), most_bytes: MOST_BYTES }
    }

    /// A kept file.
    pub(super) async fn get(&self, sha256: &[u8]) -> Option<Bytes> {
        tokio::fs::read(self.folder.join(hex::encode(sha256))).await.ok().map(Bytes::from)
    }

    /// Keeps a file. A failure costs nothing but the next download.
    pub(super) async fn put(&self, sha256: &[u8], bytes: Bytes) {
        let (cache, name) = (self.clone(), hex::encode(sha256));
        let written = tokio::task::spawn_blocking(move || cache.write(&name, &bytes)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "a received file could not be kept");
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        create_folder(&self.folder).map_err(io::Error::other)?;
        // Written beside and renamed, so that a reader never sees half a file.
        let beside = self.folder.join(format!(".{name}.{:08x}", rand::random::<u32>()));
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        std::fs::rename(&beside, self.folder.join(name))?;
        self.prune()
    }

    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_kept_until_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { most_bytes: 250, ..Cache::new(folder.path()) };
        assert!(cache.get(&[1]).await.is_none());
        for name in 1..=3u8 {
            cache.put(&[name], Bytes::from(vec![name; 100])).await;
            let path = folder.path().join("media").join(hex::encode([name]));
            if let Ok(file) = File::options().write(true).open(path) {
                file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(name)))
                    .unwrap();
            }
        }
        assert!(cache.get(&[1]).await.is_none(), "the oldest went");
        assert_eq!(cache.get(&[3]).await.unwrap(), vec![3u8; 100]);
    }
}
