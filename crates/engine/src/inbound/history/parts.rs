//! The parts of a history that are not stored yet, as files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use wakeeper_model::Clock;
use wakeeper_private_fs::{create_private_folders, write_own};
use whatsapp_rust::Client;

/// How the names of parts end.
const ENDING: &str = ".history";

/// The parts of one session. Their names have the order in which they came.
pub(crate) struct Parts {
    folder: PathBuf,
    clock: Clock,
    count: AtomicU64,
    more: Notify,
}

impl Parts {
    pub(crate) fn new(folder: PathBuf, clock: Clock) -> Self {
        Self { folder, clock, count: AtomicU64::new(0), more: Notify::new() }
    }

    /// Keeps a part of the history of the account that `client` is logged in to, on the disk when it answers.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn keep(&self, client: &Client, compressed: &[u8]) -> std::io::Result<()> {
        create_private_folders(&self.folder)?;
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:013}-{count:06}-{}{ENDING}", self.clock.now_ms(), account(client));
        write_own(&self.folder.join(name), compressed)?;
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
        let entries = std::fs::read_dir(&self.folder).ok()?.flatten();
        let names = entries.map(|entry| entry.path());
        names.filter(|path| path.to_string_lossy().ends_with(ENDING)).min()
    }
}

/// Removes a part. One that stays is read again, which changes nothing.
pub(super) fn remove(part: &Path) {
    if let Err(error) = std::fs::remove_file(part)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::error!(%error, "a part of the history that was stored cannot be removed");
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
