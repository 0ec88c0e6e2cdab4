use async_trait::async_trait;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, query, query_as, query_scalar, sqlite::SqliteRow};

use super::{SqliteStorage, commit::open_lane, damaged};
use crate::{
    AttemptRow, DeadLetter, DeadLetterQuery, DeliveryRecord, Lane, OutboxCounts, OutboxItem, OutboxRows,
    StorageError, Verdict,
};

/// Attempts kept for each delivery.
const KEPT_ATTEMPTS: i64 = 20;

#[async_trait]
impl OutboxRows for SqliteStorage {
    async fn pending_subscriptions(&self) -> Result<Vec<String>, StorageError> {
        query_scalar("SELECT DISTINCT subscription FROM lanes ORDER BY subscription")
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading pending subscriptions"))
    }

    async fn due_lanes(
        &self,
        subscription: &str,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<Lane>, StorageError> {
        query(
            "SELECT * FROM lanes WHERE subscription = $1 AND next_attempt_ms <= $2
             ORDER BY next_attempt_ms LIMIT $3",
        )
        .bind(subscription)
        .bind(now_ms)
        .bind(limit)
        .try_map(read_lane)
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading due deliveries"))
    }

    async fn next_due_ms(&self, subscription: &str, now_ms: i64) -> Result<Option<i64>, StorageError> {
        query_scalar(
            "SELECT next_attempt_ms FROM lanes WHERE subscription = $1 AND next_attempt_ms > $2
             ORDER BY next_attempt_ms LIMIT 1",
        )
        .bind(subscription)
        .bind(now_ms)
        .fetch_optional(&self.readers)
        .await
        .map_err(StorageError::during("reading when deliveries fall due"))
    }

    async fn lane_items(&self, lane: i64, limit: u32) -> Result<Vec<OutboxItem>, StorageError> {
        query(
            "SELECT outbox.id, outbox.number, outbox.attempts,
                 CASE outbox.also WHEN 1 THEN events.also_id ELSE events.id END AS event_id,
                 CASE outbox.also WHEN 1 THEN events.also_name ELSE events.name END AS name,
                 events.session, events.timestamp_ms, events.rest
             FROM outbox JOIN events ON events.session = outbox.session AND events.number = outbox.number
             WHERE outbox.lane = $1 AND outbox.state = 0 ORDER BY outbox.number, outbox.also LIMIT $2",
        )
        .bind(lane)
        .bind(limit)
        .try_map(damaged::named(&DELIVERY, read_item))
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading deliveries"))
    }

    async fn record_delivery(&self, delivery: DeliveryRecord) -> Result<(), StorageError> {
        self.writer.write("storing a delivery", |connection| Box::pin(record(connection, delivery))).await
    }

    async fn abandon_subscription(
        &self,
        subscription: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<u64, StorageError> {
        let (subscription, reason) = (subscription.to_owned(), reason.to_owned());
        self.writer
            .write("abandoning a subscription", move |connection| {
                Box::pin(abandon(connection, subscription, reason, now_ms))
            })
            .await
    }

    async fn dead_letters(&self, query: DeadLetterQuery) -> Result<Vec<DeadLetter>, StorageError> {
        dead(
            "SELECT outbox.id, outbox.subscription, outbox.attempts, outbox.reason, outbox.ended_ms,
                 CASE outbox.also WHEN 1 THEN events.also_id ELSE events.id END AS event_id,
                 CASE outbox.also WHEN 1 THEN events.also_name ELSE events.name END AS name,
                 events.session, events.timestamp_ms, events.rest",
            &query,
        )
        .build()
        .try_map(damaged::named(&DELIVERY, read_dead))
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading dead letters"))
    }

    async fn replay_dead_letters(
        &self,
        query: DeadLetterQuery,
        now_ms: i64,
    ) -> Result<Vec<String>, StorageError> {
        self.writer
            .write("replaying dead letters", move |connection| Box::pin(replay(connection, query, now_ms)))
            .await
    }

    async fn attempts(&self, event_id: &str, subscription: &str) -> Result<Vec<AttemptRow>, StorageError> {
        query(
            "SELECT attempts.* FROM attempts JOIN outbox ON outbox.id = attempts.delivery
                 JOIN events ON events.session = outbox.session AND events.number = outbox.number
             WHERE CASE outbox.also WHEN 1 THEN events.also_id ELSE events.id END = $1
                 AND (events.id = $1 OR events.also_id = $1) AND outbox.subscription = $2
             ORDER BY attempts.id",
        )
        .bind(event_id)
        .bind(subscription)
        .try_map(read_attempt)
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading attempts"))
    }

    async fn outbox_counts(&self) -> Result<OutboxCounts, StorageError> {
        let (pending, dead) = query_as(
            "SELECT (SELECT COUNT(*) FROM outbox WHERE state = 0), (SELECT COUNT(*) FROM outbox WHERE state = 2)",
        )
        .fetch_one(&self.readers)
        .await
        .map_err(StorageError::during("counting the outbox"))?;
        Ok(OutboxCounts { pending, dead })
    }
}

async fn record(connection: &mut SqliteConnection, record: DeliveryRecord) -> Result<(), sqlx::Error> {
    let lane = query_scalar::<_, i64>("SELECT id FROM lanes WHERE id = $1").bind(record.lane);
    if lane.fetch_optional(&mut *connection).await?.is_none() {
        // The subscription was abandoned while the attempt was on its way: its rows are settled.
        return Ok(());
    }
    let failed = record.attempt.filter(|_| record.verdict != Verdict::Delivered);
    if let Some(attempt) = failed {
        insert_attempt(connection, record.delivery, attempt).await?;
    }
    let ended = match &record.verdict {
        Verdict::Retry { next_attempt_ms } => {
            return query("UPDATE lanes SET next_attempt_ms = $2 WHERE id = $1")
                .bind(record.lane)
                .bind(next_attempt_ms)
                .execute(connection)
                .await
                .map(drop);
        }
        // Its attempts go with it.
        Verdict::Delivered => query("DELETE FROM outbox WHERE id = $1 AND state = 0").bind(record.delivery),
        Verdict::Dead { reason, .. } => {
            query("UPDATE outbox SET state = 2, reason = $2, ended_ms = $3 WHERE id = $1 AND state = 0")
                .bind(record.delivery)
                .bind(reason)
                .bind(record.now_ms)
        }
    };
    ended.execute(&mut *connection).await?;
    advance_lane(connection, record.lane, &record.verdict, record.now_ms).await
}

async fn insert_attempt(
    connection: &mut SqliteConnection,
    delivery: i64,
    attempt: AttemptRow,
) -> Result<(), sqlx::Error> {
    let counted = query("UPDATE outbox SET attempts = $2 WHERE id = $1 AND state = 0")
        .bind(delivery)
        .bind(attempt.number)
        .execute(&mut *connection)
        .await?;
    if counted.rows_affected() == 0 {
        // It ended meanwhile: what is not owed has no attempts to come.
        return Ok(());
    }
    query(
        "INSERT INTO attempts (delivery, number, started_ms, duration_ms, status, error)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(delivery)
    .bind(attempt.number)
    .bind(attempt.started_ms)
    .bind(attempt.duration_ms)
    .bind(attempt.status)
    .bind(attempt.error)
    .execute(&mut *connection)
    .await?;
    if attempt.number > 1 {
        query(
            "DELETE FROM attempts WHERE delivery = $1 AND id NOT IN
                 (SELECT id FROM attempts WHERE delivery = $1 ORDER BY id DESC LIMIT $2)",
        )
        .bind(delivery)
        .bind(KEPT_ATTEMPTS)
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// After a row ended: the lane goes with its last pending row, else its next row's turn comes.
async fn advance_lane(
    connection: &mut SqliteConnection,
    lane: i64,
    verdict: &Verdict,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let ended = query(
        "DELETE FROM lanes WHERE id = $1
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE lane = $1 AND state = 0)",
    )
    .bind(lane)
    .execute(&mut *connection)
    .await?;
    if ended.rows_affected() > 0 {
        return Ok(());
    }
    let update = match verdict {
        Verdict::Dead { next_attempt_ms, exhausted: true, .. } => {
            query("UPDATE lanes SET next_attempt_ms = $2, gave_up = 1 WHERE id = $1")
                .bind(lane)
                .bind(next_attempt_ms)
        }
        Verdict::Dead { next_attempt_ms, .. } => {
            query("UPDATE lanes SET next_attempt_ms = $2 WHERE id = $1").bind(lane).bind(next_attempt_ms)
        }
        Verdict::Delivered | Verdict::Retry { .. } => {
            query("UPDATE lanes SET next_attempt_ms = $2, gave_up = 0 WHERE id = $1").bind(lane).bind(now_ms)
        }
    };
    update.execute(connection).await.map(drop)
}

async fn abandon(
    connection: &mut SqliteConnection,
    subscription: String,
    reason: String,
    now_ms: i64,
) -> Result<u64, sqlx::Error> {
    let dead = query(
        "UPDATE outbox SET state = 2, reason = $2, ended_ms = $3 WHERE state = 0 AND lane IN
             (SELECT id FROM lanes WHERE subscription = $1 AND session IN (SELECT name FROM sessions))",
    )
    .bind(&subscription)
    .bind(reason)
    .bind(now_ms)
    .execute(&mut *connection)
    .await?;
    let dropped = query(
        "DELETE FROM outbox WHERE state = 0 AND lane IN (SELECT id FROM lanes WHERE subscription = $1)",
    )
    .bind(&subscription)
    .execute(&mut *connection)
    .await?;
    query("DELETE FROM lanes WHERE subscription = $1").bind(&subscription).execute(connection).await?;
    Ok(dead.rows_affected() + dropped.rows_affected())
}

async fn replay(
    connection: &mut SqliteConnection,
    which: DeadLetterQuery,
    now_ms: i64,
) -> Result<Vec<String>, sqlx::Error> {
    let rows: Vec<(i64, String, String, String)> =
        dead("SELECT outbox.id, outbox.subscription, events.session, events.chat", &which)
            .build_query_as()
            .fetch_all(&mut *connection)
            .await?;
    let mut subscriptions = Vec::with_capacity(rows.len());
    for (delivery, subscription, session, chat) in rows {
        let lane = open_lane(connection, &subscription, &session, &chat, now_ms).await?;
        // Somebody asked for it now: a lane that waits for a retry need not wait on.
        query("UPDATE lanes SET next_attempt_ms = $2, gave_up = 0 WHERE id = $1 AND next_attempt_ms > $2")
            .bind(lane)
            .bind(now_ms)
            .execute(&mut *connection)
            .await?;
        query(
            "UPDATE outbox SET state = 0, lane = $2, attempts = 0, reason = NULL, ended_ms = NULL
             WHERE id = $1",
        )
        .bind(delivery)
        .bind(lane)
        .execute(&mut *connection)
        .await?;
        subscriptions.push(subscription);
    }
    Ok(subscriptions)
}

fn dead(select: &'static str, which: &DeadLetterQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(select);
    sql.push(
        " FROM outbox JOIN events ON events.session = outbox.session AND events.number = outbox.number
          WHERE outbox.state = 2 AND outbox.id > ",
    );
    sql.push_bind(which.after);
    if let Some(session) = &which.session {
        sql.push(" AND outbox.session = ").push_bind(session.clone());
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

fn read_lane(row: SqliteRow) -> Result<Lane, sqlx::Error> {
    Ok(Lane {
        id: row.try_get("id")?,
        subscription: row.try_get("subscription")?,
        session: row.try_get("session")?,
        next_attempt_ms: row.try_get("next_attempt_ms")?,
        gave_up: row.try_get("gave_up")?,
    })
}

/// How a damaged delivery is named.
const DELIVERY: damaged::Naming = damaged::Naming { what: "delivery of event", key: "event_id" };

fn read_item(row: &SqliteRow) -> Result<OutboxItem, sqlx::Error> {
    Ok(OutboxItem {
        id: row.try_get("id")?,
        seq: row.try_get("number")?,
        event_id: row.try_get("event_id")?,
        name: row.try_get("name")?,
        timestamp_ms: row.try_get("timestamp_ms")?,
        rest: row.try_get("rest")?,
        attempts: row.try_get("attempts")?,
    })
}

fn read_attempt(row: SqliteRow) -> Result<AttemptRow, sqlx::Error> {
    Ok(AttemptRow {
        number: row.try_get("number")?,
        started_ms: row.try_get("started_ms")?,
        duration_ms: row.try_get("duration_ms")?,
        status: row.try_get("status")?,
        error: row.try_get("error")?,
    })
}

fn read_dead(row: &SqliteRow) -> Result<DeadLetter, sqlx::Error> {
    Ok(DeadLetter {
        id: row.try_get("id")?,
        event_id: row.try_get("event_id")?,
        name: row.try_get("name")?,
        subscription: row.try_get("subscription")?,
        session: row.try_get("session")?,
        timestamp_ms: row.try_get("timestamp_ms")?,
        attempts: row.try_get("attempts")?,
        reason: row.try_get::<Option<String>, _>("reason")?.unwrap_or_default(),
        dead_ms: row.try_get::<Option<i64>, _>("ended_ms")?.unwrap_or_default(),
        rest: row.try_get("rest")?,
    })
}
