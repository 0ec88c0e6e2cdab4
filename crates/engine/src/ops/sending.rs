//! Sends, and the files that callers send.

use wakeeper_model::SessionName;

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
