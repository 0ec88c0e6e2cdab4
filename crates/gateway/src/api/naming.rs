//! Messages and chats that requests name.

use wakeeper_model::{ChatId, MessageId, NamedMessage};

use super::error::ApiError;
use super::state::{Api, field};

/// What WAHA's clients write for a chat when the message's id says enough.
const ANY_CHAT: &str = "all";

/// The chat of a path; `None` for any.
pub(super) fn chat(text: &str) -> Result<Option<ChatId>, ApiError> {
    if text == ANY_CHAT { Ok(None) } else { field("chatId", text).map(Some) }
}

/// The id of a message that a request names; see [`wakeeper_engine::Sessions::message_id`].
pub(super) async fn message(
    api: &Api,
    session: &str,
    chat: Option<&ChatId>,
    named: NamedMessage,
) -> Result<MessageId, ApiError> {
    // A whole id needs no look into the rows.
    if let NamedMessage::Whole(id) = named {
        return Ok(id);
    }
    let (name, _) = api.session(session).await?;
    Ok(api.sessions.message_id(&name, chat, named).await?)
}

/// As [`message`], when a request names one.
pub(super) async fn optional(
    api: &Api,
    session: &str,
    chat: &ChatId,
    named: Option<NamedMessage>,
) -> Result<Option<MessageId>, ApiError> {
    match named {
        Some(named) => message(api, session, Some(chat), named).await.map(Some),
        None => Ok(None),
    }
}

/// The message of a path, which must lie in the path's chat.
pub(super) async fn in_path(
    api: &Api,
    session: &str,
    in_chat: &str,
    named: &str,
) -> Result<MessageId, ApiError> {
    let in_chat = chat(in_chat)?;
    let named: NamedMessage = field("messageId", named)?;
    let bare = matches!(named, NamedMessage::Bare(_));
    let id = message(api, session, in_chat.as_ref(), named).await?;
    // A bare one was found there, under whichever of the chat's names.
    if bare || in_chat.is_none_or(|chat| chat == id.chat) {
        Ok(id)
    } else {
        Err(ApiError::invalid("messageId: not in the chat chatId"))
    }
}
