use async_trait::async_trait;
use sqlx::{Row, query, query_as, sqlite::SqliteRow};

use super::writer::Soon;
use super::{SqliteStorage, damaged, deliveries, letters};
use crate::{
    AttemptRow, DeadLetter, DeadLetterQuery, DeliveryRecord, Lane, LaneKey, OutboxCounts, OutboxItem,
    OutboxRows, Recorded, StorageError, Wait,
};

#[async_trait]
impl OutboxRows for SqliteStorage {
    async fn pending_lanes(&self) -> Result<Vec<Lane>, StorageError> {
        // SQLite takes what is not grouped from the row that has the least: the first one.
        query(
            "SELECT subscription, home.name AS session_name, chat, next_attempt_ms, gave_up, min(number * 2 + also)
             FROM outbox JOIN sessions ON sessions.id = outbox.session
                 JOIN sessions AS home ON home.id = COALESCE(sessions.home, sessions.id)
             WHERE state = 0 GROUP BY subscription, home.id, chat",
        )
        .try_map(read_lane)
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading what is owed to receivers"))
    }

    async fn lane_items(&self, lane: &LaneKey, limit: u32) -> Result<Vec<OutboxItem>, StorageError> {
        query(
            "SELECT outbox.id, outbox.number, outbox.attempts,
                 CASE outbox.also WHEN 1 THEN events.also_id ELSE events.id END AS event_id,
                 CASE outbox.also WHEN 1 THEN events.also_name ELSE events.name END AS name,
                 $2 AS session_name, events.timestamp_ms, events.rest
             FROM outbox JOIN events ON events.session = outbox.session AND events.number = outbox.number
             WHERE outbox.state = 0 AND outbox.subscription = $1 AND outbox.chat = $3 AND outbox.session IN (
                 SELECT id FROM sessions WHERE sessions.name = $2
                     OR home = (SELECT id FROM sessions WHERE sessions.name = $2))
             ORDER BY outbox.number, outbox.also LIMIT $4",
        )
        .bind(&lane.subscription)
        .bind(&lane.session)
        .bind(&lane.chat)
        .bind(limit)
        .try_map(damaged::named(&DELIVERY, read_item))
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading deliveries"))
    }

    async fn record_deliveries(&self, records: Vec<DeliveryRecord>) -> Result<(), StorageError> {
        self.writer
            .write("storing deliveries", |connection| Box::pin(deliveries::record_all(connection, records)))
            .await
    }

    async fn record_deliveries_soon(
        &self,
        records: Vec<DeliveryRecord>,
        done: Recorded,
    ) -> Result<(), StorageError> {
        self.writer
            .write_soon(
                "storing deliveries",
                Soon { wait: Wait::Long, order: None, is_read: false },
                || Ok(()),
                move |connection| {
                    let records = records.clone();
                    Box::pin(deliveries::record_all(connection, records))
                },
                done,
            )
            .await
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
                Box::pin(deliveries::abandon(connection, subscription, reason, now_ms))
            })
            .await
    }

    async fn dead_letters(&self, query: DeadLetterQuery) -> Result<Vec<DeadLetter>, StorageError> {
        letters::matching(letters::COLUMNS, &query)
            .build()
            .try_map(damaged::named(&DELIVERY, letters::read))
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading dead letters"))
    }

    async fn replay_dead_letters(&self, query: DeadLetterQuery) -> Result<Vec<LaneKey>, StorageError> {
        self.writer
            .write("replaying dead letters", move |connection| Box::pin(letters::replay(connection, query)))
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

    async fn outbox_counts_of(&self, session: &str) -> Result<OutboxCounts, StorageError> {
        let (pending, dead) = query_as(
            "WITH own AS (SELECT id FROM sessions WHERE name = $1)
             SELECT (SELECT COUNT(*) FROM outbox WHERE state = 0 AND session IN (SELECT id FROM own)),
                    (SELECT COUNT(*) FROM outbox WHERE state = 2 AND session IN (SELECT id FROM own))",
        )
        .bind(session)
        .fetch_one(&self.readers)
        .await
        .map_err(StorageError::during("counting the outbox of a session"))?;
        Ok(OutboxCounts { pending, dead })
    }
}

fn read_lane(row: SqliteRow) -> Result<Lane, sqlx::Error> {
    Ok(Lane {
        key: LaneKey {
            subscription: row.try_get("subscription")?,
            session: row.try_get("session_name")?,
            chat: row.try_get("chat")?,
        },
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
