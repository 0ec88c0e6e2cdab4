//! Changes of labels, as WhatsApp's app state tells of them, to rows and events.
//!
//! App state has one order for all devices of an account, and the last change counts. The client hands changes on in that order,
//! own ones when WhatsApp has taken them, and one worker stores them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use wakeeper_model::ChatId;
use wakeeper_storage::{Change, LabelChange, LabelChatRow, LabelRow, NewEvent, StorageError};
use wakeeper_waha::{EventName, Label, LabelChatAssociation, Payload};
use whatsapp_rust::Jid;
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::prelude::Event;
use whatsapp_rust::prelude::wa::sync_action_value::LabelEditAction;

use crate::address;
use crate::inbound::acks::room;
use crate::inbound::inbox::Inbox;
use crate::life::account::{self, Heard};

/// Longest id of a label that is kept, in bytes. WhatsApp's are small numbers.
const LONGEST_ID: usize = 64;
/// Longest name of a label that is kept, in characters.
const LONGEST_NAME: usize = 500;
/// Changes stored in one commit at most.
const BATCH: usize = 256;

/// What became of a label.
pub(crate) enum Told {
    /// It was made, changed or deleted.
    Edited { id: String, action: Box<LabelEditAction> },
    /// A chat got it, or lost it.
    OnChat { id: String, chat: Jid, labeled: bool },
}

/// A change of a label that waits to be stored.
pub(crate) struct LabelJob {
    told: Told,
    /// Of which account it is.
    heard: Heard,
    /// It comes with all of the account's app state, as after linking: it is no news.
    known_before: bool,
    /// Told when it is stored.
    done: Option<oneshot::Sender<Result<(), StorageError>>>,
}

impl LabelJob {
    /// What another device did; `None` for what is malformed or too long.
    pub(crate) fn told(event: &Event, heard: Heard) -> Option<Self> {
        let (told, known_before) = match event {
            Event::LabelEditUpdate(update) => {
                let told = Told::Edited { id: update.label_id.clone(), action: update.action.clone() };
                (told, update.from_full_sync)
            }
            Event::LabelAssociationUpdate(update) => {
                let labeled = update.action.labeled.unwrap_or(false);
                let (id, chat) = (update.label_id.clone(), update.chat_jid.clone());
                (Told::OnChat { id, chat, labeled }, update.from_full_sync)
            }
            _ => return None,
        };
        let (Told::Edited { id, .. } | Told::OnChat { id, .. }) = &told;
        let fits = !id.is_empty() && id.len() <= LONGEST_ID;
        fits.then_some(Self { told, heard, known_before, done: None })
    }

    /// What this device did, with who waits until it is stored.
    pub(crate) fn own(told: Told, heard: Heard) -> (Self, oneshot::Receiver<Result<(), StorageError>>) {
        let (done, stored) = oneshot::channel();
        (Self { told, heard, known_before: false, done: Some(done) }, stored)
    }
}

/// The change of a label that this device makes just now. The client may tell of it, too: as of another device's, or as of what was
/// there before, when it had nothing of the account's labels yet.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<Option<Own>>);

struct Own {
    label: String,
    chat: Option<Jid>,
    /// What the client told of the same meanwhile.
    held: Vec<LabelJob>,
}

impl UnderWay {
    fn own(&self) -> MutexGuard<'_, Option<Own>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change of this label begins, of this chat when it concerns one.
    pub(crate) fn begin(&self, label: &str, chat: Option<&Jid>) {
        *self.own() = Some(Own { label: label.to_owned(), chat: chat.cloned(), held: Vec::new() });
    }

    /// It is over: what was told of the same meanwhile. It counts only when the change failed; else the change came last.
    pub(crate) fn end(&self) -> Vec<LabelJob> {
        self.own().take().map(|own| own.held).unwrap_or_default()
    }

    /// Holds what was told of the same; gives back what is about something else.
    pub(crate) fn hold(&self, job: LabelJob) -> Option<LabelJob> {
        let mut own = self.own();
        let (id, chat) = match &job.told {
            Told::Edited { id, .. } => (id, None),
            Told::OnChat { id, chat, .. } => (id, Some(chat)),
        };
        match own.as_mut().filter(|own| own.label == *id && own.chat.as_ref() == chat) {
            Some(own) => {
                own.held.push(job);
                None
            }
            None => Some(job),
        }
    }
}

/// Stores changes of labels, in their order.
pub(super) async fn store(inbox: &Inbox, jobs: Vec<LabelJob>, gone: &CancellationToken) {
    let mut jobs = jobs.into_iter().peekable();
    while jobs.peek().is_some() {
        let mut batch: Vec<_> = jobs.by_ref().take(BATCH).collect();
        let stored = match account::present_patiently(&inbox.state, &inbox.journal, gone).await {
            Ok(Some(present)) => {
                let all = batch.len();
                // Whoever asked for such a change hears that the session is gone.
                batch.retain(|job| job.heard.is_of(&present));
                if batch.len() < all {
                    tracing::warn!(session = %inbox.state.name(), count = all - batch.len(),
                        "what was told of another account's labels is not stored");
                }
                commit(inbox, &batch, gone).await
            }
            Ok(None) => Err(StorageError::Closed),
            Err(error) => Err(error),
        };
        if let Err(error) = &stored {
            tracing::error!(session = %inbox.state.name(), %error, "changes of labels were not stored");
        }
        for done in batch.into_iter().filter_map(|job| job.done) {
            // Whoever asked may have gone.
            let _ = done.send(stored.clone());
        }
    }
}

async fn commit(inbox: &Inbox, jobs: &[LabelJob], gone: &CancellationToken) -> Result<(), StorageError> {
    let rows = inbox.journal.storage().labels(inbox.state.name().as_str()).await?;
    let mut known: HashMap<_, _> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    let mut changes = Vec::with_capacity(jobs.len());
    for job in jobs {
        changes.extend(change(inbox, job, &mut known).await);
    }
    // WhatsApp does not tell these again: they wait here for room on the disk.
    while let Err(error) = inbox.journal.commit(changes.clone()).await {
        if error.disk_cause().is_none() || !room(inbox, gone).await {
            return Err(error);
        }
    }
    Ok(())
}

/// What a change does, seen from what is `known` so far.
async fn change(inbox: &Inbox, job: &LabelJob, known: &mut HashMap<String, LabelRow>) -> Option<Change> {
    let (change, name, payload): (_, _, Option<Payload>) = match &job.told {
        Told::Edited { id, action } => {
            let before = known.get(id);
            let row = edited(id, action, before)?;
            let was_there = before.is_some_and(|before| !before.deleted);
            let payload = (!row.deleted || was_there).then(|| shown(&row).into());
            let name = if row.deleted { EventName::LabelDeleted } else { EventName::LabelUpsert };
            known.insert(id.clone(), row.clone());
            (LabelChange::Label(row), name, payload)
        }
        Told::OnChat { id, chat, labeled } => {
            let (chat_id, names) = names(inbox, chat).await?;
            let label = known.get(id).filter(|row| !row.deleted).map(shown);
            let (label_id, wire) = (id.clone(), chat.to_string());
            let payload = LabelChatAssociation { label_id, chat_id: chat_id.clone(), label };
            let (change, name) = if *labeled {
                let row = LabelChatRow { label: id.clone(), chat: chat_id.to_string(), wire };
                (LabelChange::Added(row), EventName::LabelChatAdded)
            } else {
                (LabelChange::Removed { label: id.clone(), chats: names }, EventName::LabelChatDeleted)
            };
            (change, name, Some(payload.into()))
        }
    };
    let event = |payload: &Payload| -> Option<NewEvent> {
        inbox.journal.event(inbox.state.name(), "", name, payload)
    };
    let events = payload.filter(|_| !job.known_before).as_ref().and_then(event).into_iter().collect();
    Some(Change::Label { change, events })
}

/// The row of a label after a change; `None` when its name is longer than is kept.
fn edited(id: &str, action: &LabelEditAction, before: Option<&LabelRow>) -> Option<LabelRow> {
    let name = action.name.clone().or_else(|| before.map(|row| row.name.clone())).unwrap_or_default();
    if name.chars().count() > LONGEST_NAME {
        tracing::warn!("a label with a very long name was passed over");
        return None;
    }
    let color = action.color.or_else(|| before.map(|row| row.color)).unwrap_or_default();
    let deleted = action.deleted.unwrap_or(false);
    Some(LabelRow { id: id.to_owned(), name, color, deleted, action: action.encode_to_vec() })
}

/// A label as callers see it.
pub(crate) fn shown(row: &LabelRow) -> Label {
    Label::new(row.id.clone(), row.name.clone(), row.color)
}

/// The chat as callers know it, and every name that it may be stored under.
async fn names(inbox: &Inbox, chat: &Jid) -> Option<(ChatId, Vec<String>)> {
    let address = match inbox.state.client() {
        Some(client) => address::resolve(&client, chat, None).await?,
        None => address::Address { id: address::chat_id(chat)?, alt: None },
    };
    let names = [Some(&address.id), address.alt.as_ref()].into_iter().flatten().map(ToString::to_string);
    let names = names.collect();
    Some((address.id, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(name: Option<&str>, deleted: bool) -> LabelEditAction {
        LabelEditAction {
            name: name.map(str::to_owned),
            color: name.map(|_| 4),
            deleted: Some(deleted),
            ..LabelEditAction::default()
        }
    }

    #[test]
    fn a_deletion_keeps_what_the_label_was_called() {
        let made = edited("7", &action(Some("Lead"), false), None).unwrap();
        assert_eq!((made.name.as_str(), made.color, made.deleted), ("Lead", 4, false));
        let gone = edited("7", &action(None, true), Some(&made)).unwrap();
        assert_eq!((gone.name.as_str(), gone.color, gone.deleted), ("Lead", 4, true));
    }

    #[test]
    fn only_what_is_told_of_the_same_change_is_held() {
        let chat: Jid = "628111@s.whatsapp.net".parse().unwrap();
        let job = |id: &str, chat: Option<&Jid>| {
            let id = id.to_owned();
            let told = match chat {
                Some(chat) => Told::OnChat { id, chat: chat.clone(), labeled: true },
                None => Told::Edited { id, action: Box::new(action(Some("x"), false)) },
            };
            LabelJob { told, heard: Heard::default(), known_before: true, done: None }
        };
        let under_way = UnderWay::default();
        assert!(under_way.hold(job("1", None)).is_some(), "nothing is under way");
        under_way.begin("1", Some(&chat));
        assert!(under_way.hold(job("1", None)).is_some() && under_way.hold(job("2", Some(&chat))).is_some());
        assert!(under_way.hold(job("1", Some(&chat))).is_none());
        assert_eq!((under_way.end().len(), under_way.end().len()), (1, 0));
    }

    #[test]
    fn what_is_too_long_is_passed_over() {
        assert!(edited("7", &action(Some(&"x".repeat(LONGEST_NAME + 1)), false), None).is_none());
        assert!(edited("7", &action(Some(&"ä".repeat(LONGEST_NAME)), false), None).is_some());
    }
}
