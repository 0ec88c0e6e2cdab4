//! The history that a phone gave, step by step.

use std::collections::BTreeMap;

use sqlx::query::QueryScalar;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection, query, query_scalar};

use super::contact_rows::canonical;
use super::{chat_rows, commit, contact_rows};
use crate::{PastChat, PastStep};

/// How many steps of a part were done.
pub(super) fn done<'q>(session: &'q str, part: &'q str) -> QueryScalar<'q, Sqlite, i64, SqliteArguments> {
    query_scalar(
        "SELECT done FROM history_parts
         WHERE session = (SELECT sessions.id FROM sessions WHERE name = $1) AND part = $2",
    )
    .bind(session)
    .bind(part)
}

/// Notes that reading a part begins; `false` when it did so too often without getting on.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    session: i64,
    part: &str,
    most: u32,
) -> Result<bool, sqlx::Error> {
    let begun = query(
        "INSERT INTO history_parts (session, part, done, attempts) VALUES ($1, $2, 0, 1)
         ON CONFLICT (session, part) DO UPDATE SET attempts = attempts + 1 WHERE attempts < $3",
    );
    let begun = begun.bind(session).bind(part).bind(most).execute(connection).await?;
    Ok(begun.rows_affected() > 0)
}

/// Does a step, unless it was done before.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    session: i64,
    step: PastStep,
) -> Result<bool, sqlx::Error> {
    let moved = query(
        "INSERT INTO history_parts (session, part, done, attempts) VALUES ($1, $2, $3, 0)
         ON CONFLICT (session, part) DO UPDATE SET done = excluded.done, attempts = 0
         WHERE history_parts.done < excluded.done",
    );
    let moved = moved.bind(session).bind(step.part).bind(step.done).execute(&mut *connection).await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    for contact in step.contacts {
        contact_rows::learn(connection, session, contact).await?;
    }
    for chat in step.chats {
        past_chat(connection, session, chat).await?;
    }
    let mut newest = BTreeMap::new();
    for row in &step.messages {
        commit::insert_message(connection, session, row).await?;
        if !row.hidden {
            let newest = newest.entry(row.chat.as_str()).or_insert(row.timestamp_s);
            *newest = row.timestamp_s.max(*newest);
        }
    }
    // A phone does not tell of every chat when it was last written in.
    for (chat, last_s) in newest {
        chat_rows::written_in(connection, session, chat, last_s).await?;
    }
    Ok(true)
}

/// Nothing is kept of how far a part was read.
pub(super) async fn ended(
    connection: &mut SqliteConnection,
    session: i64,
    part: &str,
) -> Result<(), sqlx::Error> {
    let ended = query("DELETE FROM history_parts WHERE session = $1 AND part = $2");
    ended.bind(session).bind(part).execute(connection).await.map(drop)
}

/// What was seen since the device was linked is newer than the history, so it stays.
async fn past_chat(
    connection: &mut SqliteConnection,
    session: i64,
    chat: PastChat,
) -> Result<(), sqlx::Error> {
    if !chat_rows::is_listed(&chat.id) {
        return Ok(());
    }
    let id = canonical(connection, session, &chat.id).await?;
    query(
        "INSERT INTO chats (session, id, name, named_s, last_s, unread, marked_unread, archived, pinned_s, muted_until_ms)
         VALUES ($1, $2, NULLIF($3, ''), $4, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (session, id) DO UPDATE SET
             name = CASE WHEN excluded.named_s >= chats.named_s THEN COALESCE(excluded.name, chats.name)
                 ELSE COALESCE(chats.name, excluded.name) END,
             named_s = CASE WHEN excluded.name IS NULL THEN chats.named_s ELSE max(chats.named_s, excluded.named_s) END,
             unread = CASE WHEN chats.last_s = 0 THEN excluded.unread ELSE chats.unread END,
             last_s = max(chats.last_s, excluded.last_s)",
    )
    .bind(session)
    .bind(id)
    .bind(chat.name)
    .bind(chat.last_s)
    .bind(chat.unread.min(chat_rows::MOST_UNREAD))
    .bind(chat.marked_unread)
    .bind(chat.archived)
    .bind(chat.pinned_s)
    .bind(chat.muted_until_ms)
    .execute(connection)
    .await
    .map(drop)
}
