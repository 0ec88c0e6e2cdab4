//! Sends, and the files that callers send.

use wakeeper_model::{ChatKind, SessionName};

use crate::life::registry::Sessions;
use crate::media::spool::Spool;
use crate::outbound::error::SendError;
use crate::outbound::outgoing::{IdempotencyKey, Outgoing, Sent};
use crate::outbound::presence;

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
        refuse_broadcasts(&outgoing)?;
        match outgoing {
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

/// WhatsApp takes a status update and a message to a broadcast list only with the list of who is to see it, which this
/// version does not make. Seen marks of statuses are sent.
fn refuse_broadcasts(outgoing: &Outgoing) -> Result<(), SendError> {
    let sends = !matches!(outgoing, Outgoing::Seen(_));
    if sends && outgoing.chat().kind() == ChatKind::Broadcast {
        let reason = "chatId: status updates and broadcast lists cannot be sent to by this version";
        return Err(SendError::InvalidRequest(reason.to_owned()));
    }
    Ok(())
}
