//! Chats and people as callers see them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use wakeeper_model::{ChatId, ChatKind, SessionName};
use wakeeper_storage::{
    Change, ChatChange, ChatOrder, ChatQuery, ChatRow, ChatUpdate, ContactRow, StorageError,
};
use wakeeper_waha::{Chat, ChatSummary, Contact};
use whatsapp_rust::Client;

use super::picture;
use super::query::{ChatListQuery, OverviewQuery};
use crate::EngineError;
use crate::inbound::notes;
use crate::life::registry::Sessions;
use crate::life::state::SessionState;
use crate::ops::groups::query::AllGroups;
use crate::ops::{reading, stored};
use crate::outbound::Outbound;

/// Questions for pictures that are under way at the same time.
const QUESTIONS: usize = 8;
/// Questions for pictures that one list asks at most.
const MOST_QUESTIONS: usize = 20;

impl Sessions {
    /// Chats in an order.
    ///
    /// # Errors
    /// When the session is unknown or the rows cannot be read.
    pub async fn chats(&self, name: &SessionName, query: &ChatListQuery) -> Result<Vec<Chat>, EngineError> {
        let outbound = Arc::clone(&self.handle(name).await?.outbound);
        let rows = ChatQuery {
            ids: Vec::new(),
            order: query.order,
            descending: query.descending,
            limit: query.limit,
            offset: query.offset,
        };
        listed(&outbound, rows).await?.iter().map(|row| Ok(chat(row)?)).collect()
    }

    /// Chats with their last messages and pictures, the newest first.
    ///
    /// # Errors
    /// When the session is unknown or the rows cannot be read.
    pub async fn chat_summaries(
        &self,
        name: &SessionName,
        query: &OverviewQuery,
    ) -> Result<Vec<ChatSummary>, EngineError> {
        let outbound = Arc::clone(&self.handle(name).await?.outbound);
        let mut ids = Vec::new();
        for id in &query.ids {
            ids.extend(reading::names(&outbound.state, id).await);
        }
        let rows = ChatQuery {
            ids,
            order: ChatOrder::Time,
            descending: true,
            limit: query.limit,
            offset: query.offset,
        };
        let mut summaries = Vec::new();
        for row in listed(&outbound, rows).await? {
            let chat = chat(&row)?;
            let names = [Some(&chat.id), chat.lid.as_ref()].into_iter().flatten().map(ToString::to_string);
            let last = super::last_message(&outbound, &names.collect::<Vec<_>>()).await?;
            let last_message = last.map(|row| stored::listed(&row, outbound.place())).transpose()?;
            let (id, name) = (chat.id.clone(), chat.name.clone());
            summaries.push(ChatSummary { id, name, picture: None, last_message, chat });
        }
        let pictures = pictures(&outbound.state, summaries.iter().map(|summary| summary.id.clone())).await;
        for summary in &mut summaries {
            summary.picture = pictures.get(&summary.id).cloned().flatten();
        }
        Ok(summaries)
    }
}

/// Rows of chats; groups that have no name yet get theirs from WhatsApp.
async fn listed(outbound: &Outbound, query: ChatQuery) -> Result<Vec<ChatRow>, EngineError> {
    let storage = outbound.journal.storage();
    let session = outbound.state.name().as_str();
    let rows = storage.chats(session, query.clone()).await?;
    let nameless = |row: &ChatRow| row.name.is_none() && row.id.ends_with("@g.us");
    if !rows.iter().any(nameless) || !outbound.state.asks_for_groups() {
        return Ok(rows);
    }
    let Some(client) = outbound.state.client() else { return Ok(rows) };
    match client.execute(AllGroups).await {
        Ok(groups) => {
            let named = groups.into_iter().filter_map(|group| {
                let id = crate::address::chat_id(&group.metadata.id)?.to_string();
                let at_s = group.metadata.subject_time.and_then(|time| i64::try_from(time).ok());
                let at_s = at_s.unwrap_or_default();
                let change = ChatChange::Named { name: notes::name(&group.metadata.subject), at_s };
                Some(Change::Chat(ChatUpdate { id, change, events: Vec::new() }))
            });
            // Reading goes on when the disk takes no writes.
            if let Err(error) = outbound.journal.commit(named.collect()).await {
                tracing::warn!(%session, %error, "the names of groups are not stored");
                return Ok(rows);
            }
            Ok(storage.chats(session, query).await?)
        }
        Err(error) => {
            tracing::debug!(%error, "the names of groups are not known");
            Ok(rows)
        }
    }
}

/// Where the pictures of chats can be fetched. Those that cannot be asked for, or not yet, are left out: the next list has them.
async fn pictures(
    state: &SessionState,
    chats: impl Iterator<Item = ChatId>,
) -> BTreeMap<ChatId, Option<String>> {
    let client = state.client();
    let now_ms = state.clock().now_ms();
    let (mut found, mut unknown) = (BTreeMap::new(), Vec::new());
    for chat in chats {
        match state.pictures().get(&chat, now_ms) {
            Some(known) => drop(found.insert(chat, known)),
            None if state.pictures().has_failed(&chat, now_ms) => {}
            None => unknown.push(chat),
        }
    }
    let Some(client) = client else { return found };
    let client: &Client = &client;
    let one = async |chat: ChatId| match picture::asked(state, client, &chat).await {
        Ok(url) => Some((chat, url)),
        Err(error) => {
            tracing::debug!(%error, "a picture is not known");
            state.pictures().failed(chat, now_ms);
            None
        }
    };
    unknown.truncate(MOST_QUESTIONS);
    let asked = futures::stream::iter(unknown.into_iter().map(one)).buffer_unordered(QUESTIONS);
    found.extend(asked.filter_map(std::future::ready).collect::<Vec<_>>().await);
    found
}

/// A chat's row as callers see it.
fn chat(row: &ChatRow) -> Result<Chat, StorageError> {
    let id: ChatId = row.id.parse().map_err(|_| damaged("chat"))?;
    let lid = row.contact.as_ref().and_then(|contact| contact.lid.as_deref());
    Ok(Chat {
        lid: lid.and_then(|lid| lid.parse().ok()),
        name: row.shown_name().map(str::to_owned),
        is_group: id.is_group(),
        id,
        conversation_timestamp: row.last_s,
        unread_count: row.unread,
        marked_as_unread: row.marked_unread,
        archived: row.archived,
        pinned: row.pinned_s,
        mute_end_time: row.muted_until_ms,
    })
}

/// A person's row as callers see it.
pub(crate) fn contact(
    row: &ContactRow,
    me: Option<&ChatId>,
    blocked: Option<bool>,
) -> Result<Contact, StorageError> {
    let id: ChatId = row.id.parse().map_err(|_| damaged("contact"))?;
    let is_known = row.lid.is_some() || row.push_name.is_some() || row.business_name.is_some();
    Ok(Contact {
        number: (id.kind() == ChatKind::Phone).then(|| id.user().to_owned()),
        lid: row.lid.as_deref().and_then(|lid| lid.parse().ok()),
        name: row.name.clone().or_else(|| row.business_name.clone()),
        pushname: row.push_name.clone(),
        short_name: row.short_name.clone(),
        is_me: me == Some(&id),
        is_group: false,
        is_wa_contact: is_known || id.kind() == ChatKind::Lid,
        is_my_contact: row.saved,
        is_blocked: blocked,
        id,
    })
}

fn damaged(what: &str) -> StorageError {
    StorageError::DamagedRow { row: format!("a {what}"), problem: "its id is no chat id".to_owned() }
}
