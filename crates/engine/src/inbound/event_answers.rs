//! Answers to events. What was answered can be read only with the stored event: its secret, and the names of its author.

use wakeeper_model::{ChatId, MessageId, SessionName};
use wakeeper_storage::StorageError;
use wakeeper_waha::EventName;
use whatsapp_rust::Client;
use whatsapp_rust::prelude::wa;

use super::changes::{Effects, ResolvedMessage, concerning, concerning_effects};
use super::votes::stored_poll;
use crate::address;
use crate::journal::Journal;
use crate::message::event_response_payload;
use crate::ops::stored;

/// What an answer does: `event.response`, or `event.response.failed` when it cannot be read.
pub(super) async fn given(
    journal: &Journal,
    client: &Client,
    session: &SessionName,
    resolved: &ResolvedMessage<'_>,
    event: &MessageId,
    answer: &wa::message::EncEventResponseMessage,
) -> Result<Effects, StorageError> {
    let own = address::me(client).as_ref().map(address::names_of).unwrap_or_default();
    let responders: Vec<String> = [Some(&resolved.sender), resolved.sender_alt.as_ref()]
        .into_iter()
        .flatten()
        .map(ChatId::to_wire)
        .collect();
    let row = stored_poll(journal, session, event).await?;
    let response = row.as_ref().and_then(|row| stored::event_answer(row, answer, &own, &responders));
    if response.is_none() {
        tracing::warn!(%session, known = row.is_some(), "an answer to an event cannot be read");
    }
    let name = if response.is_some() { EventName::EventResponse } else { EventName::EventResponseFailed };
    let payload = event_response_payload(&resolved.facts, event, response);
    let row = concerning(session, resolved, "event-response", event);
    Ok(concerning_effects(journal, session, row, name, payload.into(), Vec::new()))
}
