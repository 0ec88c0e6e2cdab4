//! Messages found by their words.

use std::sync::Arc;

use wakeeper_model::{ChatId, SessionName};
use wakeeper_storage::{MessageRow, SearchQuery as RowQuery, StorageError, WordsOf};

use super::query::{MessageList, SearchQuery};
use super::{reading, stored};
use crate::EngineError;
use crate::life::registry::Sessions;

/// Messages whose words are added in one transaction. Between two of them others write.
pub(crate) const STEP: u32 = 250;
/// Of so many messages a search adds the words itself; more than that are added soon by others.
const AT_ONCE: u64 = 2_000;

/// A search cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Words of messages are not kept.
    #[error("words of messages are not kept")]
    Off,
    /// The words of stored messages are being added; what is found would not be all.
    #[error("the words of {lacking} messages are still to be added")]
    NotReady {
        /// Of how many.
        lacking: u64,
    },
    /// The session is unknown, or its rows cannot be read or written.
    #[error(transparent)]
    Session(#[from] EngineError),
}

impl From<StorageError> for SearchError {
    fn from(error: StorageError) -> Self {
        Self::Session(error.into())
    }
}

impl Sessions {
    /// Whether words of messages are kept.
    #[must_use]
    pub fn are_searched(&self) -> bool {
        self.shared.config.message_search
    }

    /// Stored messages that hold all of these words, of a chat or of all of them, the newest first. All that was stored before
    /// is searched.
    ///
    /// # Errors
    /// When words are not kept, or those of many messages are to be added yet; when the session is unknown.
    pub async fn search(
        &self,
        name: &SessionName,
        chat: Option<&ChatId>,
        search: SearchQuery,
    ) -> Result<MessageList, SearchError> {
        if !self.are_searched() {
            return Err(SearchError::Off);
        }
        let handle = self.handle(name).await?;
        let storage = handle.outbound.journal.storage();
        let lacking = if let Some(lacking) = storage.words_lacking().await? {
            lacking
        } else {
            // The start could not, for example because the disk was full.
            storage.keep_words().await?;
            storage.words_lacking().await?.unwrap_or_default()
        };
        if lacking > AT_ONCE {
            return Err(SearchError::NotReady { lacking });
        }
        if lacking > 0 {
            while storage.add_words(words(), STEP).await? {}
        }
        let chats = match chat {
            Some(chat) => reading::names(&handle.outbound.state, chat).await,
            None => Vec::new(),
        };
        let SearchQuery { words, after, limit } = search;
        let page = storage.search(name.as_str(), RowQuery { words, chats, after, limit }).await?;
        let place = handle.outbound.place();
        let shown = page.rows.iter().map(|row| stored::listed(row, place));
        Ok(MessageList { messages: shown.collect::<Result<_, StorageError>>()?, next: page.next })
    }
}

/// What a message is found by: its text, and the name of its file.
pub(crate) fn words() -> WordsOf {
    Arc::new(|row: &MessageRow| stored::words(row))
}
