use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection, query, query_scalar};

use super::{SqliteStorage, damaged, session_ids, unknown};
use crate::{
    BulkBegun, BulkChange, BulkCounts, BulkRow, BulkRows, BulkState, RecipientRow, RecipientState,
    StorageError,
};

/// How a damaged bulk send is named.
const BULK: damaged::Naming = damaged::Naming { what: "bulk send", key: "id" };
/// How a damaged recipient is named.
const RECIPIENT: damaged::Naming = damaged::Naming { what: "recipient of a bulk send", key: "position" };

/// Bulk sends of a session.
const SELECT: &str = "SELECT bulk_sends.*, $1 AS session_name
    FROM bulk_sends WHERE session = (SELECT id FROM sessions WHERE name = $1)";
/// When one that runs is due.
const DUE: &str = "max(start_ms, COALESCE(held_until_ms, start_ms))";

#[async_trait]
impl BulkRows for SqliteStorage {
    async fn bulk(&self, session: &str, id: &str) -> Result<Option<BulkRow>, StorageError> {
        let sql = format!("{SELECT} AND id = $2");
        query(AssertSqlSafe(sql))
            .bind(session)
            .bind(id)
            .try_map(damaged::named(&BULK, read))
            .fetch_optional(&self.readers)
            .await
            .map_err(StorageError::during("reading a bulk send"))
    }

    async fn bulks(&self, session: &str, limit: u32, offset: u32) -> Result<Vec<BulkRow>, StorageError> {
        query(AssertSqlSafe(format!("{SELECT} ORDER BY seq DESC LIMIT $2 OFFSET $3")))
            .bind(session)
            .bind(limit)
            .bind(offset)
            .try_map(damaged::named(&BULK, read))
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading bulk sends"))
    }

    async fn due_bulk(
        &self,
        session: &str,
        now_ms: i64,
    ) -> Result<(Option<BulkRow>, Option<i64>), StorageError> {
        let reading = StorageError::during("reading bulk sends that run");
        let sql = format!("{SELECT} AND state = 0 AND {DUE} <= $2 ORDER BY seq LIMIT 1");
        let first = query(AssertSqlSafe(sql))
            .bind(session)
            .bind(now_ms)
            .try_map(damaged::named(&BULK, read))
            .fetch_optional(&self.readers)
            .await;
        let first = match first {
            Ok(first) => first,
            Err(error) => return Err(reading(error)),
        };
        let sql = format!(
            "SELECT min({DUE}) FROM bulk_sends
             WHERE state = 0 AND session = (SELECT id FROM sessions WHERE name = $1)"
        );
        let next = query_scalar(AssertSqlSafe(sql)).bind(session).fetch_one(&self.readers).await;
        Ok((first, next.map_err(StorageError::during("reading when a bulk send is due"))?))
    }

    async fn unfinished_bulk(
        &self,
        session: &str,
        request_hash: &str,
    ) -> Result<Option<BulkRow>, StorageError> {
        query(AssertSqlSafe(format!("{SELECT} AND state < 2 AND request_hash = $2 ORDER BY seq LIMIT 1")))
            .bind(session)
            .bind(request_hash)
            .try_map(damaged::named(&BULK, read))
            .fetch_optional(&self.readers)
            .await
            .map_err(StorageError::during("reading a bulk send by its request"))
    }

    async fn unfinished_bulks(&self, session: &str) -> Result<u64, StorageError> {
        let count: i64 = query_scalar(
            "SELECT count(*) FROM bulk_sends
             WHERE state < 2 AND session = (SELECT id FROM sessions WHERE name = $1)",
        )
        .bind(session)
        .fetch_one(&self.readers)
        .await
        .map_err(StorageError::during("counting bulk sends"))?;
        Ok(count.unsigned_abs())
    }

    async fn recipients(
        &self,
        session: &str,
        id: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<RecipientRow>, StorageError> {
        query(
            "SELECT * FROM bulk_recipients WHERE bulk = (SELECT seq FROM bulk_sends WHERE id = $2
                 AND session = (SELECT id FROM sessions WHERE name = $1))
             AND position >= $4 ORDER BY position LIMIT $3",
        )
        .bind(session)
        .bind(id)
        .bind(limit)
        .bind(offset)
        .try_map(damaged::named(&RECIPIENT, read_recipient))
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading the recipients of a bulk send"))
    }

    async fn next_recipient(&self, session: &str, id: &str) -> Result<Option<RecipientRow>, StorageError> {
        query(
            "SELECT * FROM bulk_recipients WHERE bulk = (SELECT seq FROM bulk_sends WHERE id = $2
                 AND session = (SELECT id FROM sessions WHERE name = $1))
             AND state = 0 ORDER BY position LIMIT 1",
        )
        .bind(session)
        .bind(id)
        .try_map(damaged::named(&RECIPIENT, read_recipient))
        .fetch_optional(&self.readers)
        .await
        .map_err(StorageError::during("reading the next recipient of a bulk send"))
    }

    async fn new_contacts_since(&self, session: &str, since_ms: i64) -> Result<u64, StorageError> {
        let count: i64 = query_scalar(
            "SELECT count(*) FROM bulk_recipients JOIN bulk_sends ON bulk_sends.seq = bulk_recipients.bulk
             WHERE is_new = 1 AND bulk_recipients.updated_ms >= $2
                 AND bulk_sends.session = (SELECT id FROM sessions WHERE name = $1)",
        )
        .bind(session)
        .bind(since_ms)
        .fetch_one(&self.readers)
        .await
        .map_err(StorageError::during("counting new contacts"))?;
        Ok(count.unsigned_abs())
    }
}

/// Stores a bulk send and its recipients, all or none.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    row: BulkRow,
    recipients: Vec<RecipientRow>,
) -> Result<BulkBegun, sqlx::Error> {
    let session = session_ids::of(connection, &row.session).await?;
    if let Some(key) = &row.idempotency_key {
        let existing = query(AssertSqlSafe(format!("{SELECT} AND idempotency_key = $2")))
            .bind(&row.session)
            .bind(key)
            .try_map(damaged::named(&BULK, read))
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(existing) = existing {
            return Ok(BulkBegun::Existing(Box::new(existing)));
        }
    }
    let bulk: i64 = query_scalar(
        "INSERT INTO bulk_sends (session, id, idempotency_key, request_hash, name, account, text, typing, start_ms,
             min_delay_ms, max_delay_ms, new_per_day, state, reason, held_until_ms, created_ms, updated_ms, waiting, sent, failed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 0, 0) RETURNING seq",
    )
    .bind(session)
    .bind(row.id)
    .bind(row.idempotency_key)
    .bind(row.request_hash)
    .bind(row.name)
    .bind(row.account)
    .bind(row.text)
    .bind(row.typing)
    .bind(row.start_ms)
    .bind(row.min_delay_ms)
    .bind(row.max_delay_ms)
    .bind(row.new_per_day)
    .bind(number(row.state))
    .bind(row.reason)
    .bind(row.held_until_ms)
    .bind(row.created_ms)
    .bind(row.updated_ms)
    .bind(i64::try_from(recipients.len()).unwrap_or(i64::MAX))
    .fetch_one(&mut *connection)
    .await?;
    for recipient in recipients {
        query(
            "INSERT INTO bulk_recipients (bulk, position, chat, variables, state, attempt, message_id, error, is_new, updated_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(bulk)
        .bind(recipient.position)
        .bind(recipient.chat)
        .bind(recipient.variables)
        .bind(recipient_number(recipient.state))
        .bind(recipient.attempt)
        .bind(recipient.message_id)
        .bind(recipient.error)
        .bind(recipient.is_new)
        .bind(recipient.updated_ms)
        .execute(&mut *connection)
        .await?;
    }
    Ok(BulkBegun::New)
}

/// Moves a bulk send on; `false` when it is in no state to.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    session: &str,
    change: BulkChange,
) -> Result<bool, sqlx::Error> {
    let from: Vec<i64> = change.from.iter().map(|state| number(*state)).collect();
    let is_in = |state: i64| i64::from(from.contains(&state));
    let changed = query(
        "UPDATE bulk_sends SET state = $3, reason = $4, held_until_ms = $5, updated_ms = $6
         WHERE session = (SELECT id FROM sessions WHERE name = $1) AND id = $2
             AND CASE state WHEN 0 THEN $7 WHEN 1 THEN $8 WHEN 2 THEN $9 ELSE $10 END = 1",
    )
    .bind(session)
    .bind(change.id)
    .bind(number(change.state))
    .bind(change.reason)
    .bind(change.held_until_ms)
    .bind(change.now_ms)
    .bind(is_in(0))
    .bind(is_in(1))
    .bind(is_in(2))
    .bind(is_in(3))
    .execute(connection)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Stores what became of a recipient. When nobody waits any more, a bulk send that runs is done.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    session: &str,
    id: &str,
    recipient: RecipientRow,
) -> Result<(), sqlx::Error> {
    let bulk: Option<i64> = query_scalar(
        "SELECT seq FROM bulk_sends WHERE id = $2 AND session = (SELECT id FROM sessions WHERE name = $1)",
    )
    .bind(session)
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(bulk) = bulk else { return Ok(()) };
    let before: Option<i64> =
        query_scalar("SELECT state FROM bulk_recipients WHERE bulk = $1 AND position = $2")
            .bind(bulk)
            .bind(recipient.position)
            .fetch_optional(&mut *connection)
            .await?;
    let Some(before) = before else { return Ok(()) };
    let after = recipient_number(recipient.state);
    query(
        "UPDATE bulk_recipients SET state = $3, attempt = $4, message_id = $5, error = $6, is_new = $7, updated_ms = $8
         WHERE bulk = $1 AND position = $2",
    )
    .bind(bulk)
    .bind(recipient.position)
    .bind(after)
    .bind(recipient.attempt)
    .bind(recipient.message_id)
    .bind(recipient.error)
    .bind(recipient.is_new)
    .bind(recipient.updated_ms)
    .execute(&mut *connection)
    .await?;
    query(
        "UPDATE bulk_sends SET updated_ms = $2, waiting = waiting - ($3 = 0) + ($4 = 0),
             sent = sent - ($3 = 1) + ($4 = 1), failed = failed - ($3 = 2) + ($4 = 2)
         WHERE seq = $1",
    )
    .bind(bulk)
    .bind(recipient.updated_ms)
    .bind(before)
    .bind(after)
    .execute(&mut *connection)
    .await?;
    query(
        "UPDATE bulk_sends SET held_until_ms = NULL, reason = NULL, state = CASE WHEN waiting = 0 THEN 2 ELSE 0 END
         WHERE seq = $1 AND state = 0",
    )
    .bind(bulk)
    .execute(connection)
    .await
    .map(drop)
}

fn number(state: BulkState) -> i64 {
    match state {
        BulkState::Running => 0,
        BulkState::Paused => 1,
        BulkState::Done => 2,
        BulkState::Cancelled => 3,
    }
}

fn recipient_number(state: RecipientState) -> i64 {
    match state {
        RecipientState::Waiting => 0,
        RecipientState::Sent => 1,
        RecipientState::Failed => 2,
    }
}

fn count(row: &SqliteRow, column: &str) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(column)?.unsigned_abs())
}

fn read(row: &SqliteRow) -> Result<BulkRow, sqlx::Error> {
    Ok(BulkRow {
        session: row.try_get("session_name")?,
        id: row.try_get("id")?,
        idempotency_key: row.try_get("idempotency_key")?,
        request_hash: row.try_get("request_hash")?,
        name: row.try_get("name")?,
        account: row.try_get("account")?,
        text: row.try_get("text")?,
        typing: row.try_get("typing")?,
        start_ms: row.try_get("start_ms")?,
        min_delay_ms: row.try_get("min_delay_ms")?,
        max_delay_ms: row.try_get("max_delay_ms")?,
        new_per_day: row.try_get("new_per_day")?,
        state: match row.try_get("state")? {
            0 => BulkState::Running,
            1 => BulkState::Paused,
            2 => BulkState::Done,
            3 => BulkState::Cancelled,
            other => return Err(unknown("state", other)),
        },
        reason: row.try_get("reason")?,
        held_until_ms: row.try_get("held_until_ms")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        counts: BulkCounts {
            waiting: count(row, "waiting")?,
            sent: count(row, "sent")?,
            failed: count(row, "failed")?,
        },
    })
}

fn read_recipient(row: &SqliteRow) -> Result<RecipientRow, sqlx::Error> {
    Ok(RecipientRow {
        position: row.try_get("position")?,
        chat: row.try_get("chat")?,
        variables: row.try_get("variables")?,
        state: match row.try_get("state")? {
            0 => RecipientState::Waiting,
            1 => RecipientState::Sent,
            2 => RecipientState::Failed,
            other => return Err(unknown("state", other)),
        },
        attempt: row.try_get("attempt")?,
        message_id: row.try_get("message_id")?,
        error: row.try_get("error")?,
        is_new: row.try_get("is_new")?,
        updated_ms: row.try_get("updated_ms")?,
    })
}
