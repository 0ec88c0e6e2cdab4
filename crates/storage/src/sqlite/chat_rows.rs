//! Chats: one row each, kept up to date in the transaction of what changes them.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, query};

use super::contact_rows::{self, canonical};
use super::{SqliteStorage, damaged, history_rows, session_ids};
use crate::{
    ChatChange, ChatOrder, ChatQuery, ChatRow, ChatRows, ContactQuery, ContactRow, MessageRow, Storage,
    StorageError,
};

/// The acknowledgement of a message that was read.
const READ: i32 = 3;

/// More messages of a chat are not counted as unread. The statements say the number, too.
pub(super) const MOST_UNREAD: u32 = 1_000_000;

/// How damaged rows are named.
const CHAT: damaged::Naming = damaged::Naming { what: "chat", key: "id" };
const CONTACT: damaged::Naming = damaged::Naming { what: "contact", key: "id" };

/// The name that a chat is shown under, as [`ChatRow::shown_name`] says it.
const SHOWN: &str = "COALESCE(contacts.name, chats.name, contacts.business_name, contacts.push_name)";

#[async_trait]
impl ChatRows for SqliteStorage {
    async fn chat(&self, session: &str, names: &[String]) -> Result<Option<ChatRow>, StorageError> {
        self.settle().await;
        let mut sql = selected(session);
        sql.push(" AND chats.id IN (SELECT value FROM json_each(").push_bind(list(names)).push("))");
        // A person's own name comes before the hidden one.
        sql.push(" ORDER BY chats.id LIKE '%@lid' LIMIT 1");
        let found = sql.build().try_map(damaged::named(&CHAT, read)).fetch_optional(&self.readers).await;
        found.map_err(StorageError::during("reading a chat"))
    }

    async fn chats(&self, session: &str, query: ChatQuery) -> Result<Vec<ChatRow>, StorageError> {
        self.settle().await;
        let mut sql = page(session, &query);
        let rows = sql.build().try_map(damaged::named(&CHAT, read)).fetch_all(&self.readers).await;
        rows.map_err(StorageError::during("reading chats"))
    }

    async fn contact(&self, session: &str, names: &[String]) -> Result<Option<ContactRow>, StorageError> {
        self.settle().await;
        let mut sql = contact_rows::one(session, &list(names));
        let read = damaged::named(&CONTACT, contact_rows::read);
        let found = sql.build().try_map(read).fetch_optional(&self.readers).await;
        found.map_err(StorageError::during("reading a contact"))
    }

    async fn contacts(&self, session: &str, query: ContactQuery) -> Result<Vec<ContactRow>, StorageError> {
        self.settle().await;
        let mut sql = contact_rows::page(session, &query);
        let read = damaged::named(&CONTACT, contact_rows::read);
        let rows = sql.build().try_map(read).fetch_all(&self.readers).await;
        rows.map_err(StorageError::during("reading contacts"))
    }

    async fn history_done(&self, session: &str, part: &str) -> Result<i64, StorageError> {
        let done = history_rows::done(session, part).fetch_optional(&self.readers).await;
        Ok(done.map_err(StorageError::during("reading how far a history was read"))?.unwrap_or_default())
    }
}

/// Is this a chat that is listed? Status updates, broadcast lists and channels are none.
pub(super) fn is_listed(id: &str) -> bool {
    !id.ends_with("@broadcast") && !id.ends_with("@newsletter")
}

/// A message that is new was stored.
pub(super) async fn saw(
    connection: &mut SqliteConnection,
    session: i64,
    row: &MessageRow,
) -> Result<(), sqlx::Error> {
    if row.hidden || !is_listed(&row.chat) {
        return Ok(());
    }
    let id = canonical(connection, session, &row.chat).await?;
    // Whoever writes on another device has the chat before their eyes. What a program sends says nothing of that.
    let was_read = row.from_me && !row.from_api;
    query(
        "INSERT INTO chats (session, id, last_s, unread, marked_unread, archived) VALUES ($1, $2, $3, $4, 0, 0)
         ON CONFLICT (session, id) DO UPDATE SET last_s = max(chats.last_s, excluded.last_s),
             unread = CASE WHEN $5 AND excluded.last_s >= chats.last_s THEN 0
                 ELSE min(unread + excluded.unread, 1000000) END,
             marked_unread = CASE WHEN $5 AND excluded.last_s >= chats.last_s THEN 0 ELSE marked_unread END",
    )
    .bind(session)
    .bind(id)
    .bind(row.timestamp_s)
    .bind(!row.from_me && row.ack < READ)
    .bind(was_read)
    .execute(connection)
    .await
    .map(drop)
}

/// A message of before was stored, which is no news.
pub(super) async fn written_in(
    connection: &mut SqliteConnection,
    session: i64,
    chat: &str,
    last_s: i64,
) -> Result<(), sqlx::Error> {
    let id = canonical(connection, session, chat).await?;
    query("UPDATE chats SET last_s = $3 WHERE session = $1 AND id = $2 AND last_s < $3")
        .bind(session)
        .bind(id)
        .bind(last_s)
        .execute(connection)
        .await
        .map(drop)
}

/// One message of somebody else was read.
pub(super) async fn read_one(
    connection: &mut SqliteConnection,
    session: i64,
    chat: &str,
) -> Result<(), sqlx::Error> {
    let id = canonical(connection, session, chat).await?;
    query(
        "UPDATE chats SET unread = max(0, unread - 1), marked_unread = 0
         WHERE session = $1 AND id = $2 AND (unread > 0 OR marked_unread)",
    )
    .bind(session)
    .bind(id)
    .execute(connection)
    .await
    .map(drop)
}

/// Something happened to a chat as a whole; `false` when it is so already.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    session: i64,
    id: &str,
    change: ChatChange,
) -> Result<bool, sqlx::Error> {
    if !is_listed(id) {
        return Ok(false);
    }
    let id = canonical(connection, session, id).await?;
    let (column, value): (&str, Option<i64>) = match change {
        ChatChange::Archived(archived) => ("archived", Some(archived.into())),
        ChatChange::Pinned(since) => ("pinned_s", since),
        ChatChange::Muted(until) => ("muted_until_ms", until),
        ChatChange::MarkedUnread => ("marked_unread", Some(1)),
        ChatChange::Named { name, at_s } => return call(connection, session, &id, &name, at_s).await,
        ChatChange::Read { until_s } => return read_until(connection, session, &id, until_s).await,
        ChatChange::Deleted { until_s } => return delete(connection, session, &id, until_s).await,
        ChatChange::Cleared { until_s } => return cleared(connection, session, &id, until_s).await,
    };
    let mut sql = QueryBuilder::new(
        "INSERT INTO chats (session, id, last_s, unread, marked_unread, archived, pinned_s, muted_until_ms) VALUES (",
    );
    let of = |name: &str| (column == name).then_some(value).flatten();
    sql.push_bind(session).push(", ").push_bind(id).push(", 0, 0");
    for name in ["marked_unread", "archived"] {
        sql.push(", ").push_bind(of(name).unwrap_or_default());
    }
    for name in ["pinned_s", "muted_until_ms"] {
        sql.push(", ").push_bind(of(name));
    }
    sql.push(format!(
        ") ON CONFLICT (session, id) DO UPDATE SET {column} = excluded.{column}
         WHERE chats.{column} IS NOT excluded.{column}"
    ));
    Ok(sql.build().execute(connection).await?.rows_affected() > 0)
}

async fn call(
    connection: &mut SqliteConnection,
    session: i64,
    id: &str,
    name: &str,
    at_s: i64,
) -> Result<bool, sqlx::Error> {
    let called = query(
        "INSERT INTO chats (session, id, name, named_s, last_s, unread, marked_unread, archived)
         VALUES ($1, $2, $3, $4, 0, 0, 0, 0)
         ON CONFLICT (session, id) DO UPDATE SET name = excluded.name, named_s = excluded.named_s
         WHERE chats.name IS NULL OR (chats.name <> excluded.name AND chats.named_s <= excluded.named_s)",
    );
    let called = called.bind(session).bind(id).bind(name).bind(at_s).execute(connection).await?;
    Ok(called.rows_affected() > 0)
}

async fn read_until(
    connection: &mut SqliteConnection,
    session: i64,
    id: &str,
    until_s: i64,
) -> Result<bool, sqlx::Error> {
    // The newest of others are those that are unread.
    for chat in names(connection, session, id).await? {
        query(
            "UPDATE messages SET ack = $3 WHERE ack < $3 AND timestamp_s <= $5 AND seq IN (
                 SELECT seq FROM messages WHERE session = $1 AND chat = $2 AND hidden = 0 AND from_me = 0
                 ORDER BY timestamp_s DESC, seq DESC
                 LIMIT (SELECT COALESCE(max(unread), 0) FROM chats WHERE session = $1 AND id = $4))",
        )
        .bind(session)
        .bind(chat)
        .bind(READ)
        .bind(id)
        .bind(until_s)
        .execute(&mut *connection)
        .await?;
    }
    let left = unread_after(connection, session, id, until_s).await?;
    let read = query(
        "UPDATE chats SET unread = min(unread, $3), marked_unread = 0
         WHERE session = $1 AND id = $2 AND (unread > $3 OR marked_unread)",
    );
    Ok(read.bind(session).bind(id).bind(left).execute(connection).await?.rows_affected() > 0)
}

/// Messages of others, as far as they are stored.
pub(super) const UNREAD_AFTER: &str =
    "SELECT seq FROM messages WHERE session = $1 AND chat = $2 AND hidden = 0 AND timestamp_s > $3
         AND from_me = 0 AND ack < $4 LIMIT $5";

/// How many messages behind this moment were not read.
async fn unread_after(
    connection: &mut SqliteConnection,
    session: i64,
    id: &str,
    until_s: i64,
) -> Result<i64, sqlx::Error> {
    let mut all = 0;
    for chat in names(connection, session, id).await? {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM ({UNREAD_AFTER})"));
        let count = sqlx::query_scalar::<_, i64>(count).bind(session).bind(chat).bind(until_s);
        all += count.bind(READ).bind(MOST_UNREAD).fetch_one(&mut *connection).await?;
    }
    Ok(all)
}

async fn delete(
    connection: &mut SqliteConnection,
    session: i64,
    id: &str,
    until_s: i64,
) -> Result<bool, sqlx::Error> {
    let deleted = query("DELETE FROM chats WHERE session = $1 AND id = $2 AND last_s <= $3");
    let deleted = deleted.bind(session).bind(id).bind(until_s).execute(&mut *connection).await?;
    if deleted.rows_affected() > 0 {
        return Ok(true);
    }
    // It stays because of what came later, and only that can be unread.
    cleared(connection, session, id, until_s).await?;
    Ok(false)
}

async fn cleared(
    connection: &mut SqliteConnection,
    session: i64,
    id: &str,
    until_s: i64,
) -> Result<bool, sqlx::Error> {
    let left = unread_after(connection, session, id, until_s).await?;
    let read = query("UPDATE chats SET unread = $3 WHERE session = $1 AND id = $2 AND unread > $3");
    Ok(read.bind(session).bind(id).bind(left).execute(connection).await?.rows_affected() > 0)
}

/// The names under which messages of a chat may stand.
async fn names(
    connection: &mut SqliteConnection,
    session: i64,
    id: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let lid =
        sqlx::query_scalar::<_, Option<String>>("SELECT lid FROM contacts WHERE session = $1 AND id = $2");
    let lid = lid.bind(session).bind(id).fetch_optional(connection).await?;
    Ok(std::iter::once(id.to_owned()).chain(lid.flatten()).collect())
}

/// The oldest messages of a chat, those that are listed and those that are not.
pub(super) const OF_CHAT: [&str; 2] = [
    "SELECT seq FROM messages WHERE session = $1 AND chat = $2 AND hidden = 0 AND timestamp_s <= $3
     ORDER BY timestamp_s, seq LIMIT $4",
    "SELECT seq FROM messages WHERE session = $1 AND chat = $2 AND hidden = 1 AND timestamp_s <= $3 LIMIT $4",
];

/// See [`crate::OwnedRows::clear_chat`].
pub(super) async fn clear(
    connection: &mut SqliteConnection,
    session: &str,
    chats: &[String],
    until_s: i64,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let Some(session) = session_ids::known(connection, session).await? else { return Ok(0) };
    let mut gone = 0;
    for chat in chats {
        for rows in OF_CHAT {
            let left = u64::from(limit).saturating_sub(gone);
            let deleted = query(sqlx::AssertSqlSafe(format!("DELETE FROM messages WHERE seq IN ({rows})")));
            let deleted = deleted.bind(session).bind(chat).bind(until_s).bind(left as i64);
            gone += deleted.execute(&mut *connection).await?.rows_affected();
        }
    }
    Ok(gone)
}

/// Chats with the people they are with, of one session.
fn selected(session: &str) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT chats.*, ");
    sql.push_bind(session.to_owned());
    sql.push(
        " AS session_name, contacts.id AS contact_id, contacts.lid AS contact_lid, contacts.name AS contact_name,
             contacts.short_name AS contact_short_name, contacts.push_name AS contact_push_name,
             contacts.business_name AS contact_business_name, contacts.saved AS contact_saved
         FROM chats LEFT JOIN contacts ON contacts.session = chats.session AND contacts.id = chats.id
         WHERE chats.session = (SELECT sessions.id FROM sessions WHERE sessions.name = ",
    );
    sql.push_bind(session.to_owned()).push(")");
    sql
}

/// Chats in an order.
pub(super) fn page(session: &str, query: &ChatQuery) -> QueryBuilder<Sqlite> {
    let mut sql = selected(session);
    sql.push(" AND chats.last_s > 0");
    if !query.ids.is_empty() {
        sql.push(" AND chats.id IN (SELECT value FROM json_each(").push_bind(list(&query.ids)).push("))");
    }
    let direction = if query.descending { " DESC" } else { "" };
    sql.push(match query.order {
        ChatOrder::Time => format!(" ORDER BY chats.last_s{direction}, chats.id{direction}"),
        ChatOrder::Id => format!(" ORDER BY chats.id{direction}"),
        ChatOrder::Name => {
            format!(" ORDER BY {SHOWN} IS NULL, {SHOWN} COLLATE NOCASE{direction}, chats.id{direction}")
        }
    });
    sql.push(" LIMIT ").push_bind(query.limit).push(" OFFSET ").push_bind(query.offset);
    sql
}

/// A list as SQLite takes it.
fn list(names: &[String]) -> String {
    serde_json::to_string(names).unwrap_or_else(|_| "[]".to_owned())
}

fn read(row: &SqliteRow) -> Result<ChatRow, sqlx::Error> {
    let contact = match row.try_get::<Option<String>, _>("contact_id")? {
        Some(id) => Some(ContactRow {
            id,
            lid: row.try_get("contact_lid")?,
            name: row.try_get("contact_name")?,
            short_name: row.try_get("contact_short_name")?,
            push_name: row.try_get("contact_push_name")?,
            business_name: row.try_get("contact_business_name")?,
            saved: row.try_get("contact_saved")?,
        }),
        None => None,
    };
    Ok(ChatRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        last_s: row.try_get("last_s")?,
        unread: u32::try_from(row.try_get::<i64, _>("unread")?.max(0)).unwrap_or(MOST_UNREAD),
        marked_unread: row.try_get("marked_unread")?,
        archived: row.try_get("archived")?,
        pinned_s: row.try_get("pinned_s")?,
        muted_until_ms: row.try_get("muted_until_ms")?,
        contact,
    })
}
