//! Chats: listed from the rows, and changed as a whole, which the account's other devices see.
//!
//! The changes are WhatsApp's app state (`archive`, `markChatAsRead`, `deleteChat`, `clearChat`; facts: whatsapp-rust 0.7.0,
//! `features/chat_actions`, and Baileys 7, `Utils/chat-utils`). Each names the chat's last message, which other devices ask for.

mod picture;
mod query;
mod read;
mod shown;

use std::sync::Arc;

use wakeeper_model::{ChatId, ChatKind, SessionName};
use wakeeper_storage::{Change, ChatChange, ChatUpdate, MessageQuery, MessageRow, NewEvent, StorageError};
use wakeeper_waha::{ChatArchiveEvent, EventName};
use whatsapp_rust::{Client, Jid, SyncActionMessageRange, message_key, message_range};

pub use self::query::{ChatListQuery, ContactListQuery, OverviewQuery};
pub(crate) use self::shown::contact;
use super::asking::{AskError, jid};
use crate::EngineError;
use crate::journal::Journal;
use crate::life::registry::Sessions;
use crate::life::state::SessionState;
use crate::ops::reading;
use crate::outbound::Outbound;

/// Messages that are forgotten in one go, between which others write.
const FORGOTTEN_AT_ONCE: u32 = 500;

impl Sessions {
    /// Puts a chat into the archive, or takes it out.
    ///
    /// # Errors
    /// When the session does not work, it is no chat that can be archived, or WhatsApp does not take it.
    pub async fn archive_chat(
        &self,
        name: &SessionName,
        chat: &ChatId,
        archived: bool,
    ) -> Result<(), AskError> {
        let it = self.chat_of(name, chat).await?;
        let (actions, range) = (it.client.chat_actions(), it.range());
        let done = if archived {
            actions.archive_chat(&it.jid, range).await
        } else {
            actions.unarchive_chat(&it.jid, range).await
        };
        done.map_err(|error| AskError::unanswered("the archive", &error))?;
        let now_s = it.outbound.state.clock().now_ms() / 1_000;
        let events = archive_event(&it.outbound.journal, &it.outbound.state, &it.id, archived, now_s);
        it.store(ChatChange::Archived(archived), events).await
    }

    /// Marks a chat as unread, as a person does who wants to come back to it.
    ///
    /// # Errors
    /// When the session does not work, or WhatsApp does not take it.
    pub async fn mark_chat_unread(&self, name: &SessionName, chat: &ChatId) -> Result<(), AskError> {
        let it = self.chat_of(name, chat).await?;
        let done = it.client.chat_actions().mark_chat_as_read(&it.jid, false, it.range()).await;
        done.map_err(|error| AskError::unanswered("the mark", &error))?;
        it.store(ChatChange::MarkedUnread, Vec::new()).await
    }

    /// Deletes a chat with its messages, on all devices of the account; nobody else sees that.
    ///
    /// # Errors
    /// When the session does not work, or WhatsApp does not take it.
    pub async fn delete_chat(&self, name: &SessionName, chat: &ChatId) -> Result<(), AskError> {
        let it = self.chat_of(name, chat).await?;
        let done = it.client.chat_actions().delete_chat(&it.jid, true, it.range()).await;
        done.map_err(|error| AskError::unanswered("the deletion", &error))?;
        let until_s = it.last_s();
        it.store(ChatChange::Deleted { until_s }, Vec::new()).await?;
        Ok(forget_patiently(&it.outbound.journal, it.names, until_s).await.map_err(EngineError::from)?)
    }

    /// Deletes the messages of a chat, those with a star too, on all devices of the account; nobody else sees that.
    ///
    /// # Errors
    /// When the session does not work, or WhatsApp does not take it.
    pub async fn clear_chat(&self, name: &SessionName, chat: &ChatId) -> Result<(), AskError> {
        let it = self.chat_of(name, chat).await?;
        let done = it.client.chat_actions().clear_chat(&it.jid, true, true, it.range()).await;
        done.map_err(|error| AskError::unanswered("the deletion", &error))?;
        let until_s = it.last_s();
        it.store(ChatChange::Cleared { until_s }, Vec::new()).await?;
        Ok(forget_patiently(&it.outbound.journal, it.names, until_s).await.map_err(EngineError::from)?)
    }

    /// A chat of a session that works, with its last message.
    async fn chat_of(&self, name: &SessionName, chat: &ChatId) -> Result<OneChat, AskError> {
        if matches!(chat.kind(), ChatKind::Channel | ChatKind::Broadcast) {
            let reason = "chatId: channels and status updates are no chats that this can be done to";
            return Err(AskError::InvalidRequest(reason.to_owned()));
        }
        let outbound = Arc::clone(&self.handle(name).await?.outbound);
        let client = outbound.ready().await?;
        let names = reading::names(&outbound.state, chat).await;
        let last = last_message(&outbound, &names).await?;
        let row = outbound.journal.storage().chat(name.as_str(), &names).await.map_err(EngineError::from)?;
        let written_s = row.map_or(0, |row| row.last_s);
        // Other devices know the chat under the name that its messages come with.
        let wire = last.as_ref().and_then(|row| row.wire.chat.parse::<Jid>().ok());
        let jid = wire.map_or_else(|| jid(chat), Ok)?;
        let id = crate::address::resolve_id(&client, chat).await.id;
        Ok(OneChat { outbound, client, id, jid, names, last, written_s })
    }
}

/// The newest message of a chat, under any of its names.
pub(super) async fn last_message(
    outbound: &Outbound,
    names: &[String],
) -> Result<Option<MessageRow>, EngineError> {
    let query = MessageQuery { chats: names.to_vec(), limit: 1, ..MessageQuery::default() };
    let session = outbound.state.name().as_str();
    Ok(outbound.journal.storage().messages(session, query).await?.pop())
}

/// A chat that is to be changed.
struct OneChat {
    outbound: Arc<Outbound>,
    client: Arc<Client>,
    /// As callers know it.
    id: ChatId,
    /// As the wire names it.
    jid: Jid,
    /// Every name that it is stored under.
    names: Vec<String>,
    last: Option<MessageRow>,
    /// When it was last written in, as its row says: of a history or after a deletion there may be no message of then.
    written_s: i64,
}

impl OneChat {
    /// Which messages the change is about: all until the last one.
    fn range(&self) -> Option<SyncActionMessageRange> {
        let row = self.last.as_ref()?;
        let author = row.wire.participant.as_deref().filter(|_| !row.from_me);
        let author = author.and_then(|author| author.parse::<Jid>().ok());
        let key = message_key(row.id.as_str(), &self.jid, row.from_me, author.as_ref());
        Some(message_range(row.timestamp_s, None, vec![(key, row.timestamp_s)]))
    }

    /// When it was last written in, before WhatsApp is asked for anything.
    fn last_s(&self) -> i64 {
        match self.last.as_ref().map_or(0, |row| row.timestamp_s).max(self.written_s) {
            0 => self.outbound.state.clock().now_ms() / 1_000,
            last_s => last_s,
        }
    }

    /// WhatsApp has it; so it is stored, however long that takes.
    async fn store(&self, change: ChatChange, events: Vec<NewEvent>) -> Result<(), AskError> {
        let update = ChatUpdate { id: self.id.as_str().to_owned(), change, events };
        let stored = self.outbound.journal.commit_patiently(vec![Change::Chat(update)]).await;
        Ok(stored.map_err(EngineError::from)?)
    }
}

/// The event of a chat that went to the archive, or came back.
pub(crate) fn archive_event(
    journal: &Journal,
    state: &SessionState,
    id: &ChatId,
    archived: bool,
    timestamp: i64,
) -> Vec<NewEvent> {
    let payload = ChatArchiveEvent { id: id.clone(), archived, timestamp };
    let event = journal.event(state.name(), id.as_str(), EventName::ChatArchive, &payload.into());
    event.into_iter().collect()
}

/// As [`forget`], and waits while the disk takes no writes.
pub(crate) async fn forget_patiently(
    journal: &Journal,
    names: Vec<String>,
    until_s: i64,
) -> Result<(), StorageError> {
    loop {
        match forget(journal, names.clone(), until_s).await {
            Err(error) if error.disk_cause().is_some() => journal.pause().await,
            done => return done,
        }
    }
}

/// Forgets the messages of a chat until this moment, step by step.
pub(crate) async fn forget(journal: &Journal, names: Vec<String>, until_s: i64) -> Result<(), StorageError> {
    let rows = journal.rows()?;
    while rows.clear_chat(names.clone(), until_s, FORGOTTEN_AT_ONCE).await? > 0 {}
    Ok(())
}
