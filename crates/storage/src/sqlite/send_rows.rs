use async_trait::async_trait;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite, SqliteConnection, query};

use super::{SqliteStorage, damaged, session_ids, unknown};
use crate::{SendBegun, SendRow, SendRows, SendState, Storage, StorageError};

#[async_trait]
impl SendRows for SqliteStorage {
    async fn send_by_key(
        &self,
        session: &str,
        idempotency_key: &str,
    ) -> Result<Option<SendRow>, StorageError> {
        let waits = !self.writer.is_settled();
        let read = || async {
            let found = by_key(session, idempotency_key).try_map(damaged::named(&SEND, read));
            let found = found.fetch_optional(&self.readers).await;
            found.map_err(StorageError::during("reading a send by its key"))
        };
        match read().await? {
            // What waits for a commit may say that it is done. A key that is not there waits for none: see `begin`.
            Some(send) if send.state == SendState::Accepted && waits => {
                self.settle().await;
                read().await
            }
            found => Ok(found),
        }
    }

    async fn send_by_id(&self, session: &str, message_id: &str) -> Result<Option<SendRow>, StorageError> {
        self.settle().await;
        query(
            "SELECT *, $1 AS session_name FROM sends
             WHERE session = (SELECT id FROM sessions WHERE name = $1) AND message_id = $2",
        )
        .bind(session)
        .bind(message_id)
        .try_map(damaged::named(&SEND, read))
        .fetch_optional(&self.readers)
        .await
        .map_err(StorageError::during("reading a send"))
    }

    async fn unfinished_sends(&self, session: &str) -> Result<Vec<SendRow>, StorageError> {
        self.settle().await;
        query(
            "SELECT *, $1 AS session_name FROM sends
             WHERE session = (SELECT id FROM sessions WHERE name = $1) AND state < 2 ORDER BY seq",
        )
        .bind(session)
        .try_map(damaged::named(&SEND, read))
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading unfinished sends"))
    }
}

/// The session's own send first, then those of its former accounts.
fn by_key<'q>(session: &'q str, key: &'q str) -> Query<'q, Sqlite, SqliteArguments> {
    query(
        "SELECT sends.*, sessions.name AS session_name FROM sessions JOIN sends ON sends.session = sessions.id
         WHERE (sessions.name = $1 OR sessions.home = (SELECT id FROM sessions WHERE name = $1)) AND idempotency_key = $2
         ORDER BY sessions.name LIMIT 1",
    )
    .bind(session)
    .bind(key)
}

pub(super) async fn begin(connection: &mut SqliteConnection, row: SendRow) -> Result<SendBegun, sqlx::Error> {
    if let Some(key) = &row.idempotency_key {
        let existing = by_key(&row.session, key)
            .try_map(damaged::named(&SEND, read))
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(existing) = existing {
            return Ok(SendBegun::Existing(Box::new(existing)));
        }
    }
    let session = session_ids::of(connection, &row.session).await?;
    let stored = query(
        "INSERT INTO sends (session, idempotency_key, request_hash, message_id, state, chat, proto, recipients,
             error, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (session, message_id) DO NOTHING",
    )
    .bind(session)
    .bind(row.idempotency_key)
    .bind(row.request_hash)
    .bind(row.message_id)
    .bind(number(row.state))
    .bind(row.chat)
    .bind(row.proto)
    .bind(row.recipients.join(" "))
    .bind(row.error)
    .bind(row.created_ms)
    .bind(row.updated_ms)
    .execute(connection)
    .await?;
    Ok(if stored.rows_affected() == 0 { SendBegun::IdTaken } else { SendBegun::New })
}

/// A send moves on with the commit that stores what became of it.
pub(super) async fn update(
    connection: &mut SqliteConnection,
    session: i64,
    message_id: &str,
    state: SendState,
    error: Option<&str>,
    now_ms: i64,
) -> Result<bool, sqlx::Error> {
    let updated = query(
        "UPDATE sends SET state = $3, error = COALESCE($4, error), updated_ms = $5
         WHERE session = $1 AND message_id = $2",
    )
    .bind(session)
    .bind(message_id)
    .bind(number(state))
    .bind(error)
    .bind(now_ms)
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

fn number(state: SendState) -> i64 {
    match state {
        SendState::Accepted => 0,
        SendState::Acked => 2,
        SendState::Failed => 3,
    }
}

/// How a damaged send is named.
const SEND: damaged::Naming = damaged::Naming { what: "send", key: "message_id" };

fn read(row: &SqliteRow) -> Result<SendRow, sqlx::Error> {
    Ok(SendRow {
        session: row.try_get("session_name")?,
        idempotency_key: row.try_get("idempotency_key")?,
        request_hash: row.try_get("request_hash")?,
        message_id: row.try_get("message_id")?,
        state: match row.try_get("state")? {
            0 => SendState::Accepted,
            2 => SendState::Acked,
            3 => SendState::Failed,
            other => return Err(unknown("state", other)),
        },
        chat: row.try_get("chat")?,
        proto: row.try_get("proto")?,
        recipients: row.try_get::<&str, _>("recipients")?.split_whitespace().map(str::to_owned).collect(),
        error: row.try_get("error")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
    })
}
