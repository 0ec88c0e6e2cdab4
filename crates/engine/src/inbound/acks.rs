//! Receipts: how far own messages got; and changes of groups.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use wakeeper_model::{Ack, ChatId, MessageId};
use wakeeper_storage::{Change, MessageRef, MessageRow, NewEvent};
use wakeeper_waha::{EventName, MessageAck};
use whatsapp_rust::Jid;
use whatsapp_rust::prelude::Event;
use whatsapp_rust::wacore::types::events::Receipt;
use whatsapp_rust::wacore::types::presence::ReceiptType;
use whatsapp_rust::wacore_binary::JidExt as _;

use crate::address;
use crate::inbound::calls;
use crate::inbound::groups;
use crate::inbound::inbox::Inbox;
use crate::inbound::jobs::Jobs;
use crate::inbound::labels;
use crate::inbound::notes;
use crate::inbound::waiting;
use crate::life::state::SessionState;
use crate::message::{Facts, ack_payload};
use crate::ops::presence;

/// Receipts stored in one commit at most.
const BATCH: usize = 256;
/// Of so many messages and members it is remembered how far they got.
const MEMBERS: usize = 8192;

/// One own message that got further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipted {
    /// Its stanza id.
    pub id: String,
    /// How far.
    pub ack: Ack,
    /// Of a message to a group: which of its members.
    pub member: Option<Jid>,
    /// When, in seconds since 1970.
    pub timestamp_s: i64,
}

/// How far messages to groups got with each member, for those of the last time: a member has several devices, each of which
/// tells of it, and WhatsApp tells of one again when it does not know that it was heard.
#[derive(Default)]
struct Members {
    acks: HashMap<(String, Jid), Ack>,
    /// Those that came first go first.
    order: VecDeque<(String, Jid)>,
}

impl Members {
    /// Whether a receipt says more of its member than was known.
    fn rose(&mut self, receipt: &Receipted) -> bool {
        let Some(member) = &receipt.member else { return true };
        let key = (receipt.id.clone(), member.clone());
        if let Some(known) = self.acks.get_mut(&key) {
            let rose = receipt.ack.number() > known.number();
            if rose {
                *known = receipt.ack;
            }
            return rose;
        }
        if self.order.len() == MEMBERS
            && let Some(oldest) = self.order.pop_front()
        {
            self.acks.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.acks.insert(key, receipt.ack);
        true
    }
}

/// Stores receipts and stray messages of one session, in order, many to a commit.
pub(crate) async fn work(inbox: Inbox, jobs: Arc<Jobs>, gone: CancellationToken) {
    let mut members = Members::default();
    loop {
        // What came before the end is still stored: WhatsApp will not tell it again.
        let batch = tokio::select! {
            biased;
            batch = jobs.next(BATCH) => batch,
            () = gone.cancelled() => return,
        };
        seen(&inbox, &batch.presences).await;
        let (unread, untold): (Vec<_>, Vec<_>) =
            batch.untold.into_iter().partition(|event| matches!(&**event, Event::UndecryptableMessage(_)));
        for event in untold {
            match &*event {
                Event::GroupUpdate(_) | Event::IncomingCall(_) => told(&inbox, &event, &gone).await,
                _ => stray(&inbox, &event, &gone).await,
            }
        }
        notes::store(&inbox, batch.notes, &gone).await;
        labels::store(&inbox, batch.labels, &gone).await;
        let mut receipts = batch.receipts;
        receipts.retain(|receipt| members.rose(receipt));
        store(&inbox, receipts, &gone).await;
        // Last: there may be many, and receipts must not wait for them.
        for event in unread {
            told(&inbox, &event, &gone).await;
        }
    }
}

/// Who came, went or began to write. That is old news in a moment, so it waits for nothing.
async fn seen(inbox: &Inbox, sights: &[Arc<Event>]) {
    let mut events = Vec::new();
    for sight in sights {
        events.extend(presence::take(inbox, sight).await);
    }
    if events.is_empty() {
        return;
    }
    if let Err(error) = inbox.journal.commit(vec![Change::Events(events)]).await {
        tracing::warn!(session = %inbox.state.name(), %error, "who came and went was not stored; webhooks do not hear of it");
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

/// Changes of groups, signals of calls and messages that cannot be read.
async fn told(inbox: &Inbox, event: &Event, gone: &CancellationToken) {
    let events = match event {
        Event::GroupUpdate(update) => groups::events(inbox, update).await,
        Event::IncomingCall(call) => calls::events(inbox, call).await,
        Event::UndecryptableMessage(failed) => waiting::events(inbox, failed).await,
        _ => return,
    };
    if events.is_empty() {
        return;
    }
    // WhatsApp does not send these again: they wait here for room on the disk.
    while let Err(error) = inbox.journal.commit(vec![Change::Events(events.clone())]).await {
        if error.disk_cause().is_none() || !room(inbox, gone).await {
            tracing::error!(session = %inbox.state.name(), %error, "a change of a group, a call or a message that cannot be read was not stored; webhooks do not hear of it");
            return;
        }
    }
}

/// The own messages a receipt speaks of; none when it comes from this account's other devices.
pub(crate) fn read(state: &SessionState, receipt: &Receipt) -> Vec<Receipted> {
    let ack = match receipt.r#type {
        ReceiptType::Delivered | ReceiptType::Inactive => Ack::Device,
        ReceiptType::Read => Ack::Read,
        ReceiptType::Played => Ack::Played,
        _ => return Vec::new(),
    };
    let own = state.client().is_some_and(|client| address::is_own(&client, &receipt.source.sender));
    if own || receipt.source.is_from_me {
        return Vec::new();
    }
    let timestamp_s = receipt.timestamp.timestamp();
    // The client leaves `is_group` of a receipt unset.
    let member = receipt.source.chat.is_group().then(|| receipt.source.sender.to_non_ad());
    let one = |id: &String| Receipted { id: id.clone(), ack, member: member.clone(), timestamp_s };
    receipt.message_ids.iter().map(one).collect()
}

/// Waits for room on the disk; `false` when the session ends first.
pub(super) async fn room(inbox: &Inbox, gone: &CancellationToken) -> bool {
    tokio::select! {
        () = inbox.journal.pause() => true,
        () = gone.cancelled() => false,
    }
}

/// Stores receipts, soon: WhatsApp does not send them again, so they wait for room on the disk.
async fn store(inbox: &Inbox, receipts: Vec<Receipted>, gone: &CancellationToken) {
    let mut changes = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let member = match &receipt.member {
            Some(jid) => member(inbox, jid).await,
            None => None,
        };
        changes.push(change(inbox, receipt, member));
    }
    if changes.is_empty() {
        return;
    }
    let stored = tokio::select! {
        biased;
        stored = inbox.journal.commit_soon(&inbox.state, changes) => stored,
        // They have their place, and are stored if there is room before the end.
        () = gone.cancelled() => return,
    };
    if let Err(error) = stored {
        tracing::error!(session = %inbox.state.name(), %error, "receipts were not stored");
    }
}

fn change(inbox: &Inbox, receipt: Receipted, member: Option<ChatId>) -> Change {
    let target = MessageRef {
        session: inbox.state.name().as_str().to_owned(),
        id: receipt.id.clone(),
        from_me: Some(true),
        chat: None,
    };
    let ack = i32::from(receipt.ack.number());
    let (inbox, of_a_member) = (inbox.clone(), receipt.member.is_some());
    let tell = Arc::new(move |row: &MessageRow| events(&inbox, &receipt, member.as_ref(), row));
    // A group's message goes its own way with each of its members, so each is told of, whoever had it first.
    Change::Receipt { target, ack, told_always: of_a_member, tell }
}

/// A member of a group as callers know them.
async fn member(inbox: &Inbox, jid: &Jid) -> Option<ChatId> {
    match inbox.state.client() {
        Some(client) => address::resolve(&client, jid, None).await.map(|address| address.id),
        None => address::chat_id(jid),
    }
}

/// What a receipt tells of a message.
fn events(inbox: &Inbox, receipt: &Receipted, member: Option<&ChatId>, row: &MessageRow) -> Vec<NewEvent> {
    // Reactions, edits and deletions are delivered too, but have no acknowledgement of their own to show.
    let Some(chat) = row.chat.parse::<ChatId>().ok().filter(|_| !row.hidden) else { return Vec::new() };
    let in_group = chat.is_group();
    let facts = Facts {
        id: MessageId {
            from_me: true,
            chat,
            stanza_id: receipt.id.clone(),
            participant: row.participant.parse().ok(),
        },
        wire: row.wire.clone(),
        me: inbox.state.own_id(),
        timestamp_s: receipt.timestamp_s,
        ack: receipt.ack,
        from_api: false,
        push_name: None,
        media_url: None,
    };
    let ack = ack_payload(&facts);
    let (name, ack) = if in_group {
        (EventName::MessageAckGroup, MessageAck { participant: member.cloned(), ..ack })
    } else {
        (EventName::MessageAck, ack)
    };
    let event = inbox.journal.event(inbox.state.name(), &row.chat, name, &ack.into());
    event.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(id: &str, member: Option<&str>, ack: Ack) -> Receipted {
        let member = member.map(|jid| jid.parse().unwrap());
        Receipted { id: id.to_owned(), ack, member, timestamp_s: 1 }
    }

    #[test]
    fn a_member_is_told_of_once_and_never_backwards() {
        let mut members = Members::default();
        let (anna, ben) = (Some("491701000001@s.whatsapp.net"), Some("491701000002@s.whatsapp.net"));
        let mut rose = |id, member, ack| members.rose(&receipt(id, member, ack));
        assert!(rose("A", anna, Ack::Device));
        assert!(!rose("A", anna, Ack::Device), "another device of hers");
        assert!(rose("A", ben, Ack::Device));
        assert!(rose("B", anna, Ack::Device));
        assert!(rose("A", anna, Ack::Read));
        assert!(!rose("A", anna, Ack::Device));
        assert!(rose("A", None, Ack::Device) && rose("A", None, Ack::Device), "no group's");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut members = Members::default();
        let anna = Some("491701000001@s.whatsapp.net");
        for number in 0..2 * MEMBERS {
            assert!(members.rose(&receipt(&number.to_string(), anna, Ack::Device)));
        }
        assert_eq!((members.acks.len(), members.order.len()), (MEMBERS, MEMBERS));
    }
}
