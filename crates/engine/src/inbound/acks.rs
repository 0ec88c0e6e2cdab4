//! Receipts: how far own messages got.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use wakeeper_model::{Ack, ChatId, MessageId};
use wakeeper_storage::{Change, MessageRef, NewEvent, StorageError};
use wakeeper_waha::{EventName, MessageAck};
use whatsapp_rust::Jid;
use whatsapp_rust::prelude::Event;
use whatsapp_rust::wacore::types::events::Receipt;
use whatsapp_rust::wacore::types::presence::ReceiptType;

use crate::address;
use crate::inbound::inbox::Inbox;
use crate::message::{Facts, ack_payload};
use crate::ops::presence;
use crate::outbound::inflight::Inflight;

/// Receipts stored in one commit at most.
const BATCH: usize = 256;

/// Work that comes from a client's events.
pub(crate) enum Job {
    /// A receipt.
    Receipt(Arc<Event>),
    /// Messages that the durability hook did not see (channels, recovered placeholders).
    Messages(Arc<Event>),
    /// Somebody came, went or began to write.
    Presence(Arc<Event>),
    /// Receipts that had to wait for their send.
    Held(Vec<Receipted>),
}

/// One own message that got further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipted {
    /// Its stanza id.
    pub id: String,
    /// How far.
    pub ack: Ack,
    /// With whom: of a group, one of its members.
    pub with: Jid,
    /// When, in seconds since 1970.
    pub timestamp_s: i64,
}

/// Stores receipts and stray messages of one session, in order, many to a commit.
pub(crate) async fn work(
    inbox: Inbox,
    inflight: Arc<Inflight>,
    mut jobs: UnboundedReceiver<Job>,
    gone: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        // What came before the end is still stored: WhatsApp will not tell it again.
        let count = tokio::select! {
            biased;
            count = jobs.recv_many(&mut batch, BATCH) => count,
            () = gone.cancelled() => 0,
        };
        if count == 0 {
            return;
        }
        let mut receipts = Vec::new();
        for job in batch.drain(..) {
            match job {
                Job::Receipt(event) => {
                    if let Event::Receipt(receipt) = &*event {
                        receipts
                            .extend(read(&inbox, receipt).into_iter().filter_map(|one| inflight.hold(one)));
                    }
                }
                Job::Presence(event) => presence::take(&inbox, &event).await,
                Job::Held(held) => receipts.extend(held),
                Job::Messages(event) => stray(&inbox, &event, &gone).await,
            }
        }
        store(&inbox, receipts, &gone).await;
    }
}

async fn stray(inbox: &Inbox, event: &Event, gone: &CancellationToken) {
    let (Event::Messages(batch), Some(client)) = (event, inbox.state.client()) else { return };
    // WhatsApp does not send these again: they wait here for room on the disk.
    while let Err(error) = inbox.commit(&client, &batch.messages).await {
        if error.disk_cause().is_none() || !room(inbox, gone).await {
            tracing::error!(session = %inbox.state.name(), %error, "a message outside WhatsApp's queue was lost");
            return;
        }
    }
}

/// The own messages a receipt speaks of; none when it comes from this account's other devices.
fn read(inbox: &Inbox, receipt: &Receipt) -> Vec<Receipted> {
    let ack = match receipt.r#type {
        ReceiptType::Delivered | ReceiptType::Inactive => Ack::Device,
        ReceiptType::Read => Ack::Read,
        ReceiptType::Played => Ack::Played,
        _ => return Vec::new(),
    };
    let own = inbox.state.client().is_some_and(|client| address::is_own(&client, &receipt.source.sender));
    if own || receipt.source.is_from_me {
        return Vec::new();
    }
    let timestamp_s = receipt.timestamp.timestamp();
    let with = &receipt.source.sender;
    let one = |id: &String| Receipted { id: id.clone(), ack, with: with.clone(), timestamp_s };
    receipt.message_ids.iter().map(one).collect()
}

/// Waits for room on the disk; `false` when the session ends first.
async fn room(inbox: &Inbox, gone: &CancellationToken) -> bool {
    tokio::select! {
        () = inbox.journal.pause() => true,
        () = gone.cancelled() => false,
    }
}

async fn store(inbox: &Inbox, receipts: Vec<Receipted>, gone: &CancellationToken) {
    let mut changes = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        match changes_of(inbox, receipt).await {
            Ok(more) => changes.extend(more),
            Err(error) => tracing::error!(session = %inbox.state.name(), %error, "a receipt was not stored"),
        }
    }
    if changes.is_empty() {
        return;
    }
    // WhatsApp does not send these again: they wait here for room on the disk.
    while let Err(error) = inbox.journal.commit(changes.clone()).await {
        if error.disk_cause().is_none() || !room(inbox, gone).await {
            tracing::error!(session = %inbox.state.name(), %error, "receipts were not stored");
            return;
        }
    }
}

/// What a receipt changes and tells.
async fn changes_of(inbox: &Inbox, receipt: Receipted) -> Result<Vec<Change>, StorageError> {
    let session = inbox.state.name();
    let target = MessageRef {
        session: session.as_str().to_owned(),
        id: receipt.id.clone(),
        from_me: Some(true),
        chat: None,
    };
    let Some(row) = inbox.journal.storage().message(&target).await? else { return Ok(Vec::new()) };
    let Ok(chat) = row.chat.parse::<ChatId>() else { return Ok(Vec::new()) };
    let rises = row.ack < i32::from(receipt.ack.number());
    let in_group = chat.is_group();
    let (name, participant) = if in_group {
        (EventName::MessageAckGroup, member(inbox, &receipt.with).await)
    } else if rises {
        (EventName::MessageAck, row.participant.parse().ok())
    } else {
        return Ok(Vec::new());
    };
    let facts = Facts {
        id: MessageId {
            from_me: true,
            chat,
            stanza_id: receipt.id,
            participant: row.participant.parse().ok(),
        },
        wire: row.wire,
        me: inbox.state.own_id(),
        timestamp_s: receipt.timestamp_s,
        ack: receipt.ack,
        from_api: false,
        push_name: None,
        media_url: None,
    };
    let payload = MessageAck { participant, ..ack_payload(&facts) }.into();
    // Reactions, edits and deletions are delivered too, but have no acknowledgement of their own to show.
    let event = if row.hidden { None } else { inbox.journal.event(session, &row.chat, name, &payload) };
    let events: Vec<NewEvent> = event.into_iter().collect();
    let ack = i32::from(receipt.ack.number());
    if !in_group {
        return Ok(vec![Change::Ack { target, ack, events }]);
    }
    // A group's message goes its own way with each of its members, so each is told, whoever had it first.
    let mut changes = vec![Change::Events(events)];
    if rises {
        changes.push(Change::Ack { target, ack, events: Vec::new() });
    }
    Ok(changes)
}

/// A member of a group as callers know them.
async fn member(inbox: &Inbox, jid: &Jid) -> Option<ChatId> {
    match inbox.state.client() {
        Some(client) => address::resolve(&client, jid, None).await.map(|address| address.id),
        None => address::chat_id(jid),
    }
}
