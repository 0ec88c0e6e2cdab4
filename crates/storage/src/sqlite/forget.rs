//! Messages that are too old, or too many, are forgotten: where that begins is found by reading alone, then they go in steps.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::{SqliteConnection, SqlitePool, query, query_as, query_scalar};

use super::prune::list;
use crate::{MessagePosition, MessageRetention, OldMessages};

/// What a message takes beside what it holds: the rest of its row, and its places in the indexes.
pub(super) const ROW_BYTES: i64 = 512;

/// The sessions whose rows belong to one: its own, and those that are set apart.
const OF_SESSION: &str = "SELECT id FROM sessions WHERE name = $1
     UNION ALL SELECT id FROM sessions WHERE home = (SELECT id FROM sessions WHERE name = $1)";

/// What all messages take.
pub(super) const SIZE: &str = "SELECT COALESCE(sum(length(proto) + $2), 0) FROM messages WHERE session = $1";

/// The message with which the oldest ones take so much.
pub(super) const TOO_MANY: &str = "SELECT timestamp_s, seq FROM (
         SELECT timestamp_s, seq,
             sum(length(proto) + $2) OVER (ORDER BY timestamp_s, seq ROWS UNBOUNDED PRECEDING) AS total
         FROM messages WHERE session = $1
     ) WHERE total >= $3 LIMIT 1";

/// Chats of which an event waits for its receiver, or is a dead letter: it may name the file of a message.
const OWED_CHATS: &str = "SELECT DISTINCT chat FROM outbox WHERE session = $1";

/// The oldest messages behind a place and before another. Whether each has a send, which waits or answers a repeated request.
pub(super) const OLDEST: &str = "SELECT timestamp_s, seq, chat, EXISTS
         (SELECT 1 FROM sends WHERE sends.session = messages.session AND sends.message_id = messages.id)
     FROM messages
     WHERE session = $1 AND timestamp_s >= $2 AND (timestamp_s > $2 OR seq > $3)
         AND timestamp_s <= $4 AND (timestamp_s < $4 OR seq < $5)
     ORDER BY timestamp_s, seq LIMIT $6";

/// Where forgetting begins, for each account that was linked in a session.
pub(super) async fn find(
    readers: &SqlitePool,
    session: &str,
    retention: MessageRetention,
) -> Result<Vec<OldMessages>, sqlx::Error> {
    let ids: Vec<i64> = query_scalar(OF_SESSION).bind(session).fetch_all(readers).await?;
    let mut old = Vec::new();
    for id in ids {
        // Everything before this moment, whatever its number.
        let too_old = retention.before_s.map(|timestamp_s| MessagePosition { timestamp_s, seq: i64::MIN });
        let too_many = match retention.most_bytes {
            Some(most) => too_many(readers, id, i64::try_from(most).unwrap_or(i64::MAX)).await?,
            None => None,
        };
        let before = too_old.into_iter().chain(too_many).max_by_key(|cut| (cut.timestamp_s, cut.seq));
        let Some(before) = before else { continue };
        let owed: Vec<String> = query_scalar(OWED_CHATS).bind(id).fetch_all(readers).await?;
        let stay: HashSet<_> = owed.into_iter().filter(|chat| !chat.is_empty()).collect();
        let behind = MessagePosition { timestamp_s: i64::MIN, seq: i64::MIN };
        old.push(OldMessages { session: session.to_owned(), id, behind, before, stay: Arc::new(stay) });
    }
    Ok(old)
}

async fn too_many(readers: &SqlitePool, id: i64, most: i64) -> Result<Option<MessagePosition>, sqlx::Error> {
    let size: i64 = query_scalar(SIZE).bind(id).bind(ROW_BYTES).fetch_one(readers).await?;
    if size <= most {
        return Ok(None);
    }
    let last: Option<(i64, i64)> =
        query_as(TOO_MANY).bind(id).bind(ROW_BYTES).bind(size - most).fetch_optional(readers).await?;
    // It goes as well.
    Ok(last.map(|(timestamp_s, seq)| MessagePosition { timestamp_s, seq: seq + 1 }))
}

/// One step: looks at so many messages and forgets those that need not stay. Answers how many went, and where it goes on.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    old: OldMessages,
    limit: u32,
) -> Result<(u64, Option<OldMessages>), sqlx::Error> {
    let looked_at: Vec<(i64, i64, String, bool)> = query_as(OLDEST)
        .bind(old.id)
        .bind(old.behind.timestamp_s)
        .bind(old.behind.seq)
        .bind(old.before.timestamp_s)
        .bind(old.before.seq)
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
    let goes = looked_at.iter().filter(|(.., chat, has_send)| !has_send && !old.stay.contains(chat));
    let gone = query("DELETE FROM messages WHERE seq IN (SELECT value FROM json_each($1))")
        .bind(list(goes.map(|(_, seq, ..)| *seq))?)
        .execute(connection)
        .await?
        .rows_affected();
    let last = looked_at.last().filter(|_| looked_at.len() == limit as usize);
    let next = last.map(|(timestamp_s, seq, ..)| OldMessages {
        behind: MessagePosition { timestamp_s: *timestamp_s, seq: *seq },
        ..old.clone()
    });
    Ok((gone, next))
}
