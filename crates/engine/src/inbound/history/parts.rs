//! The parts of a history that are not stored yet, as files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use wakeeper_model::Clock;
use wakeeper_private_fs::{Folder, FsError, create_private_folders};
use whatsapp_rust::Client;

use super::keeping::Keeping;

/// How the names of parts end, once they are whole. One that is being written has another ending.
const ENDING: &str = ".history";

/// The parts of one session. Their names have the order in which they came.
pub(crate) struct Parts {
    folder: PathBuf,
    clock: Clock,
    count: AtomicU64,
    more: Notify,
    /// What is not written yet.
    pub(super) keeping: Keeping,
    /// Those that this process does not read any more.
    passed_over: Mutex<BTreeSet<PathBuf>>,
}

impl Parts {
    pub(crate) fn new(folder: PathBuf, clock: Clock) -> Self {
        Self {
            folder,
            clock,
            count: AtomicU64::new(0),
            more: Notify::new(),
            keeping: Keeping::default(),
            passed_over: Mutex::default(),
        }
    }

    /// The name of a part that comes now, of the account that `client` is logged in to.
    pub(super) fn name(&self, client: &Client) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{:013}-{count:06}-{}{ENDING}", self.clock.now_ms(), account(client))
    }

    /// Keeps a part, whole and on the disk when it answers.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn write(&self, name: &str, compressed: &[u8]) -> Result<(), FsError> {
        create_private_folders(&self.folder)?;
        Folder::named(&self.folder)?.replace(name, compressed)?;
        self.more.notify_one();
        Ok(())
    }

    /// The first part; waits until there is one.
    pub(super) async fn next(&self) -> PathBuf {
        loop {
            let more = self.more.notified();
            if let Some(first) = self.first() {
                return first;
            }
            more.await;
        }
    }

    fn first(&self) -> Option<PathBuf> {
        let passed_over = self.passed_over();
        let entries = std::fs::read_dir(&self.folder).ok()?.flatten();
        let paths = entries.map(|entry| entry.path());
        paths.filter(|path| path.to_string_lossy().ends_with(ENDING) && !passed_over.contains(path)).min()
    }

    fn passed_over(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.passed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a part to the next process.
    pub(super) fn pass_over(&self, part: PathBuf) {
        self.passed_over().insert(part);
    }

    /// Removes all parts, those that are being written too: the login that they belong to is over.
    pub(crate) fn forget(&self) {
        self.keeping.forget();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            remove(&entry.path());
        }
    }
}

/// Removes a part. One that stays is read again, which changes nothing.
pub(super) fn remove(part: &Path) {
    if let Err(error) = std::fs::remove_file(part)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::error!(%error, "a part of the history cannot be removed");
    }
}

/// Whether a part is of the account that `client` is logged in to.
pub(super) fn is_of(part: &Path, client: &Client) -> bool {
    part.to_string_lossy().ends_with(&format!("-{}{ENDING}", account(client)))
}

/// A word for an account that tells nobody its number.
fn account(client: &Client) -> String {
    let number = client.pn().map(|own| own.user_base().to_owned()).unwrap_or_default();
    hex::encode(&Sha256::digest(format!("wakeeper history {number}"))[..8])
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn parts_are_seen_whole_in_their_order_and_until_they_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("history");
        let parts = Parts::new(folder.clone(), Clock::system());
        assert!(parts.next().now_or_never().is_none());
        parts.write("2.history", b"second").unwrap();
        parts.write("1.history", b"first").unwrap();
        std::fs::write(folder.join(".0.history.wakeeper.tmp"), b"ha").unwrap();
        let (first, second) = (folder.join("1.history"), folder.join("2.history"));
        assert_eq!(parts.next().await, first);
        assert_eq!(std::fs::read(&first).unwrap(), b"first");
        parts.pass_over(first.clone());
        assert_eq!(parts.next().await, second);
        assert_eq!(Parts::new(folder.clone(), Clock::system()).next().await, first, "another process");
        parts.forget();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }
}
