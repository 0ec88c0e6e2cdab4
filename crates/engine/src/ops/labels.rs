//! Labels: what they are called, and which chats have them. They are app state (`label_edit`, `label_jid`), which every device of
//! the account shares; what is stored here follows it.

use std::collections::BTreeSet;

use wakeeper_model::{ChatId, ChatKind, SessionName};
use wakeeper_storage::{LabelChange, LabelRow};
use wakeeper_waha::{Label, LabeledChat};
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::prelude::wa;
use whatsapp_rust::prelude::wa::sync_action_value::{LabelAssociationAction, LabelEditAction};
use whatsapp_rust::wacore::appstate::schemas;
use whatsapp_rust::{AppStateError, Client, Jid};

use super::asking::{AskError, jid};
use super::reading;
use crate::inbound::labels::{LabelJob, Told, shown};
use crate::life::account;
use crate::life::handle::Handle;
use crate::life::registry::Sessions;
use crate::{EngineError, address};

/// How many labels WhatsApp's apps allow.
const MOST: usize = 20;
/// How many chats with a label are kept.
const MOST_CHATS: usize = LabelChange::MOST_CHATS as usize;
/// Highest number that a new label gets after the last one. WhatsApp's are small; another device may have used any.
const HIGHEST: u64 = 999_999_999;

/// Why something was not done with labels.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// There is no such label.
    #[error("there is no such label")]
    NotFound,
    /// There are as many as WhatsApp's apps allow.
    #[error("there are {MOST} labels already, which is as many as WhatsApp's apps allow")]
    TooMany,
    /// There are as many chats with labels as are kept.
    #[error("{} chats have labels already, which is as many as are kept", LabelChange::MOST_CHATS)]
    TooManyChats,
    /// There are as many labels as are kept, those that other devices made included.
    #[error("the account's devices made {} labels, which is as many as are kept", LabelChange::MOST_LABELS)]
    Full,
    /// No person and no group.
    #[error(
        "chatId: labels are for chats with people and groups; status updates, broadcast lists and channels have none"
    )]
    NoLabels,
    /// WhatsApp was not told.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl From<EngineError> for LabelError {
    fn from(error: EngineError) -> Self {
        Self::Ask(error.into())
    }
}

impl Sessions {
    /// Every label, in the order of their ids.
    ///
    /// # Errors
    /// When the session is unknown or its rows cannot be read.
    pub async fn labels(&self, name: &SessionName) -> Result<Vec<Label>, LabelError> {
        let handle = self.handle(name).await?;
        Ok(present(&handle).await?.iter().map(shown).collect())
    }

    /// Makes a label under the next free id.
    ///
    /// # Errors
    /// When there are too many, the session does not work, or WhatsApp does not take it.
    pub async fn create_label(
        &self,
        name: &SessionName,
        called: String,
        color: i32,
    ) -> Result<Label, LabelError> {
        let handle = self.handle(name).await?;
        to_its_end(async move {
            let client = handle.outbound.ready().await?;
            let _alone = handle.state.labeling().lock().await;
            let rows = all(&handle).await?;
            if rows.iter().filter(|row| !row.deleted).count() >= MOST {
                return Err(LabelError::TooMany);
            }
            let id = free_id(&rows);
            edit(&handle, &client, &id, action(called, color, None)).await
        })
        .await
    }

    /// Gives a label another name and colour; what else it has stays.
    ///
    /// # Errors
    /// When there is no such label, the session does not work, or WhatsApp does not take it.
    pub async fn update_label(
        &self,
        name: &SessionName,
        id: &str,
        called: String,
        color: Option<i32>,
    ) -> Result<Label, LabelError> {
        let (handle, id) = (self.handle(name).await?, id.to_owned());
        to_its_end(async move {
            let client = handle.outbound.ready().await?;
            let _alone = handle.state.labeling().lock().await;
            let row = one(&handle, &id).await?;
            let color = color.unwrap_or(row.color);
            edit(&handle, &client, &id, action(called, color, Some(&row))).await
        })
        .await
    }

    /// Deletes a label, and takes it off every chat.
    ///
    /// # Errors
    /// When there is no such label, the session does not work, or WhatsApp does not take it.
    pub async fn delete_label(&self, name: &SessionName, id: &str) -> Result<(), LabelError> {
        let (handle, id) = (self.handle(name).await?, id.to_owned());
        to_its_end(async move {
            let client = handle.outbound.ready().await?;
            let _alone = handle.state.labeling().lock().await;
            let row = one(&handle, &id).await?;
            let action =
                LabelEditAction { deleted: Some(true), ..action(row.name.clone(), row.color, Some(&row)) };
            edit(&handle, &client, &id, action).await.map(drop)
        })
        .await
    }

    /// The labels of a chat.
    ///
    /// # Errors
    /// When it is a chat that has none, the session is unknown, or its rows cannot be read.
    pub async fn chat_labels(&self, name: &SessionName, chat: &ChatId) -> Result<Vec<Label>, LabelError> {
        can_have_labels(chat)?;
        let handle = self.handle(name).await?;
        let names = reading::names(&handle.state, chat).await;
        let storage = handle.outbound.journal.storage();
        let on = storage.labels_of_chat(name.as_str(), &names).await.map_err(EngineError::from)?;
        let ids: BTreeSet<_> = on.into_iter().map(|row| row.label).collect();
        Ok(present(&handle).await?.iter().filter(|row| ids.contains(&row.id)).map(shown).collect())
    }

    /// Gives a chat these labels and takes all others off it. Broken off in the middle, it can be asked for again.
    ///
    /// # Errors
    /// When there is no such label, it is a chat that has none, there are too many, the session does not work, or WhatsApp
    /// does not take it.
    pub async fn set_chat_labels(
        &self,
        name: &SessionName,
        chat: &ChatId,
        labels: &[String],
    ) -> Result<(), LabelError> {
        can_have_labels(chat)?;
        let (handle, chat, labels) = (self.handle(name).await?, chat.clone(), labels.to_vec());
        to_its_end(async move { set_chat_labels(&handle, &chat, &labels).await }).await
    }

    /// The chats that have a label.
    ///
    /// # Errors
    /// When there is no such label, the session is unknown, or its rows cannot be read.
    pub async fn labeled_chats(&self, name: &SessionName, id: &str) -> Result<Vec<LabeledChat>, LabelError> {
        let handle = self.handle(name).await?;
        one(&handle, id).await?;
        let storage = handle.outbound.journal.storage();
        let rows = storage.label_chats(name.as_str(), id).await.map_err(EngineError::from)?;
        let client = handle.state.client();
        let mut chats = BTreeSet::new();
        for id in rows.iter().filter_map(|row| row.chat.parse::<ChatId>().ok()) {
            // It may have got the label under its hidden id, before its phone number was known, and again under that one.
            chats.insert(match &client {
                Some(client) if id.kind() == ChatKind::Lid => address::resolve_id(client, &id).await.id,
                _ => id,
            });
        }
        Ok(chats.into_iter().map(|id| LabeledChat { id }).collect())
    }
}

/// Does it to its end, also when whoever asked goes away: what WhatsApp has taken is stored.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, LabelError>> + Send + 'static,
) -> Result<T, LabelError> {
    let broke_off = |_| AskError::Unanswered("the change of labels broke off".to_owned()).into();
    tokio::spawn(work).await.unwrap_or_else(|error| Err(broke_off(error)))
}

async fn set_chat_labels(handle: &Handle, chat: &ChatId, labels: &[String]) -> Result<(), LabelError> {
    let client = handle.outbound.ready().await?;
    let _alone = handle.state.labeling().lock().await;
    let wanted: BTreeSet<&String> = labels.iter().collect();
    let there: BTreeSet<_> = present(handle).await?.into_iter().map(|row| row.id).collect();
    if !wanted.iter().all(|id| there.contains(*id)) {
        return Err(LabelError::NotFound);
    }
    let names = reading::names(&handle.state, chat).await;
    let (storage, name) = (handle.outbound.journal.storage(), handle.state.name());
    let on = storage.labels_of_chat(name.as_str(), &names).await.map_err(EngineError::from)?;
    let (kept, off): (Vec<_>, Vec<_>) = on.into_iter().partition(|row| wanted.contains(&row.label));
    let new: Vec<_> = wanted.into_iter().filter(|id| kept.iter().all(|row| row.label != **id)).collect();
    // Asked before WhatsApp is told of anything: what it takes is to be kept here, too.
    let count = storage.labeled_chat_count(name.as_str()).await.map_err(EngineError::from)?;
    if !new.is_empty() && (count as usize).saturating_sub(off.len()) + new.len() > MOST_CHATS {
        return Err(LabelError::TooManyChats);
    }
    for row in off {
        // Under the name that it got it under: to app state, the other one is another chat.
        let wire = row.wire.parse().or_else(|_| jid(chat))?;
        associate(handle, &client, &row.label, wire, false).await?;
    }
    let wire = jid(&address::resolve_id(&client, chat).await.id)?;
    for label in &new {
        associate(handle, &client, label, wire.clone(), true).await?;
    }
    // Another device may have taken the room meanwhile.
    let on = storage.labels_of_chat(name.as_str(), &names).await.map_err(EngineError::from)?;
    let kept = new.into_iter().all(|id| on.iter().any(|row| row.label == *id));
    if kept { Ok(()) } else { Err(LabelError::TooManyChats) }
}

async fn all(handle: &Handle) -> Result<Vec<LabelRow>, EngineError> {
    Ok(handle.outbound.journal.storage().labels(handle.state.name().as_str()).await?)
}

/// Those that are not deleted, in the order of their numbers.
async fn present(handle: &Handle) -> Result<Vec<LabelRow>, EngineError> {
    let mut rows = all(handle).await?;
    rows.retain(|row| !row.deleted);
    rows.sort_by_cached_key(|row| (row.id.parse::<u64>().unwrap_or(u64::MAX), row.id.clone()));
    Ok(rows)
}

async fn one(handle: &Handle, id: &str) -> Result<LabelRow, LabelError> {
    let found = all(handle).await?.into_iter().find(|row| row.id == id && !row.deleted);
    found.ok_or(LabelError::NotFound)
}

/// The number after the last one that was given; the lowest free one when another device used a number that is no small one.
fn free_id(rows: &[LabelRow]) -> String {
    let taken: BTreeSet<u64> = rows.iter().filter_map(|row| row.id.parse().ok()).collect();
    let next = taken.range(..HIGHEST).next_back().map_or(1, |last| last + 1);
    let free = if taken.contains(&next) {
        (1..HIGHEST).find(|id| !taken.contains(id)).unwrap_or(next)
    } else {
        next
    };
    free.to_string()
}

/// Refuses chats that no app gives labels to.
fn can_have_labels(chat: &ChatId) -> Result<(), LabelError> {
    match chat.kind() {
        ChatKind::Phone | ChatKind::Lid | ChatKind::Group => Ok(()),
        ChatKind::Channel | ChatKind::Broadcast => Err(LabelError::NoLabels),
    }
}

/// What is told of a label: what `before` had besides stays as it is.
fn action(called: String, color: i32, before: Option<&LabelRow>) -> LabelEditAction {
    let before = before.and_then(|row| LabelEditAction::decode_from_slice(&row.action).ok());
    LabelEditAction {
        name: Some(called),
        color: Some(color),
        deleted: Some(false),
        ..before.unwrap_or_default()
    }
}

/// Tells WhatsApp of a label, then stores it.
async fn edit(
    handle: &Handle,
    client: &Client,
    id: &str,
    action: LabelEditAction,
) -> Result<Label, LabelError> {
    let deleted = action.deleted == Some(true);
    let label =
        Label::new(id.to_owned(), action.name.clone().unwrap_or_default(), action.color.unwrap_or_default());
    let value = wa::SyncActionValue {
        label_edit_action: MessageField::some(action.clone()),
        timestamp: Some(handle.state.clock().now_ms()),
        ..Default::default()
    };
    handle.state.own_label().begin(id, None);
    let sent = client.send_app_state_action(&schemas::LABEL_EDIT, &[id], &value).await;
    taken(handle, sent)?;
    stored(handle, Told::Edited { id: id.to_owned(), action: Box::new(action) }).await?;
    // WhatsApp has it, and here was no room for it: an answer as if it were shown would not be true.
    if deleted || all(handle).await?.iter().any(|row| row.id == id) {
        Ok(label)
    } else {
        Err(LabelError::Full)
    }
}

/// Tells WhatsApp that a chat got or lost a label, then stores it.
async fn associate(
    handle: &Handle,
    client: &Client,
    label: &str,
    chat: Jid,
    labeled: bool,
) -> Result<(), LabelError> {
    let value = wa::SyncActionValue {
        label_association_action: MessageField::some(LabelAssociationAction {
            labeled: Some(labeled),
            ..Default::default()
        }),
        timestamp: Some(handle.state.clock().now_ms()),
        ..Default::default()
    };
    let index = chat.to_string();
    handle.state.own_label().begin(label, Some(&chat));
    let sent = client.send_app_state_action(&schemas::LABEL_JID, &[label, &index], &value).await;
    taken(handle, sent)?;
    stored(handle, Told::OnChat { id: label.to_owned(), chat, labeled }).await
}

/// A change is over. When WhatsApp did not take it, what others did to the same meanwhile counts.
fn taken(handle: &Handle, sent: Result<(), AppStateError>) -> Result<(), AskError> {
    let meanwhile = handle.state.own_label().end();
    sent.map_err(|error| {
        for job in meanwhile {
            let _ = handle.outbound.jobs.label(job);
        }
        AskError::unanswered("the change of a label", &error)
    })
}

/// WhatsApp has it: it is stored behind what other devices did before.
async fn stored(handle: &Handle, told: Told) -> Result<(), LabelError> {
    let (job, done) = LabelJob::own(told, account::heard(&handle.state));
    // Too much of what others did waits: this one is no part of that.
    let _ = handle.outbound.jobs.label(job);
    let gone = || EngineError::Gone(handle.state.name().clone());
    done.await.map_err(|_| gone())?.map_err(EngineError::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(ids: &[&str]) -> Vec<LabelRow> {
        let row = |id: &&str| LabelRow {
            id: (*id).to_owned(),
            name: String::new(),
            color: 0,
            deleted: false,
            action: Vec::new(),
        };
        ids.iter().map(row).collect()
    }

    #[test]
    fn a_new_label_gets_a_number_that_none_has() {
        let largest = u64::MAX.to_string();
        for (taken, expected) in [
            (&[][..], "1"),
            (&["1", "7"], "8"),
            (&["x", "2"], "3"),
            (&["1", "2", &largest], "3"),
            (&["999999998", "999999999", "1"], "2"),
            (&["999999998", "1", "2"], "999999999"),
        ] {
            assert_eq!(free_id(&rows(taken)), expected, "{taken:?}");
        }
    }

    #[test]
    fn people_and_groups_have_labels() {
        for (chat, has) in [
            ("628111@c.us", true),
            ("77@lid", true),
            ("120363012345678901@g.us", true),
            ("120363012345678901@newsletter", false),
            ("status@broadcast", false),
        ] {
            assert_eq!(can_have_labels(&chat.parse().unwrap()).is_ok(), has, "{chat}");
        }
    }
}
