use async_trait::async_trait;
use sqlx::query::Map;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite, query};

use super::{SqliteStorage, damaged, forget};
use crate::{
    Described, MessageOrder, MessagePage, MessagePosition, MessageQuery, MessageRef, MessageRetention,
    MessageRow, MessageRows, OldMessages, Storage, StorageError, WireKey,
};

#[async_trait]
impl MessageRows for SqliteStorage {
    async fn message(&self, target: &MessageRef) -> Result<Option<MessageRow>, StorageError> {
        self.settle().await;
        one(target).fetch_optional(&self.readers).await.map_err(StorageError::during("reading a message"))
    }

    async fn message_page(&self, session: &str, query: MessageQuery) -> Result<MessagePage, StorageError> {
        self.settle().await;
        let read = page(session, &query).build().fetch_all(&self.readers).await;
        let page = read.and_then(|rows| cut(rows, query.limit));
        page.map_err(StorageError::during("reading messages"))
    }

    async fn old_messages(
        &self,
        session: &str,
        retention: MessageRetention,
    ) -> Result<Vec<OldMessages>, StorageError> {
        let found = forget::find(&self.readers, session, retention).await;
        found.map_err(StorageError::during("looking for old messages"))
    }
}

/// The message that `target` names, the first of several.
pub(super) fn one(
    target: &MessageRef,
) -> Map<'_, Sqlite, impl FnMut(SqliteRow) -> Result<MessageRow, sqlx::Error> + Send, SqliteArguments> {
    query(
        "SELECT *, $1 AS session_name FROM messages
         WHERE session = (SELECT sessions.id FROM sessions WHERE name = $1) AND id = $2
             AND ($3 IS NULL OR from_me = $3) AND ($4 IS NULL OR chat = $4)
         ORDER BY seq LIMIT 1",
    )
    .bind(&target.session)
    .bind(&target.id)
    .bind(target.from_me)
    .bind(&target.chat)
    .try_map(damaged::named(&MESSAGE, read))
}

/// A page of what was read: one more than its limit tells that it is not the last, and is not looked at.
pub(super) fn cut(mut read: Vec<SqliteRow>, limit: u32) -> Result<MessagePage, sqlx::Error> {
    let more = read.len() > limit as usize;
    read.truncate(limit as usize);
    let next = read.last().filter(|_| more).map(position).transpose()?;
    let rows = read.into_iter().map(damaged::named(&MESSAGE, self::read)).collect::<Result<_, _>>()?;
    Ok(MessagePage { rows, next })
}

/// One part for each chat, merged: each is read in the order of the index, and no further than the page needs.
pub(super) fn page(session: &str, query: &MessageQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("");
    if query.chats.is_empty() {
        part(&mut sql, session, None, query);
    }
    for (index, chat) in query.chats.iter().enumerate() {
        sql.push(if index == 0 { "" } else { " UNION ALL " });
        part(&mut sql, session, Some(chat), query);
    }
    sql.push(match query.order {
        MessageOrder::NewestFirst => " ORDER BY timestamp_s DESC, seq DESC LIMIT ",
        MessageOrder::OldestFirst => " ORDER BY timestamp_s, seq LIMIT ",
    });
    sql.push_bind(i64::from(query.limit) + 1).push(" OFFSET ").push_bind(query.offset);
    sql
}

fn part(sql: &mut QueryBuilder<Sqlite>, session: &str, chat: Option<&String>, query: &MessageQuery) {
    sql.push("SELECT *, ").push_bind(session.to_owned());
    sql.push(
        " AS session_name FROM messages
          WHERE hidden = 0 AND session = (SELECT sessions.id FROM sessions WHERE name = ",
    );
    sql.push_bind(session.to_owned()).push(")");
    if let Some(chat) = chat {
        sql.push(" AND chat = ").push_bind(chat.clone());
    }
    if let Some(after) = query.after {
        // The first condition is what the index is searched by.
        let (not_before, before, behind) = match query.order {
            MessageOrder::NewestFirst => ("<=", "<", "<"),
            MessageOrder::OldestFirst => (">=", ">", ">"),
        };
        sql.push(format!(" AND timestamp_s {not_before} ")).push_bind(after.timestamp_s);
        sql.push(format!(" AND (timestamp_s {before} ")).push_bind(after.timestamp_s);
        sql.push(format!(" OR seq {behind} ")).push_bind(after.seq).push(")");
    }
    if let Some(from) = query.from_s {
        sql.push(" AND timestamp_s >= ").push_bind(from);
    }
    if let Some(until) = query.until_s {
        sql.push(" AND timestamp_s <= ").push_bind(until);
    }
    if let Some(from_me) = query.from_me {
        sql.push(" AND from_me = ").push_bind(from_me);
    }
    if let Some(ack) = query.ack {
        sql.push(" AND ack = ").push_bind(ack);
    }
}

fn position(row: &SqliteRow) -> Result<MessagePosition, sqlx::Error> {
    Ok(MessagePosition { timestamp_s: row.try_get("timestamp_s")?, seq: row.try_get("seq")? })
}

/// How a damaged message is named.
const MESSAGE: damaged::Naming = damaged::Naming { what: "message", key: "id" };

pub(super) fn read(row: &SqliteRow) -> Result<MessageRow, sqlx::Error> {
    Ok(MessageRow {
        session: row.try_get("session_name")?,
        chat: row.try_get("chat")?,
        id: row.try_get("id")?,
        from_me: row.try_get("from_me")?,
        participant: row.try_get("participant")?,
        sender: row.try_get("sender")?,
        account: row.try_get("account")?,
        timestamp_s: row.try_get("timestamp_s")?,
        kind: row.try_get("kind")?,
        ack: row.try_get("ack")?,
        from_api: row.try_get("from_api")?,
        push_name: row.try_get("push_name")?,
        wire: WireKey {
            chat: row.try_get("wire_chat")?,
            chat_alt: row.try_get("wire_chat_alt")?,
            participant: row.try_get("wire_participant")?,
            participant_alt: row.try_get("wire_participant_alt")?,
        },
        target: row.try_get("target")?,
        proto: row.try_get("proto")?,
        described: Described {
            body: row.try_get("body")?,
            mimetype: row.try_get("mimetype")?,
            filename: row.try_get("filename")?,
            reply_participant: row.try_get("reply_participant")?,
            reply_body: row.try_get("reply_body")?,
        },
        reply_to: row.try_get("reply_to")?,
        edited: row.try_get("edited")?,
        revoked: row.try_get("revoked")?,
        hidden: row.try_get("hidden")?,
    })
}
