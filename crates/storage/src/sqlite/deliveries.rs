//! What becomes of deliveries: their rows go, wait, or are given up.

use sqlx::{SqliteConnection, query};

use crate::{AttemptRow, DeliveryRecord, Verdict};

/// Attempts kept for each delivery.
const KEPT_ATTEMPTS: i64 = 20;

/// The first pending row of the lane that the row `$1` belongs to, itself left out.
const NEXT_IN_LANE: &str = "SELECT next.id
     FROM outbox AS given JOIN sessions ON sessions.id = given.session
         JOIN sessions AS members
             ON members.id = COALESCE(sessions.home, sessions.id) OR members.home = COALESCE(sessions.home, sessions.id)
         JOIN outbox AS next ON next.session = members.id AND next.subscription = given.subscription
             AND next.chat = given.chat AND next.state = 0 AND next.id <> given.id
     WHERE given.id = $1 ORDER BY next.number, next.also LIMIT 1";

/// What became of deliveries, in their order.
pub(super) async fn record_all(
    connection: &mut SqliteConnection,
    records: Vec<DeliveryRecord>,
) -> Result<(), sqlx::Error> {
    for one in records {
        record(connection, one).await?;
    }
    Ok(())
}

async fn record(connection: &mut SqliteConnection, record: DeliveryRecord) -> Result<(), sqlx::Error> {
    let DeliveryRecord { delivery, attempt, verdict, now_ms } = record;
    if let Some(attempt) = attempt.filter(|_| verdict != Verdict::Delivered) {
        insert_attempt(connection, delivery, attempt).await?;
    }
    match verdict {
        // Its attempts go with it.
        Verdict::Delivered => query("DELETE FROM outbox WHERE id = $1 AND state = 0")
            .bind(delivery)
            .execute(connection)
            .await
            .map(drop),
        Verdict::Retry { next_attempt_ms } => {
            query("UPDATE outbox SET next_attempt_ms = $2 WHERE id = $1 AND state = 0")
                .bind(delivery)
                .bind(next_attempt_ms)
                .execute(connection)
                .await
                .map(drop)
        }
        Verdict::Dead { reason, exhausted, next_attempt_ms } => {
            give_up(connection, delivery, reason, now_ms, exhausted, next_attempt_ms).await
        }
    }
}

/// It is a dead letter, and the row behind it keeps what its lane knows.
async fn give_up(
    connection: &mut SqliteConnection,
    delivery: i64,
    reason: String,
    now_ms: i64,
    exhausted: bool,
    next_attempt_ms: i64,
) -> Result<(), sqlx::Error> {
    let ended = query("UPDATE outbox SET state = 2, reason = $2, ended_ms = $3 WHERE id = $1 AND state = 0")
        .bind(delivery)
        .bind(reason)
        .bind(now_ms)
        .execute(&mut *connection)
        .await?;
    if ended.rows_affected() == 0 {
        // The subscription was abandoned while the attempt was on its way: its rows are settled.
        return Ok(());
    }
    let sql = format!(
        "UPDATE outbox SET next_attempt_ms = $2,
             gave_up = max($3, (SELECT gave_up FROM outbox WHERE id = $1)) WHERE id = ({NEXT_IN_LANE})"
    );
    query(sqlx::AssertSqlSafe(sql))
        .bind(delivery)
        .bind(next_attempt_ms)
        .bind(exhausted)
        .execute(connection)
        .await
        .map(drop)
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

/// Ends what is owed to a subscription that is no more.
pub(super) async fn abandon(
    connection: &mut SqliteConnection,
    subscription: String,
    reason: String,
    now_ms: i64,
) -> Result<u64, sqlx::Error> {
    let dead = query(
        "UPDATE outbox SET state = 2, reason = $2, ended_ms = $3
         WHERE state = 0 AND subscription = $1 AND EXISTS (
             SELECT 1 FROM sessions JOIN sessions AS home ON home.id = COALESCE(sessions.home, sessions.id)
             WHERE sessions.id = outbox.session AND home.config_json IS NOT NULL)",
    )
    .bind(&subscription)
    .bind(reason)
    .bind(now_ms)
    .execute(&mut *connection)
    .await?;
    let dropped = query("DELETE FROM outbox WHERE state = 0 AND subscription = $1")
        .bind(&subscription)
        .execute(connection)
        .await?;
    Ok(dead.rows_affected() + dropped.rows_affected())
}
