//! Sends, and the files that callers send.

use wakeeper_model::{ChatKind, SessionName};

use crate::life::registry::Sessions;
use crate::media::spool::Spool;
use crate::outbound::error::SendError;
use crate::outbound::outgoing::{Delete, IdempotencyKey, Outgoing, Sent};
use crate::outbound::presence;
use crate::status::{Status, StatusContent};

impl Sessions {
    /// Sends, and answers after WhatsApp acknowledged. The same key and request give the same
    /// message, once, also across a crash.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(
        &self,
        name: &SessionName,
        outgoing: Outgoing,
        key: Option<IdempotencyKey>,
    ) -> Result<Sent, SendError> {
        let handle = self.handle(name).await?;
        match in_broadcasts(outgoing)? {
            Outgoing::Seen(seen) => presence::seen(&handle.outbound, seen).await,
            Outgoing::Typing(typing) => presence::typing(&handle.outbound, typing).await,
            outgoing => handle.outbound.send(outgoing, key).await,
        }
    }

    /// Where files lie that callers send.
    #[must_use]
    pub fn spool(&self) -> &Spool {
        &self.shared.spool
    }
}

/// Statuses have operations of their own, because only they say who is to see one; reactions to statuses and deletions go to
/// those who are known. WhatsApp Web has no way to write to a broadcast list.
fn in_broadcasts(outgoing: Outgoing) -> Result<Outgoing, SendError> {
    if outgoing.chat().kind() != ChatKind::Broadcast {
        return Ok(outgoing);
    }
    let is_status = outgoing.chat().is_status();
    match outgoing {
        Outgoing::Seen(_) | Outgoing::Status(_) => Ok(outgoing),
        Outgoing::Reaction(_) if is_status => Ok(outgoing),
        Outgoing::Delete(Delete { message }) if is_status => {
            Ok(Outgoing::Status(Status::new(StatusContent::Delete(message), Vec::new(), None)))
        }
        _ if is_status => Err(SendError::InvalidRequest(
            "chatId: a status is posted with POST /api/{session}/status/text, image, voice or video"
                .to_owned(),
        )),
        _ => Err(SendError::InvalidRequest("chatId: broadcast lists cannot be sent to".to_owned())),
    }
}
