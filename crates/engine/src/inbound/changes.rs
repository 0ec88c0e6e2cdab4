//! From a message, received or sent, to the rows and events it makes.

use wakeeper_model::{ChatId, MessageId, SessionName};
use wakeeper_storage::{Change, Described, MessageRef, MessageRow, MessageUpdate, StorageError};
use wakeeper_waha::{EventName, Payload};
use whatsapp_rust::prelude::wa;
use whatsapp_rust::waproto::codec;
use whatsapp_rust::{Client, Jid};

use crate::address;
use crate::inbound::{event_answers, votes};
use crate::journal::Journal;
use crate::message::{
    Content, Facts, Incoming, edited, edited_payload, message_payload, reaction_payload, read,
    revoked_payload,
};
use crate::ops::stored::{self, Place};

/// A decrypted message with everything known about it.
pub(crate) struct ResolvedMessage<'a> {
    /// What it says.
    pub message: &'a wa::Message,
    /// Who, where, when.
    pub facts: Facts,
    /// Who sent it, as callers see them.
    pub sender: ChatId,
    /// The sender's other name.
    pub sender_alt: Option<ChatId>,
    /// A group's admin deletes somebody else's message, as the server vouched.
    pub by_admin: bool,
    /// Where the session's messages are shown.
    pub place: Place<'a>,
}

/// What a message does.
pub(crate) struct Effects {
    /// To the rows, with its events.
    pub change: Change,
    /// The payload of its first event, which is also the answer to a send.
    pub payload: Payload,
}

/// What `resolved` does; `None` when it does nothing that people see.
pub(crate) async fn effects_of(
    journal: &Journal,
    client: &Client,
    session: &SessionName,
    resolved: &ResolvedMessage<'_>,
) -> Result<Option<Effects>, StorageError> {
    match read(resolved.message) {
        Incoming::Nothing => Ok(None),
        Incoming::Message(content) => Ok(Some(message(journal, session, resolved, &content))),
        Incoming::Reaction { target, emoji } => {
            let Some(target) = target_id(client, resolved, target).await else { return Ok(None) };
            let payload = reaction_payload(&resolved.facts, &target, &emoji);
            let row = concerning(session, resolved, "reaction", &target);
            Ok(Some(concerning_effects(
                journal,
                session,
                row,
                EventName::MessageReaction,
                payload.into(),
                Vec::new(),
            )))
        }
        Incoming::Edit { target, content, message } => {
            let Some(target) = target_id(client, resolved, target).await else { return Ok(None) };
            edit(journal, session, resolved, &target, &content, message).await
        }
        Incoming::Vote { target, vote } => {
            let Some(target) = target_id(client, resolved, target).await else { return Ok(None) };
            votes::cast(journal, client, session, resolved, &target, vote).await.map(Some)
        }
        Incoming::EventAnswer { target, answer } => {
            let Some(target) = target_id(client, resolved, target).await else { return Ok(None) };
            event_answers::given(journal, client, session, resolved, &target, answer).await.map(Some)
        }
        Incoming::Revoke { target } => {
            let Some(target) = target_id(client, resolved, target).await else { return Ok(None) };
            revoke(journal, session, resolved, &target).await
        }
    }
}

fn message(
    journal: &Journal,
    session: &SessionName,
    resolved: &ResolvedMessage<'_>,
    content: &Content,
) -> Effects {
    let facts = &resolved.facts;
    let payload = message_payload(facts, content).into();
    let chat = facts.id.chat.as_str();
    let (name, also) = if facts.id.from_me {
        (EventName::MessageAny, None)
    } else {
        (EventName::Message, Some(EventName::MessageAny))
    };
    let events = journal.event_also(session, chat, name, also, &payload).into_iter().collect();
    let mut row = row(session, resolved, content.kind);
    row.reply_to = content.reply.as_ref().map(|reply| reply.stanza_id.clone());
    Effects { change: Change::Message { row: Box::new(row), updates: Vec::new(), events }, payload }
}

async fn edit(
    journal: &Journal,
    session: &SessionName,
    resolved: &ResolvedMessage<'_>,
    target: &MessageId,
    content: &Content,
    message: &wa::Message,
) -> Result<Option<Effects>, StorageError> {
    let reference = reference(session, target);
    let before = known(journal, &reference).await?;
    if before.as_ref().is_some_and(|row| !wrote(resolved, row)) {
        tracing::warn!(%session, "an edit of somebody else's message was ignored");
        return Ok(None);
    }
    let payload = edited_payload(&resolved.facts, target, content);
    let updates = before.map(|row| update(reference, &row, content, message)).into_iter().collect();
    let row = concerning(session, resolved, "edit", target);
    Ok(Some(concerning_effects(journal, session, row, EventName::MessageEdited, payload.into(), updates)))
}

/// The message that an edit or a deletion concerns. One that is damaged counts as unknown: what comes in must be stored
/// all the same.
pub(super) async fn known(
    journal: &Journal,
    target: &MessageRef,
) -> Result<Option<MessageRow>, StorageError> {
    match journal.storage().message(target).await {
        Err(error @ StorageError::DamagedRow { .. }) => {
            tracing::error!(%error, "a damaged message is edited or deleted");
            Ok(None)
        }
        found => found,
    }
}

/// What an edit makes of the row of the message that it edits. One without a readable protobuf gets that of its edit,
/// when it is a text; all others keep theirs, and the new text beside it where it cannot be put in.
fn update(target: MessageRef, row: &MessageRow, content: &Content, message: &wa::Message) -> MessageUpdate {
    let before = stored::protobuf(row).unwrap_or_else(|error| {
        tracing::error!(%error, "a damaged message is edited");
        None
    });
    let after = match before {
        Some(before) => edited(before, message),
        None => (row.kind == "text" && content.kind == "text").then(|| message.clone()),
    };
    let body = after.is_none().then(|| content.body.clone());
    MessageUpdate::Edited { target, proto: after.as_ref().map(codec::message_to_vec), body }
}

async fn revoke(
    journal: &Journal,
    session: &SessionName,
    resolved: &ResolvedMessage<'_>,
    target: &MessageId,
) -> Result<Option<Effects>, StorageError> {
    let reference = reference(session, target);
    let before = known(journal, &reference).await?;
    if before.as_ref().is_some_and(|row| !wrote(resolved, row) && !resolved.by_admin) {
        tracing::warn!(%session, "a deletion of somebody else's message was ignored");
        return Ok(None);
    }
    // Of a damaged one it is told that it is gone, not what it was.
    let known = before.as_ref().and_then(|row| {
        let shown = stored::payload(row, resolved.place);
        shown.inspect_err(|error| tracing::error!(%error, "a damaged message is deleted")).ok()
    });
    let payload = revoked_payload(&resolved.facts, target, known);
    let updates = before.map(|_| MessageUpdate::Revoked { target: reference }).into_iter().collect();
    let row = concerning(session, resolved, "revoke", target);
    Ok(Some(concerning_effects(journal, session, row, EventName::MessageRevoked, payload.into(), updates)))
}

pub(super) fn concerning_effects(
    journal: &Journal,
    session: &SessionName,
    row: MessageRow,
    name: EventName,
    payload: Payload,
    updates: Vec<MessageUpdate>,
) -> Effects {
    let events = journal.event(session, &row.chat, name, &payload).into_iter().collect();
    Effects { change: Change::Message { row: Box::new(row), updates, events }, payload }
}

/// The row of what concerns another message: not listed among messages.
pub(super) fn concerning(
    session: &SessionName,
    resolved: &ResolvedMessage<'_>,
    kind: &str,
    target: &MessageId,
) -> MessageRow {
    MessageRow { target: Some(target.to_string()), hidden: true, ..row(session, resolved, kind) }
}

fn row(session: &SessionName, resolved: &ResolvedMessage<'_>, kind: &str) -> MessageRow {
    let facts = &resolved.facts;
    let id = &facts.id;
    MessageRow {
        session: session.as_str().to_owned(),
        chat: id.chat.as_str().to_owned(),
        id: id.stanza_id.clone(),
        from_me: id.from_me,
        participant: id.participant.as_ref().map(ToString::to_string).unwrap_or_default(),
        sender: resolved.sender.as_str().to_owned(),
        account: facts.me.as_ref().map(ToString::to_string),
        timestamp_s: facts.timestamp_s,
        kind: kind.to_owned(),
        ack: i32::from(facts.ack.number()),
        from_api: facts.from_api,
        push_name: facts.push_name.clone(),
        wire: facts.wire.clone(),
        target: None,
        proto: codec::message_to_vec(resolved.message),
        described: Described::default(),
        reply_to: None,
        edited: false,
        revoked: false,
        hidden: false,
    }
}

pub(super) fn reference(session: &SessionName, id: &MessageId) -> MessageRef {
    MessageRef {
        session: session.as_str().to_owned(),
        id: id.stanza_id.clone(),
        from_me: Some(id.from_me),
        chat: Some(id.chat.as_str().to_owned()),
    }
}

/// Did the sender of `resolved` write that message?
fn wrote(resolved: &ResolvedMessage<'_>, row: &MessageRow) -> bool {
    row.from_me == resolved.facts.id.from_me
        && (row.sender == resolved.sender.as_str()
            || resolved.sender_alt.as_ref().is_some_and(|alt| row.sender == alt.as_str()))
}

/// The message that a key inside `resolved` names. `fromMe` in a key is seen from its writer's side.
async fn target_id(
    client: &Client,
    resolved: &ResolvedMessage<'_>,
    key: &wa::MessageKey,
) -> Option<MessageId> {
    let stanza_id = key.id.clone().filter(|id| !id.is_empty())?;
    let own_letter = resolved.facts.id.from_me;
    let chat = resolved.facts.id.chat.clone();
    let writers_own = key.from_me.unwrap_or(false);
    if resolved.facts.id.participant.is_none() {
        return Some(MessageId { from_me: writers_own == own_letter, chat, stanza_id, participant: None });
    }
    let author = key.participant.as_deref().and_then(|jid| jid.parse::<Jid>().ok());
    let (from_me, participant) = match author {
        Some(jid) if !writers_own => {
            let from_me = address::is_own(client, &jid);
            (from_me, address::resolve(client, &jid, None).await.map(|address| address.id))
        }
        _ => (own_letter, resolved.facts.id.participant.clone()),
    };
    Some(MessageId { from_me, chat, stanza_id, participant })
}
