//! Questions to WhatsApp that are answered at once or not at all.

use crate::EngineError;
use crate::life::registry::Sessions;
use std::sync::Arc;
use wakeeper_model::{ChatId, SessionName};
use whatsapp_rust::{Client, Jid};

/// Why WhatsApp was not asked, or gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The session cannot ask.
    #[error(transparent)]
    Session(#[from] EngineError),
    /// The request makes no sense.
    #[error("{0}")]
    InvalidRequest(String),
    /// WhatsApp did not answer, or not in a way that is understood.
    #[error("WhatsApp gave no answer to it: {0}")]
    Unanswered(String),
}

impl AskError {
    /// What the client said, which names no person.
    pub(super) fn unanswered(what: &'static str, error: &dyn std::fmt::Display) -> Self {
        tracing::debug!(%error, what, "a question to WhatsApp was not answered");
        Self::Unanswered(what.to_owned())
    }
}

impl Sessions {
    /// The client of a session that works.
    pub(super) async fn working(&self, name: &SessionName) -> Result<Arc<Client>, EngineError> {
        self.handle(name).await?.outbound.ready().await
    }
}

/// A chat as the wire names it.
pub(super) fn jid(chat: &ChatId) -> Result<Jid, AskError> {
    chat.to_wire().parse().map_err(|_| AskError::InvalidRequest("no such chat".to_owned()))
}
