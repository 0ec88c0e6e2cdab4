//! What the account's other devices did to chats and people (app state), and what WhatsApp says of these besides messages.
//!
//! The client acknowledges app state by itself, so it is stored soon after. Facts: whatsapp-rust 0.7.0,
//! `features/chat_actions::dispatch_chat_mutation`; WhatsApp writes the end of a mute in milliseconds and -1 for good.

use tokio_util::sync::CancellationToken;
use wakeeper_model::{ChatId, ChatKind};
use wakeeper_storage::{Change, ChatChange, ChatUpdate, ContactUpdate};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::Event;
use whatsapp_rust::prelude::wa::sync_action_value::SyncActionMessageRange;
use whatsapp_rust::wacore::stanza::groups::GroupNotificationAction as Action;
use whatsapp_rust::wacore::types::presence::ReceiptType;
use whatsapp_rust::{Client, Jid};

use crate::address::{self, Address};
use crate::inbound::inbox::Inbox;
use crate::life::account::{self, Heard};
use crate::ops::chats;

/// Notes stored in one commit at most.
const BATCH: usize = 256;
/// What a new device is told is news when it happened so short a time ago, in seconds.
const NEWS_S: i64 = 300;
/// Longest name that is kept, in bytes; WhatsApp's own are shorter.
const LONGEST_NAME: usize = 1_024;
/// Later times than this are meant in milliseconds: in seconds it is the year 5138.
const LATEST_S: i64 = 100_000_000_000;

/// One thing that was learnt of a chat or a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Of whom.
    jid: Jid,
    /// When, in seconds since 1970.
    at_s: i64,
    /// It came with all that a device is told that knows nothing yet; that may be news all the same.
    is_first: bool,
    what: What,
}

/// A note, and of which account it is.
pub(crate) type HeardNote = (Heard, Note);

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Chat(ChatChange),
    Person { lid: Option<Jid>, update: ContactUpdate },
}

/// What an event tells of a chat or a person; `None` when it is nothing that is kept.
pub(crate) fn read(event: &Event) -> Option<Note> {
    let note = |jid: &Jid, at_s: i64, is_first: bool, what: What| {
        Some(Note { jid: jid.clone(), at_s, is_first, what })
    };
    match event {
        Event::ArchiveUpdate(one) => {
            let change = ChatChange::Archived(one.action.archived.unwrap_or_default());
            note(&one.jid, one.timestamp.timestamp(), one.from_full_sync, What::Chat(change))
        }
        Event::PinUpdate(one) => {
            let at_s = one.timestamp.timestamp();
            let change = ChatChange::Pinned(one.action.pinned.unwrap_or_default().then_some(at_s));
            note(&one.jid, at_s, one.from_full_sync, What::Chat(change))
        }
        Event::MuteUpdate(one) => {
            let until = one.action.mute_end_timestamp.filter(|until| *until != 0).unwrap_or(-1);
            let change = ChatChange::Muted(one.action.muted.unwrap_or_default().then_some(until));
            note(&one.jid, one.timestamp.timestamp(), one.from_full_sync, What::Chat(change))
        }
        Event::MarkChatAsReadUpdate(one) => {
            let read = one.action.read.unwrap_or_default();
            let at_s = one.timestamp.timestamp();
            let until_s = until(&one.action.message_range, at_s);
            let change = if read { ChatChange::Read { until_s } } else { ChatChange::MarkedUnread };
            note(&one.jid, at_s, one.from_full_sync, What::Chat(change))
        }
        Event::DeleteChatUpdate(one) => {
            let at_s = one.timestamp.timestamp();
            let until_s = until(&one.action.message_range, at_s);
            note(&one.jid, at_s, one.from_full_sync, What::Chat(ChatChange::Deleted { until_s }))
        }
        Event::ClearChatUpdate(one) => {
            let at_s = one.timestamp.timestamp();
            let until_s = until(&one.action.message_range, at_s);
            note(&one.jid, at_s, one.from_full_sync, What::Chat(ChatChange::Cleared { until_s }))
        }
        Event::ContactUpdate(one) => {
            let action = &one.action;
            let update = ContactUpdate {
                name: Some(name(
                    action.full_name.as_deref().or(action.first_name.as_deref()).unwrap_or_default(),
                )),
                short_name: Some(name(action.first_name.as_deref().unwrap_or_default())),
                saved: Some(action.full_name.is_some() || action.first_name.is_some()),
                ..ContactUpdate::default()
            };
            let lid = action.lid_jid.as_deref().and_then(|lid| lid.parse().ok());
            note(&one.jid, one.timestamp.timestamp(), one.from_full_sync, What::Person { lid, update })
        }
        Event::BusinessStatusUpdate(one) => {
            let business_name = Some(name(one.verified_name.as_deref()?));
            let update = ContactUpdate { business_name, ..ContactUpdate::default() };
            let jid = one.target_jid.as_ref().unwrap_or(&one.jid);
            note(jid, one.timestamp.timestamp(), false, What::Person { lid: None, update })
        }
        Event::GroupUpdate(one) => {
            let Action::Subject { subject, .. } = &one.action else { return None };
            let at_s = one.timestamp.timestamp();
            let change = ChatChange::Named { name: name(subject), at_s };
            note(&one.group_jid, at_s, false, What::Chat(change))
        }
        Event::Receipt(one) if one.r#type == ReceiptType::ReadSelf => {
            let until_s = one.timestamp.timestamp();
            note(&one.source.chat, until_s, false, What::Chat(ChatChange::Read { until_s }))
        }
        _ => None,
    }
}

/// Until when a change is about the messages of a chat: those that other devices saw when it was made.
fn until(range: &MessageField<SyncActionMessageRange>, at_s: i64) -> i64 {
    range.as_option().and_then(|range| range.last_message_timestamp).map_or(at_s, seconds)
}

/// WhatsApp's ranges are in seconds; some clients write milliseconds.
fn seconds(timestamp: i64) -> i64 {
    if timestamp > LATEST_S { timestamp / 1_000 } else { timestamp }
}

/// The end of a mute in milliseconds, whichever it is written in; `None` where there is none.
pub(crate) fn mute_end(end: u64) -> Option<i64> {
    match i64::try_from(end) {
        Ok(0) => None,
        Ok(end) if end > LATEST_S => Some(end),
        Ok(end) => Some(end * 1_000),
        // -1: for good.
        Err(_) => Some(-1),
    }
}

/// A name as it is kept: no longer than any that is meant.
pub(crate) fn name(text: &str) -> String {
    let mut end = text.len().min(LONGEST_NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Stores notes in their order. WhatsApp does not tell them again, so they wait for room on the disk.
pub(crate) async fn store(inbox: &Inbox, notes: Vec<HeardNote>, gone: &CancellationToken) {
    if notes.is_empty() {
        return;
    }
    let present = match account::present_patiently(&inbox.state, &inbox.journal, gone).await {
        Ok(Some(present)) => present,
        Ok(None) => return,
        Err(error) => {
            tracing::error!(session = %inbox.state.name(), %error, "what other devices did to chats was not stored");
            return;
        }
    };
    let all = notes.len();
    let notes: Vec<Note> =
        notes.into_iter().filter(|(heard, _)| heard.is_of(&present)).map(|(_, note)| note).collect();
    if notes.len() < all {
        tracing::warn!(session = %inbox.state.name(), count = all - notes.len(),
            "what was told of another account's chats is not stored");
    }
    let client = inbox.state.client();
    let mut changes = Vec::new();
    for note in notes {
        let Some(address) = resolved(client.as_deref(), &note.jid).await else { continue };
        let gone_until = match &note.what {
            What::Chat(ChatChange::Deleted { until_s } | ChatChange::Cleared { until_s }) => Some(*until_s),
            _ => None,
        };
        changes.extend(change(inbox, client.as_deref(), note, &address).await);
        if let Some(until_s) = gone_until {
            commit(inbox, std::mem::take(&mut changes), gone).await;
            let names = [Some(address.id), address.alt].into_iter().flatten().map(String::from).collect();
            forget(inbox, names, until_s, gone).await;
        } else if changes.len() >= BATCH {
            commit(inbox, std::mem::take(&mut changes), gone).await;
        }
    }
    commit(inbox, changes, gone).await;
}

/// Forgets messages that another device deleted, and waits for the disk: nobody says it again.
async fn forget(inbox: &Inbox, names: Vec<String>, until_s: i64, gone: &CancellationToken) {
    let forgotten = tokio::select! {
        forgotten = chats::forget_patiently(&inbox.journal, names, until_s) => forgotten,
        () = gone.cancelled() => return,
    };
    if let Err(error) = forgotten {
        tracing::error!(session = %inbox.state.name(), %error, "messages that another device deleted are still stored");
    }
}

async fn change(inbox: &Inbox, client: Option<&Client>, note: Note, address: &Address) -> Option<Change> {
    let id = address.id.as_str().to_owned();
    match note.what {
        What::Chat(change) => {
            if inbox.ignores(&address.id) {
                return None;
            }
            let now_s = inbox.state.clock().now_ms() / 1_000;
            let is_news = !note.is_first || now_s.saturating_sub(note.at_s) < NEWS_S;
            let events = match &change {
                ChatChange::Archived(archived) if is_news => {
                    chats::archive_event(&inbox.journal, &inbox.state, &address.id, *archived, note.at_s)
                }
                _ => Vec::new(),
            };
            Some(Change::Chat(ChatUpdate { id, change, events }))
        }
        What::Person { lid, update } => {
            let lid = match &lid {
                Some(lid) => resolved(client, lid).await.and_then(lid_of),
                None => address.alt.clone().filter(|alt| alt.kind() == ChatKind::Lid),
            };
            Some(Change::Contact(ContactUpdate { id, lid: lid.map(String::from), ..update }))
        }
    }
}

/// A chat or person under both names, as far as they are known when the connection is over.
async fn resolved(client: Option<&Client>, jid: &Jid) -> Option<Address> {
    match client {
        Some(client) => address::resolve(client, jid, None).await,
        None => address::chat_id(jid).map(|id| Address { id, alt: None }),
    }
}

fn lid_of(address: Address) -> Option<ChatId> {
    [Some(address.id), address.alt].into_iter().flatten().find(|id| id.kind() == ChatKind::Lid)
}

async fn commit(inbox: &Inbox, changes: Vec<Change>, gone: &CancellationToken) {
    if changes.is_empty() {
        return;
    }
    let stored = tokio::select! {
        stored = inbox.journal.commit_patiently(changes) => stored,
        () = gone.cancelled() => return,
    };
    if let Err(error) = stored {
        tracing::error!(session = %inbox.state.name(), %error, "what other devices did to chats was not stored");
    }
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::prelude::wa;
    use whatsapp_rust::wacore::types::events::{ContactUpdate as Contact, MuteUpdate, PinUpdate};

    use super::*;

    fn jid() -> Jid {
        "491702000001@s.whatsapp.net".parse().unwrap()
    }

    fn moment() -> whatsapp_rust::chrono::DateTime<whatsapp_rust::chrono::Utc> {
        whatsapp_rust::chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn what(event: &Event) -> What {
        read(event).unwrap().what
    }

    #[test]
    fn mutes_and_pins_say_until_and_since_when() {
        let mute = |muted, end| {
            let action = wa::sync_action_value::MuteAction {
                muted: Some(muted),
                mute_end_timestamp: end,
                ..Default::default()
            };
            let update = MuteUpdate::builder().jid(jid()).timestamp(moment()).action(Box::new(action));
            what(&Event::MuteUpdate(update.from_full_sync(false).build()))
        };
        assert_eq!(mute(true, Some(7)), What::Chat(ChatChange::Muted(Some(7))));
        assert_eq!(mute(true, Some(-1)), What::Chat(ChatChange::Muted(Some(-1))));
        assert_eq!(mute(true, None), What::Chat(ChatChange::Muted(Some(-1))));
        assert_eq!(mute(false, Some(7)), What::Chat(ChatChange::Muted(None)));
        let pin = |pinned| {
            let action = wa::sync_action_value::PinAction { pinned: Some(pinned) };
            let update = PinUpdate::builder().jid(jid()).timestamp(moment()).action(Box::new(action));
            what(&Event::PinUpdate(update.from_full_sync(true).build()))
        };
        assert_eq!(pin(true), What::Chat(ChatChange::Pinned(Some(1_700_000_000))));
        assert_eq!(pin(false), What::Chat(ChatChange::Pinned(None)));
    }

    #[test]
    fn a_contact_without_a_name_leaves_the_address_book() {
        let contact = |full: Option<&str>| {
            let action = wa::sync_action_value::ContactAction {
                full_name: full.map(str::to_owned),
                lid_jid: Some("77@lid".to_owned()),
                ..Default::default()
            };
            let update = Contact::builder().jid(jid()).timestamp(moment()).action(Box::new(action));
            let What::Person { lid, update } =
                what(&Event::ContactUpdate(update.from_full_sync(false).build()))
            else {
                panic!("a person")
            };
            assert_eq!(lid.unwrap().to_string(), "77@lid");
            (update.name, update.saved)
        };
        assert_eq!(contact(Some("Ann Lee")), (Some("Ann Lee".to_owned()), Some(true)));
        assert_eq!(contact(None), (Some(String::new()), Some(false)), "an empty name takes it away");
    }

    #[test]
    fn a_name_that_is_too_long_is_cut_between_letters() {
        let long = "ä".repeat(LONGEST_NAME);
        assert_eq!(name(&long).len(), LONGEST_NAME);
        assert_eq!(name(&format!("a{long}")).len(), LONGEST_NAME - 1);
        assert_eq!((mute_end(0), mute_end(u64::MAX)), (None, Some(-1)));
        assert_eq!(mute_end(4_000_000_000), mute_end(4_000_000_000_000));
        assert_eq!((seconds(1_700_000_000_000), seconds(1_700_000_000)), (1_700_000_000, 1_700_000_000));
    }
}
