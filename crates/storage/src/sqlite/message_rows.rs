use async_trait::async_trait;
use sqlx::query::Map;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite, query};

use super::{SqliteStorage, damaged};
use crate::{Described, MessageQuery, MessageRef, MessageRow, MessageRows, Storage, StorageError, WireKey};

#[async_trait]
impl MessageRows for SqliteStorage {
    async fn message(&self, target: &MessageRef) -> Result<Option<MessageRow>, StorageError> {
        self.settle().await;
        one(target).fetch_optional(&self.readers).await.map_err(StorageError::during("reading a message"))
    }

    async fn messages(&self, session: &str, query: MessageQuery) -> Result<Vec<MessageRow>, StorageError> {
        self.settle().await;
        page(session, &query)
            .build()
            .try_map(damaged::named(&MESSAGE, read))
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading messages"))
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

fn page(session: &str, query: &MessageQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT *, ");
    sql.push_bind(session.to_owned());
    sql.push(
        " AS session_name FROM messages
          WHERE hidden = 0 AND session = (SELECT sessions.id FROM sessions WHERE name = ",
    );
    sql.push_bind(session.to_owned()).push(")");
    if !query.chats.is_empty() {
        sql.push(" AND chat IN (");
        let mut list = sql.separated(", ");
        for chat in &query.chats {
            list.push_bind(chat.clone());
        }
        sql.push(")");
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
    sql.push(" ORDER BY timestamp_s DESC, seq DESC LIMIT ")
        .push_bind(query.limit)
        .push(" OFFSET ")
        .push_bind(query.offset);
    sql
}

/// How a damaged message is named.
const MESSAGE: damaged::Naming = damaged::Naming { what: "message", key: "id" };

fn read(row: &SqliteRow) -> Result<MessageRow, sqlx::Error> {
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
