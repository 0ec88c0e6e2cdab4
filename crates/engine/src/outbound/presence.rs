//! Read receipts and typing: sent at once or not at all, nothing of them is stored.

use std::collections::BTreeMap;

use wakeeper_model::Ack;
use wakeeper_storage::{Change, MessageQuery, MessageRef, MessageRow};
use whatsapp_rust::{Client, Jid};

use crate::ops::reading;
use crate::outbound::Outbound;
use crate::outbound::error::SendError;
use crate::outbound::outgoing::{Seen, Sent, Typing};

/// Unread messages that one call without ids marks as read at most.
const MAX_MESSAGES: u32 = 1000;

const FAILED: SendError = SendError::Failed { reason: "the connection broke" };

fn sent() -> Sent {
    Sent { payload: None, replayed: false }
}

fn jid(text: &str) -> Result<Jid, SendError> {
    text.parse().map_err(|_| SendError::InvalidRequest("no such chat".to_owned()))
}

/// Tells the senders that their messages were read.
pub(crate) async fn seen(outbound: &Outbound, seen: Seen) -> Result<Sent, SendError> {
    let client = outbound.ready().await?;
    let rows = if seen.messages.is_empty() {
        unread(outbound, &seen).await?
    } else {
        named(outbound, &seen).await?
    };
    tell_read(outbound, &client, &rows).await?;
    Ok(sent())
}

/// Tells the senders of these messages that they were read, and stores it.
pub(crate) async fn tell_read(
    outbound: &Outbound,
    client: &Client,
    rows: &[MessageRow],
) -> Result<(), SendError> {
    // One receipt speaks of one sender in one chat, under the name their messages came with.
    let mut groups: BTreeMap<(String, Option<String>), Vec<&MessageRow>> = BTreeMap::new();
    for row in rows {
        groups.entry((row.wire.chat.clone(), row.wire.participant.clone())).or_default().push(row);
    }
    for ((chat, participant), rows) in &groups {
        let sender = participant.as_deref().map(jid).transpose()?;
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        client.mark_as_read(&jid(chat)?, sender.as_ref(), &ids).await.map_err(|_| FAILED)?;
    }
    let read = i32::from(Ack::Read.number());
    let changes: Vec<Change> = rows
        .iter()
        .map(|row| Change::Ack { target: reference(row), ack: read, events: Vec::new() })
        .collect();
    if !changes.is_empty() {
        outbound.journal.commit(changes).await?;
    }
    Ok(())
}

fn reference(row: &MessageRow) -> MessageRef {
    MessageRef {
        session: row.session.clone(),
        id: row.id.clone(),
        from_me: Some(row.from_me),
        chat: Some(row.chat.clone()),
    }
}

async fn unread(outbound: &Outbound, seen: &Seen) -> Result<Vec<MessageRow>, SendError> {
    let query = MessageQuery {
        chats: reading::names(&outbound.state, &seen.chat).await,
        limit: MAX_MESSAGES,
        from_me: Some(false),
        ack: Some(i32::from(Ack::Device.number())),
        ..MessageQuery::default()
    };
    Ok(outbound.journal.storage().messages(outbound.state.name().as_str(), query).await?)
}

async fn named(outbound: &Outbound, seen: &Seen) -> Result<Vec<MessageRow>, SendError> {
    let mut rows = Vec::with_capacity(seen.messages.len());
    for id in &seen.messages {
        let target = MessageRef {
            session: outbound.state.name().as_str().to_owned(),
            id: id.stanza_id.clone(),
            from_me: Some(false),
            chat: None,
        };
        let row = outbound.journal.storage().message(&target).await?;
        rows.push(row.ok_or(SendError::MessageNotFound)?);
    }
    Ok(rows)
}

/// Shows or hides "typing".
pub(crate) async fn typing(outbound: &Outbound, typing: Typing) -> Result<Sent, SendError> {
    let client = outbound.ready().await?;
    let chat = jid(&typing.chat.to_wire())?;
    let state = client.chatstate();
    let result =
        if typing.typing { state.send_composing(&chat).await } else { state.send_paused(&chat).await };
    result.map_err(|_| FAILED)?;
    Ok(sent())
}
