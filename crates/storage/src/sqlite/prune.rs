//! Old rows are forgotten in steps between which others write. A step looks at a bounded number of rows, also of those that
//! must stay: events that somebody waits for, or that a dead letter shows.

use std::collections::BTreeSet;

use sqlx::{SqliteConnection, query, query_as};

use super::{event_log, session_ids};
use crate::{Pruned, Retention};

/// Dead letters that are old enough, with their events.
pub(super) const OLD_LETTERS: &str = "SELECT outbox.id, events.rowid
     FROM outbox JOIN events ON events.session = outbox.session AND events.number = outbox.number
     WHERE outbox.state = 2 AND outbox.ended_ms < $1 ORDER BY outbox.ended_ms LIMIT $2";

/// Finished sends that are old enough.
pub(super) const OLD_SENDS: &str =
    "DELETE FROM sends WHERE seq IN (SELECT seq FROM sends WHERE state >= 2 AND updated_ms < $1 LIMIT $2)";

/// Old events behind a place, and whether each has to stay.
pub(super) const OLD_EVENTS: &str = "SELECT rowid, session, timestamp_ms, EXISTS
         (SELECT 1 FROM outbox WHERE outbox.session = events.session AND outbox.number = events.number)
     FROM events WHERE timestamp_ms >= $1 AND (timestamp_ms > $1 OR rowid > $2) AND timestamp_ms < $3
     ORDER BY timestamp_ms, rowid LIMIT $4";

/// Which of these events are old and need not stay.
pub(super) const OF_THESE: &str = "SELECT rowid, session FROM events
     WHERE rowid IN (SELECT value FROM json_each($1)) AND timestamp_ms < $2 AND NOT EXISTS
         (SELECT 1 FROM outbox WHERE outbox.session = events.session AND outbox.number = events.number)";

/// Whoever waits for an old event gets it late, and a dead letter that is replayed leaves its event behind: so often all that
/// had to stay are looked at again.
const AGAIN_MS: i64 = 60 * 60 * 1000;

/// How far old events were looked at. What lies before has to stay, or had to when it was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Walk {
    /// The time and the row of the last one.
    last: (i64, i64),
    /// What counted as old when it began.
    began_ms: i64,
}

impl Walk {
    /// From the beginning, when the last time is long ago.
    fn resumed(self, before_ms: i64) -> Self {
        // A clock that was set back begins anew as well.
        let ago = before_ms.saturating_sub(self.began_ms);
        if (0..AGAIN_MS).contains(&ago) {
            return self;
        }
        Self { last: (i64::MIN, i64::MIN), began_ms: before_ms }
    }
}

/// One step. Answers what it did, and where the next one goes on.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    retention: Retention,
    walk: Walk,
) -> Result<(Pruned, Walk), sqlx::Error> {
    let letters = letters(connection, retention).await?;
    let sends = query(OLD_SENDS)
        .bind(retention.sends_before_ms)
        .bind(retention.limit)
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let (events, walk) = events(connection, retention, walk.resumed(retention.delivered_before_ms)).await?;
    let more = letters.more || events.more || sends == u64::from(retention.limit);
    Ok((Pruned { rows: letters.rows + sends + events.rows, more }, walk))
}

/// Dead letters, and the events that only they kept.
async fn letters(connection: &mut SqliteConnection, retention: Retention) -> Result<Pruned, sqlx::Error> {
    let old: Vec<(i64, i64)> = query_as(OLD_LETTERS)
        .bind(retention.dead_before_ms)
        .bind(retention.limit)
        .fetch_all(&mut *connection)
        .await?;
    if old.is_empty() {
        return Ok(Pruned::default());
    }
    let ids = list(old.iter().map(|(id, _)| *id))?;
    query("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each($1))")
        .bind(ids)
        .execute(&mut *connection)
        .await?;
    let free: Vec<(i64, i64)> = query_as(OF_THESE)
        .bind(list(old.iter().map(|(_, event)| *event))?)
        .bind(retention.delivered_before_ms)
        .fetch_all(&mut *connection)
        .await?;
    let events = forget(connection, &free).await?;
    Ok(Pruned { rows: old.len() as u64 + events, more: old.len() == retention.limit as usize })
}

/// Events that nobody waits for.
async fn events(
    connection: &mut SqliteConnection,
    retention: Retention,
    walk: Walk,
) -> Result<(Pruned, Walk), sqlx::Error> {
    let looked_at: Vec<(i64, i64, i64, bool)> = query_as(OLD_EVENTS)
        .bind(walk.last.0)
        .bind(walk.last.1)
        .bind(retention.delivered_before_ms)
        .bind(retention.limit)
        .fetch_all(&mut *connection)
        .await?;
    let last = looked_at.last().map_or(walk.last, |(row, _, timestamp_ms, _)| (*timestamp_ms, *row));
    let free: Vec<_> =
        looked_at.iter().filter(|(.., stays)| !stays).map(|(row, session, ..)| (*row, *session)).collect();
    let rows = forget(connection, &free).await?;
    Ok((Pruned { rows, more: looked_at.len() == retention.limit as usize }, Walk { last, ..walk }))
}

/// Forgets events, given by row and session. The numbers of those that go are given to no others.
async fn forget(connection: &mut SqliteConnection, free: &[(i64, i64)]) -> Result<u64, sqlx::Error> {
    if free.is_empty() {
        return Ok(0);
    }
    for session in free.iter().map(|(_, session)| *session).collect::<BTreeSet<_>>() {
        session_ids::keep_last_event(connection, session).await?;
    }
    let rows: Vec<_> = free.iter().map(|(row, _)| *row).collect();
    event_log::forget(connection, &rows).await?;
    query("DELETE FROM events WHERE rowid IN (SELECT value FROM json_each($1))")
        .bind(list(rows.into_iter())?)
        .execute(connection)
        .await
        .map(|deleted| deleted.rows_affected())
}

/// Numbers as one parameter.
pub(super) fn list(numbers: impl Iterator<Item = i64>) -> Result<String, sqlx::Error> {
    let numbers: Vec<_> = numbers.collect();
    serde_json::to_string(&numbers).map_err(|error| sqlx::Error::Encode(error.into()))
}
