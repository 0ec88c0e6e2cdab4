//! Messages and files that were kept long enough are forgotten, of every session that this process owns.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wakeeper_storage::{MessageRetention, StorageError};

use super::{Sessions, Shared};
use crate::journal::Journal;
use crate::life::handle::Handle;

/// How often it is looked for what became old.
const EVERY: Duration = Duration::from_hours(1);
/// The first time: a start has other things to do.
const FIRST: Duration = Duration::from_mins(1);
/// Messages that are looked at in one transaction. Between two of them others write.
const STEP: u32 = 250;

/// How long messages and received files are kept, for each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepLimits {
    /// Messages that are older go; `None` keeps them whatever their age.
    pub message_age: Option<Duration>,
    /// The oldest messages go as long as the others take more bytes; `None` keeps all.
    pub message_bytes: Option<u64>,
    /// Received files that were fetched longer ago go.
    pub media_age: Option<Duration>,
    /// The oldest received files go as long as the others have more bytes.
    pub media_bytes: u64,
}

impl Default for KeepLimits {
    /// All messages, and the newest gigabyte of files.
    fn default() -> Self {
        Self { message_age: None, message_bytes: None, media_age: None, media_bytes: 1 << 30 }
    }
}

impl KeepLimits {
    /// Tells what will be forgotten: whoever did not mean it hears of it before it happens.
    fn announce(&self) {
        if let Some(age) = self.message_age {
            tracing::warn!(
                hours = age.as_secs() / 3600,
                "stored messages that are older are forgotten (MESSAGE_RETENTION)"
            );
        }
        if let Some(bytes) = self.message_bytes {
            tracing::warn!(
                bytes,
                "the oldest stored messages of a session are forgotten when all take more (MESSAGE_RETENTION_SIZE)"
            );
        }
        if let Some(age) = self.media_age {
            tracing::info!(
                hours = age.as_secs() / 3600,
                "received files that were fetched longer ago are removed (MEDIA_RETENTION)"
            );
        }
    }

    fn messages(&self, now_ms: i64) -> Option<MessageRetention> {
        let seconds = |age: Duration| i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let before_s = self.message_age.map(|age| (now_ms / 1000).saturating_sub(seconds(age)));
        let limits = MessageRetention { before_s, most_bytes: self.message_bytes };
        (limits != MessageRetention::default()).then_some(limits)
    }

    fn media_before(&self, now_ms: i64) -> Option<SystemTime> {
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or_default());
        now.checked_sub(self.media_age?)
    }
}

/// What one look did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Messages that went.
    pub messages: u64,
    /// Files that went.
    pub files: u64,
}

/// Looks from time to time, as long as there are sessions.
pub(super) async fn forget_by_the_hour(shared: Weak<Shared>) {
    match shared.upgrade() {
        Some(shared) => shared.config.keep.announce(),
        None => return,
    }
    let mut wait = FIRST;
    loop {
        tokio::time::sleep(wait).await;
        wait = EVERY;
        let Some(sessions) = shared.upgrade().map(|shared| Sessions { shared }) else { return };
        sessions.forget_old().await;
    }
}

impl Sessions {
    /// Forgets the messages and files of all sessions that [`KeepLimits`] does not keep. It does so by itself once an hour.
    pub async fn forget_old(&self) -> Forgotten {
        let mut all = Forgotten::default();
        let handles: Vec<Arc<Handle>> = self.handles().values().cloned().collect();
        for handle in handles {
            let (session, journal) = (handle.state.name(), &handle.outbound.journal);
            match self.forget_messages(journal, session.as_str()).await {
                Ok(messages) => all.messages += messages,
                // Its next owner does it, or the next start.
                Err(StorageError::NotOwner { .. } | StorageError::Closed) => continue,
                Err(error) => {
                    tracing::warn!(%session, %error, "old messages were not forgotten; it is tried again");
                }
            }
            let Some(before) = self.shared.config.keep.media_before(self.shared.clock.now_ms()) else {
                continue;
            };
            match handle.downloads.forget_older(before).await {
                Ok(files) => all.files += files,
                Err(error) => {
                    tracing::warn!(%session, %error, "old files were not removed; it is tried again");
                }
            }
        }
        if all != Forgotten::default() {
            tracing::info!(all.messages, all.files, "what was kept long enough is forgotten");
        }
        all
    }

    async fn forget_messages(&self, journal: &Journal, session: &str) -> Result<u64, StorageError> {
        let Some(limits) = self.shared.config.keep.messages(self.shared.clock.now_ms()) else { return Ok(0) };
        let rows = journal.rows()?;
        let mut all = 0;
        for old in journal.storage().old_messages(session, limits).await? {
            let mut left = Some(old);
            while let Some(old) = left.filter(|_| !self.shared.stopping.load(Ordering::Acquire)) {
                let (went, next) = rows.forget_messages(old, STEP).await?;
                (all, left) = (all + went, next);
            }
        }
        Ok(all)
    }
}
