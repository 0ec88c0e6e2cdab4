//! What sends of a structure of their own say beside it: whose they are, where they go, what they answer.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use wakeeper_engine::Outgoing;
use wakeeper_engine::structured::{Structure, Structured};

use super::{reply_to, send};
use crate::api::error::ApiError;
use crate::api::naming;
use crate::api::state::{Api, field};

/// The fields that these requests have in common.
#[derive(Default)]
pub(super) struct Addressed {
    /// `session`.
    pub session: String,
    /// `chatId`.
    pub chat_id: String,
    /// `reply_to`.
    pub reply_to: Option<String>,
    /// `id`.
    pub id: Option<String>,
}

impl Addressed {
    /// Sends `content`.
    pub(super) async fn send(
        self,
        api: &Api,
        headers: &HeaderMap,
        content: Structure,
    ) -> Result<Response, ApiError> {
        let chat = field("chatId", &self.chat_id)?;
        let id = self.id.filter(|id| !id.is_empty()).map(|id| field("id", &id)).transpose()?;
        let named = reply_to(self.reply_to)?;
        let reply_to = naming::optional(api, &self.session, &chat, named).await?;
        let structured = Structured { chat, content, reply_to, id };
        send(api, headers, &self.session, Outgoing::Structured(structured), StatusCode::CREATED).await
    }
}

/// A text of a message with a structure, which has a bound of its own.
pub(super) fn bounded(name: &str, text: String, most: usize) -> Result<String, ApiError> {
    if text.chars().count() > most {
        return Err(ApiError::invalid(format!("{name}: at most {most} characters")));
    }
    Ok(text)
}

/// As [`bounded`], of one that must say something.
pub(super) fn needed(name: &str, text: String, most: usize) -> Result<String, ApiError> {
    if text.trim().is_empty() {
        return Err(ApiError::invalid(format!("{name}: must not be empty")));
    }
    bounded(name, text, most)
}
