//! Calls: those that ring can be declined.

use serde_json::json;
use wakeeper_model::{ChatId, SessionName};
use wakeeper_storage::Change;
use wakeeper_waha::EventName;

use super::asking::AskError;
use crate::EngineError;
use crate::inbound::calls;
use crate::life::registry::Sessions;

/// Why a call was not declined.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No such call rings.
    #[error(
        "no such call rings: it ended, was taken on another device, or began before the gateway was connected"
    )]
    NotFound,
    /// WhatsApp was not told.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl From<EngineError> for CallError {
    fn from(error: EngineError) -> Self {
        Self::Ask(error.into())
    }
}

impl Sessions {
    /// Declines a call that rings, on every device of the account.
    ///
    /// # Errors
    /// When no such call of that person rings, the session does not work, or WhatsApp cannot be told.
    pub async fn reject_call(&self, name: &SessionName, from: &ChatId, id: &str) -> Result<(), CallError> {
        let handle = self.handle(name).await?;
        let client = handle.outbound.ready().await?;
        let now_ms = || handle.state.clock().now_ms();
        let call = handle.state.calls().find(id, now_ms()).ok_or(CallError::NotFound)?;
        if ![call.from.as_ref(), call.from_alt.as_ref()].contains(&Some(from)) {
            return Err(CallError::NotFound);
        }
        let sent = client.voip().reject_call(&call.id, &call.peer, &call.creator).await;
        sent.map_err(|error| AskError::unanswered("that the call is declined", &error))?;
        // It may have ended meanwhile, which was told.
        let Some(call) = handle.state.calls().end(id, now_ms()) else { return Ok(()) };
        let timestamp = now_ms() / 1000;
        let payload = calls::payload(&call, timestamp, json!({}));
        let journal = &handle.outbound.journal;
        let event = journal.event(name, from.as_str(), EventName::CallRejected, &payload.into());
        if let Some(event) = event {
            journal.commit_patiently(vec![Change::Events(vec![event])]).await.map_err(EngineError::from)?;
        }
        Ok(())
    }
}
