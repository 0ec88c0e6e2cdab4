//! Votes in polls. What was chosen can be read only with the stored poll: its secret, and the names of its author.

use wakeeper_model::{ChatId, MessageId, SessionName};
use wakeeper_storage::{MessageRef, MessageRow, StorageError};
use wakeeper_waha::EventName;
use whatsapp_rust::Client;
use whatsapp_rust::prelude::wa;

use super::changes::{Effects, ResolvedMessage, concerning, concerning_effects, known, reference};
use crate::address;
use crate::journal::Journal;
use crate::message::vote_payload;
use crate::ops::stored;

/// What a vote does: `poll.vote`, or `poll.vote.failed` when it cannot be read.
pub(super) async fn cast(
    journal: &Journal,
    client: &Client,
    session: &SessionName,
    resolved: &ResolvedMessage<'_>,
    poll: &MessageId,
    vote: &wa::message::PollEncValue,
) -> Result<Effects, StorageError> {
    let own = address::me(client).as_ref().map(address::names_of).unwrap_or_default();
    let voters: Vec<String> = [Some(&resolved.sender), resolved.sender_alt.as_ref()]
        .into_iter()
        .flatten()
        .map(ChatId::to_wire)
        .collect();
    let row = stored_poll(journal, session, poll).await?;
    let choices = row.as_ref().and_then(|row| stored::choices(row, vote, &own, &voters));
    if choices.is_none() {
        tracing::warn!(%session, known = row.is_some(), "a vote in a poll cannot be read");
    }
    let name = if choices.is_some() { EventName::PollVote } else { EventName::PollVoteFailed };
    let payload = vote_payload(&resolved.facts, poll, choices.unwrap_or_default());
    let row = concerning(session, resolved, "vote", poll);
    Ok(concerning_effects(journal, session, row, name, payload.into(), Vec::new()))
}

/// The row of a poll, or of an event. Its chat may have got another name since.
pub(super) async fn stored_poll(
    journal: &Journal,
    session: &SessionName,
    poll: &MessageId,
) -> Result<Option<MessageRow>, StorageError> {
    let target = reference(session, poll);
    match known(journal, &target).await? {
        Some(row) => Ok(Some(row)),
        None => known(journal, &MessageRef { chat: None, ..target }).await,
    }
}
