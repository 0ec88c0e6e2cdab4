//! Marking the messages of a chat as read.

use wakeeper_model::{Ack, ChatId, MessageId, SessionName};
use wakeeper_storage::{ChatChange, MessageQuery};

use crate::EngineError;
use crate::life::registry::Sessions;
use crate::ops::asking::AskError;
use crate::ops::stored;
use crate::outbound::error::SendError;
use crate::outbound::presence;

/// Messages that one call marks as read at most.
const MOST_MESSAGES: u32 = 1_000;
const DAY_S: i64 = 24 * 60 * 60;

impl Sessions {
    /// Marks the newest messages of others in a chat as read, so many and not older than so many days: their senders are told, and
    /// when none of those days is left unread the account's other devices, too. Answers which.
    ///
    /// # Errors
    /// When the session does not work, or WhatsApp does not take it.
    pub async fn read_chat(
        &self,
        name: &SessionName,
        chat: &ChatId,
        messages: Option<u32>,
        days: u32,
    ) -> Result<Vec<MessageId>, SendError> {
        let it = self.chat_of(name, chat).await.map_err(as_send_error)?;
        let outbound = &it.outbound;
        let since = outbound.state.clock().now_ms() / 1_000 - i64::from(days) * DAY_S;
        let unread = MessageQuery {
            chats: it.names.clone(),
            limit: MOST_MESSAGES,
            from_me: Some(false),
            ack: Some(i32::from(Ack::Device.number())),
            ..MessageQuery::default()
        };
        let limit = messages.unwrap_or(MOST_MESSAGES).min(MOST_MESSAGES);
        let wanted = MessageQuery { limit, from_s: Some(since), ..unread.clone() };
        let storage = outbound.journal.storage();
        let rows = storage.messages(name.as_str(), wanted).await?;
        presence::tell_read(outbound, &it.client, &rows).await?;
        // What is older than that was not asked for, and holds nothing up.
        let left = MessageQuery { limit: 1, from_s: Some(since), ..unread };
        if storage.messages(name.as_str(), left).await?.is_empty() {
            let marked = it.client.chat_actions().mark_chat_as_read(&it.jid, true, it.range()).await;
            if let Err(error) = marked {
                tracing::warn!(session = %name, %error, "the account's other devices still show a chat as unread");
            }
            it.store(ChatChange::Read { until_s: it.last_s() }, Vec::new()).await.map_err(as_send_error)?;
        }
        let ids = rows.iter().map(|row| Ok(stored::facts(row, None)?.id));
        Ok(ids.collect::<Result<_, EngineError>>()?)
    }
}

fn as_send_error(error: AskError) -> SendError {
    match error {
        AskError::Session(error) => SendError::Session(error),
        AskError::InvalidRequest(reason) => SendError::InvalidRequest(reason),
        AskError::Fetch(error) => SendError::Fetch(error),
        AskError::Convert(error) => SendError::Convert(error),
        AskError::TooLarge { limit } => SendError::TooLarge { limit },
        AskError::TooMuch { .. } | AskError::Refused { .. } | AskError::Unanswered(_) => {
            SendError::Failed { reason: "WhatsApp gave no answer" }
        }
    }
}
