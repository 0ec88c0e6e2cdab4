//! Receipts: how far own messages got; and changes of groups.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use wakeeper_model::{Ack, MessageId};
use wakeeper_storage::{Change, MessageRef};
use wakeeper_waha::EventName;
use whatsapp_rust::prelude::Event;
use whatsapp_rust::wacore::types::events::Receipt;
use whatsapp_rust::wacore::types::presence::ReceiptType;

use crate::address;
use crate::inbound::groups;
use crate::inbound::inbox::Inbox;
use crate::message::{Facts, ack_payload};
use crate::outbound::inflight::Inflight;

/// Receipts stored in one commit at most.
const BATCH: usize = 256;

/// Work that comes from a client's events.
pub(crate) enum Job {
    /// A receipt.
    Receipt(Arc<Event>),
    /// Messages that the durability hook did not see (channels, recovered placeholders).
    Messages(Arc<Event>),
    /// A change of a group.
    Group(Arc<Event>),
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
                Job::Held(held) => receipts.extend(held),
                Job::Messages(event) => stray(&inbox, &event, &gone).await,
                Job::Group(event) => group(&inbox, &event, &gone).await,
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

async fn group(inbox: &Inbox, event: &Event, gone: &CancellationToken) {
    let Event::GroupUpdate(update) = event else { return };
    let events = groups::events(inbox, update).await;
    if events.is_empty() {
        return;
    }
    // WhatsApp does not send these again: they wait here for room on the disk.
    while let Err(error) = inbox.journal.commit(vec![Change::Events(events.clone())]).await {
        if error.disk_cause().is_none() || !room(inbox, gone).await {
            tracing::error!(session = %inbox.state.name(), %error, "a change of a group was not stored; webhooks do not hear of it");
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
    receipt.message_ids.iter().map(|id| Receipted { id: id.clone(), ack, timestamp_s }).collect()
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
        match change(inbox, receipt).await {
            Ok(change) => changes.extend(change),
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

async fn change(inbox: &Inbox, receipt: Receipted) -> Result<Option<Change>, wakeeper_storage::StorageError> {
    let session = inbox.state.name();
    let target = MessageRef {
        session: session.as_str().to_owned(),
        id: receipt.id.clone(),
        from_me: Some(true),
        chat: None,
    };
    let Some(row) = inbox.journal.storage().message(&target).await? else { return Ok(None) };
    if row.ack >= i32::from(receipt.ack.number()) {
        return Ok(None);
    }
    let Ok(chat) = row.chat.parse() else { return Ok(None) };
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
    // Reactions, edits and deletions are delivered too, but have no acknowledgement of their own to show.
    let events = if row.hidden {
        Vec::new()
    } else {
        inbox
            .journal
            .event(session, &row.chat, EventName::MessageAck, &ack_payload(&facts).into())
            .into_iter()
            .collect()
    };
    Ok(Some(Change::Ack { target, ack: i32::from(receipt.ack.number()), events }))
}
