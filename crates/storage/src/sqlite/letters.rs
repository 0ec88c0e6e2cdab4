//! Dead letters: which there are, and their replay.

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, query, sqlite::SqliteRow};

use crate::{DeadLetter, DeadLetterQuery, LaneKey};

/// What is read of one.
pub(super) const COLUMNS: &str =
    "SELECT outbox.id, outbox.subscription, outbox.attempts, outbox.reason, outbox.ended_ms,
     CASE outbox.also WHEN 1 THEN events.also_id ELSE events.id END AS event_id,
     CASE outbox.also WHEN 1 THEN events.also_name ELSE events.name END AS name,
     sessions.name AS session_name, events.timestamp_ms, events.rest";

/// Those that a query asks for, oldest first.
pub(super) fn matching(select: &'static str, which: &DeadLetterQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(select);
    sql.push(
        " FROM outbox JOIN events ON events.session = outbox.session AND events.number = outbox.number
              JOIN sessions ON sessions.id = outbox.session
          WHERE outbox.state = 2 AND outbox.id > ",
    );
    sql.push_bind(which.after);
    if let Some(session) = &which.session {
        sql.push(" AND outbox.session = (SELECT own.id FROM sessions AS own WHERE own.name = ")
            .push_bind(session.clone())
            .push(")");
    }
    if let Some(subscription) = &which.subscription {
        sql.push(" AND outbox.subscription = ").push_bind(subscription.clone());
    }
    if let Some(event_id) = &which.event_id {
        sql.push(" AND CASE outbox.also WHEN 1 THEN events.also_id ELSE events.id END = ")
            .push_bind(event_id.clone());
    }
    sql.push(" ORDER BY outbox.id LIMIT ").push_bind(which.limit);
    sql
}

/// Makes them pending again, each before what is behind it.
pub(super) async fn replay(
    connection: &mut SqliteConnection,
    which: DeadLetterQuery,
) -> Result<Vec<LaneKey>, sqlx::Error> {
    let select = "SELECT outbox.id, outbox.subscription, outbox.chat, COALESCE(sessions.home, sessions.id),
         (SELECT name FROM sessions AS home WHERE home.id = COALESCE(sessions.home, sessions.id))";
    let rows: Vec<(i64, String, String, i64, String)> =
        matching(select, &which).build_query_as().fetch_all(&mut *connection).await?;
    let mut lanes = Vec::with_capacity(rows.len());
    for (delivery, subscription, chat, home, session) in rows {
        // Somebody asked for it now: a lane that waits for a retry need not wait on.
        query(
            "UPDATE outbox SET next_attempt_ms = NULL, gave_up = 0
             WHERE state = 0 AND subscription = $1 AND chat = $2
                 AND session IN (SELECT id FROM sessions WHERE id = $3 OR home = $3)
                 AND (next_attempt_ms IS NOT NULL OR gave_up = 1)",
        )
        .bind(&subscription)
        .bind(&chat)
        .bind(home)
        .execute(&mut *connection)
        .await?;
        query(
            "UPDATE outbox SET state = 0, attempts = 0, next_attempt_ms = NULL, gave_up = 0, reason = NULL,
                 ended_ms = NULL
             WHERE id = $1",
        )
        .bind(delivery)
        .execute(&mut *connection)
        .await?;
        lanes.push(LaneKey { subscription, session, chat });
    }
    Ok(lanes)
}

pub(super) fn read(row: &SqliteRow) -> Result<DeadLetter, sqlx::Error> {
    Ok(DeadLetter {
        id: row.try_get("id")?,
        event_id: row.try_get("event_id")?,
        name: row.try_get("name")?,
        subscription: row.try_get("subscription")?,
        session: row.try_get("session_name")?,
        timestamp_ms: row.try_get("timestamp_ms")?,
        attempts: row.try_get("attempts")?,
        reason: row.try_get::<Option<String>, _>("reason")?.unwrap_or_default(),
        dead_ms: row.try_get::<Option<i64>, _>("ended_ms")?.unwrap_or_default(),
        rest: row.try_get("rest")?,
    })
}
