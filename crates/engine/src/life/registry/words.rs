//! The words of messages, where they are kept to be searched: added little by little, and not with each message.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use wakeeper_storage::StorageError;

use super::{Sessions, Shared};
use crate::ops::search::{STEP, words};

/// How often it is looked for messages whose words are to be added.
const EVERY: Duration = Duration::from_secs(10);
/// So many are waited for: a search adds those of fewer itself. To add those of one message alone costs nearly as much.
const ENOUGH: u64 = 500;
/// Between two steps of many, for others to write.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the words of messages, or forgets them when they are not to be kept any more.
pub(super) async fn keep(shared: Weak<Shared>) {
    loop {
        let Some(sessions) = shared.upgrade().map(|shared| Sessions { shared }) else { return };
        match sessions.keep_words().await {
            Ok(true) => {}
            Ok(false) | Err(StorageError::Closed) => return,
            Err(error) => tracing::warn!(%error, "words of messages were not added; it is tried again"),
        }
        drop(sessions);
        tokio::time::sleep(EVERY).await;
    }
}

impl Sessions {
    /// Answers whether there will be more to do.
    async fn keep_words(&self) -> Result<bool, StorageError> {
        let storage = &self.shared.storage;
        if !self.shared.config.message_search {
            return storage.forget_words().await.map(|()| false);
        }
        match storage.words_lacking().await? {
            None => storage.keep_words().await?,
            Some(lacking) if lacking < ENOUGH => return Ok(true),
            Some(_) => {}
        }
        while !self.shared.stopping.load(Ordering::Acquire) && storage.add_words(words(), STEP).await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(true)
    }
}
