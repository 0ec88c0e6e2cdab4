//! Labels: what they are called, and which chats have them. They are app state (`label_edit`, `label_jid`), which every device of
//! the account shares; what is stored here follows it.

use std::collections::BTreeSet;

use wakeeper_model::{ChatId, SessionName};
use wakeeper_storage::LabelRow;
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

/// Why something was not done with labels.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// There is no such label.
    #[error("there is no such label")]
    NotFound,
    /// There are as many as WhatsApp's apps allow.
    #[error("there are {MOST} labels already, which is as many as WhatsApp's apps allow")]
    TooMany,
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
            let last = rows.iter().filter_map(|row| row.id.parse::<u64>().ok()).max().unwrap_or_default();
            let id = last.saturating_add(1).to_string();
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
    /// When the session is unknown or its rows cannot be read.
    pub async fn chat_labels(&self, name: &SessionName, chat: &ChatId) -> Result<Vec<Label>, LabelError> {
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
    /// When there is no such label, the session does not work, or WhatsApp does not take it.
    pub async fn set_chat_labels(
        &self,
        name: &SessionName,
        chat: &ChatId,
        labels: &[String],
    ) -> Result<(), LabelError> {
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
        Ok(rows.iter().filter_map(|row| row.chat.parse().ok()).map(|id| LabeledChat { id }).collect())
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
    for row in on.iter().filter(|row| !wanted.contains(&row.label)) {
        // Under the name that it got it under: to app state, the other one is another chat.
        let wire = row.wire.parse().or_else(|_| jid(chat))?;
        associate(handle, &client, &row.label, wire, false).await?;
    }
    let chat = jid(&address::resolve_id(&client, chat).await.id)?;
    for label in wanted.into_iter().filter(|id| on.iter().all(|row| row.label != **id)) {
        associate(handle, &client, label, chat.clone(), true).await?;
    }
    Ok(())
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
    Ok(label)
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
