//! Messages that callers name by a part of their id.

use wakeeper_model::{ChatId, MessageId, NamedMessage, SessionName};
use wakeeper_storage::MessageRef;

use crate::EngineError;
use crate::life::registry::Sessions;
use crate::ops::{reading, stored};
use crate::outbound::error::SendError;

impl Sessions {
    /// A new id for a message that is not sent yet, as the session's own client makes them.
    ///
    /// # Errors
    /// When the session is unknown or does not work.
    pub async fn new_message_id(&self, name: &SessionName) -> Result<String, EngineError> {
        let handle = self.handle(name).await?;
        Ok(handle.outbound.ready().await?.generate_message_id())
    }

    /// The whole id of a message. A bare one is looked for among the stored messages, of `chat` when one is given; a whole one
    /// is taken as it is, whether or not it is stored.
    ///
    /// # Errors
    /// [`SendError::MessageNotFound`] when no message has the bare id; when the session is unknown or its rows cannot be read.
    pub async fn message_id(
        &self,
        name: &SessionName,
        chat: Option<&ChatId>,
        named: NamedMessage,
    ) -> Result<MessageId, SendError> {
        let bare = match named {
            NamedMessage::Whole(id) => return Ok(id),
            NamedMessage::Bare(bare) => bare.to_string(),
        };
        let handle = self.handle(name).await?;
        let outbound = &handle.outbound;
        let chats = match chat {
            Some(chat) => reading::names(&outbound.state, chat).await.into_iter().map(Some).collect(),
            None => vec![None],
        };
        for chat in chats {
            let target =
                MessageRef { session: name.as_str().to_owned(), id: bare.clone(), from_me: None, chat };
            let found = outbound.journal.storage().message(&target).await?;
            if let Some(row) = found.filter(|row| !row.hidden) {
                return Ok(stored::facts(&row, None)?.id);
            }
        }
        Err(SendError::MessageNotFound)
    }
}
