//! Stars on messages: seen by this account alone, on all of its devices.

use wakeeper_model::{MessageId, SessionName};
use wakeeper_storage::MessageRef;

use super::asking::{AskError, jid};
use crate::EngineError;
use crate::life::registry::Sessions;

impl Sessions {
    /// Puts a star on a stored message or takes it off; false when the message is not known.
    ///
    /// # Errors
    /// When the session does not work, or WhatsApp did not take it.
    pub async fn star(&self, name: &SessionName, message: &MessageId, star: bool) -> Result<bool, AskError> {
        let handle = self.handle(name).await?;
        let client = handle.outbound.ready().await?;
        let target = MessageRef {
            session: name.as_str().to_owned(),
            id: message.stanza_id.clone(),
            from_me: Some(message.from_me),
            // A chat has two names; the caller may use the other one.
            chat: None,
        };
        let found = handle.outbound.journal.storage().message(&target).await.map_err(EngineError::from)?;
        let Some(row) = found.filter(|row| !row.hidden && !row.revoked) else { return Ok(false) };
        let chat = row.wire.chat.parse().or_else(|_| jid(&message.chat))?;
        // Own messages name nobody.
        let author = row.wire.participant.filter(|_| !row.from_me).and_then(|name| name.parse().ok());
        let actions = client.chat_actions();
        let done = if star {
            actions.star_message(&chat, author.as_ref(), &row.id, row.from_me).await
        } else {
            actions.unstar_message(&chat, author.as_ref(), &row.id, row.from_me).await
        };
        done.map_err(|error| AskError::unanswered("a star", &error))?;
        Ok(true)
    }
}
